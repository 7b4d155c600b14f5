"""Errors of commands: one message and a hint, and where they come from only for who asks."""

from __future__ import annotations

import pytest

from ktrdr_engine.cli import operations
from tests.cli.conftest import Run

UNKNOWN = ("operations", "show", "op_backtest_20250103_aaaaaaaaaa")


def test_an_error_has_a_hint_and_no_traceback(held_ktrdr: Run) -> None:
    ended = held_ktrdr(*UNKNOWN)
    assert ended.code == 2
    assert ended.stderr.startswith("Error: No operation")
    assert "ktrdr operations list" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_debug_shows_where_it_comes_from_and_the_message_last(held_ktrdr: Run) -> None:
    ended = held_ktrdr("--debug", *UNKNOWN)
    assert ended.code == 2
    assert ended.stderr.startswith("Traceback")
    assert ended.stderr.rstrip().endswith("ktrdr operations list")
    assert "Traceback" not in held_ktrdr(*UNKNOWN).stderr


def test_a_defect_is_called_one_and_says_how_to_see_more(ktrdr: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the wheel came off")

    monkeypatch.setattr(operations, "open_application", broken)
    ended = ktrdr("operations", "list")
    assert ended.code == 1
    assert ended.stderr.startswith("Error: RuntimeError: the wheel came off\n")
    assert "--debug" in ended.stderr
    assert "Traceback" not in ended.stderr
