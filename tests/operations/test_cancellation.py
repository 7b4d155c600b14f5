from __future__ import annotations

import pytest

from ktrdr_engine.errors import OperationCancelled
from ktrdr_engine.operations.cancellation import CancellationToken


def test_a_new_token_lets_work_go_on() -> None:
    token = CancellationToken()
    token.raise_if_cancelled()
    assert not token.is_cancelled


def test_a_cancelled_token_stops_work_and_says_why() -> None:
    token = CancellationToken()
    token.cancel("enough")
    with pytest.raises(OperationCancelled, match="enough"):
        token.raise_if_cancelled()


def test_the_flag_is_one_byte_for_the_whole_life_of_the_token() -> None:
    token = CancellationToken()
    flag = token.flag
    assert flag == b"\0"
    token.cancel()
    assert flag == b"\1"
    assert token.flag is flag


def test_the_first_reason_stays() -> None:
    token = CancellationToken()
    token.cancel("first")
    token.cancel("second")
    assert token.reason == "first"


def test_a_cancellation_without_a_reason_says_so() -> None:
    token = CancellationToken()
    token.cancel()
    with pytest.raises(OperationCancelled, match="no reason"):
        token.raise_if_cancelled()
