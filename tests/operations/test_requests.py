from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import pytest
from pydantic import BeforeValidator

from ktrdr_engine.errors import InvalidRequest
from ktrdr_engine.operations.requests import OperationRequest, refuse_booleans


class PaintRequest(OperationRequest):
    noun = "painting"
    hints: ClassVar[Mapping[str, str]] = {"coats": "one is often enough"}

    colour: str
    coats: Annotated[int, BeforeValidator(refuse_booleans)] = 1


def refusal(**arguments: object) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        PaintRequest.parse(arguments)
    return caught.value


def test_a_good_request_has_its_defaults_filled_in() -> None:
    assert PaintRequest.parse({"colour": "red"}) == PaintRequest(colour="red", coats=1)


def test_a_refusal_names_the_work_and_every_mistake_with_its_repair() -> None:
    error = refusal(coats="many", color="red")
    assert error.message.startswith("The painting request is not valid: colour is missing; coats='many': ")
    assert "(one is often enough)" in error.message
    assert "unknown argument 'color': Did you mean 'colour'?" in error.message
    assert [mistake["field"] for mistake in error.details["errors"]] == ["colour", "coats", "color"]


def test_true_is_not_taken_for_one() -> None:
    assert "expected a number, not true or false" in refusal(colour="red", coats=True).message


def test_a_value_that_json_cannot_carry_is_told_as_text() -> None:
    assert refusal(colour=[1.0, float("nan")]).details["errors"][0]["value"] == "[1.0, nan]"
