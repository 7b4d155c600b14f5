from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError

from ktrdr_engine.operations.mistakes import UNKNOWN, fits, mended, sentence
from ktrdr_engine.operations.requests import refuse_booleans


def _even(text: str) -> str:
    raise ValueError("a colour of this shop, such as teal")


class Order(BaseModel):
    coats: Annotated[int, Field(ge=1, le=9), BeforeValidator(refuse_booleans)] = 1
    share: Annotated[float, Field(ge=0, le=0.2)] = 0.1
    money: Annotated[float, Field(gt=0)] = 1.0
    finish: Literal["matt", "glossy"] = "matt"
    rooms: list[str] = []
    name: str = ""
    colour: Annotated[str, AfterValidator(_even)] = "red"


PROPERTIES: dict[str, Any] = Order.model_json_schema()["properties"]


@pytest.mark.parametrize(
    ("field", "value", "meant"),
    [
        ("coats", 12, 9),
        ("coats", -3, 1),
        ("coats", 1.5, UNKNOWN),
        ("coats", "2_000", UNKNOWN),
        ("coats", True, UNKNOWN),
        ("share", 5, 0.05),
        ("share", "5%", 0.05),
        ("share", "5 %", 0.05),
        ("share", 300, UNKNOWN),
        ("money", "100,000", 100_000.0),
        ("money", "lots", UNKNOWN),
        ("money", -1, UNKNOWN),
        ("finish", "MATT", "matt"),
        ("finish", "purple", UNKNOWN),
        ("rooms", "hall", ["hall"]),
        ("rooms", "hall, attic", ["hall", "attic"]),
        ("name", 700, "700"),
        ("name", ["hall"], "hall"),
        ("name", ["hall", "attic"], UNKNOWN),
        ("name", None, UNKNOWN),
        ("coats", float("nan"), UNKNOWN),
        ("money", float("inf"), UNKNOWN),
        ("money", "1e999%", UNKNOWN),
        ("share", float("-inf"), UNKNOWN),
        ("coats", 10**400, UNKNOWN),
    ],
)
def test_a_value_is_mended_only_where_its_meaning_is_plain(field: str, value: object, meant: object) -> None:
    assert mended(value, PROPERTIES[field]) == meant


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("coats", True, "expected a number, not true or false: a whole number from 1 to 9"),
        ("coats", 12, "expected a whole number from 1 to 9: How many"),
        ("finish", "MATT", "expected one of matt, glossy: How many. Did you mean 'matt'?"),
        ("colour", "plaid", "a colour of this shop, such as teal"),
        ("name", 700, 'expected text: How many. Put it in quotes: "700"'),
        ("share", 5, "expected a finite number from 0 to 0.2: How many. Did you mean 0.05?"),
    ],
)
def test_a_mistake_tells_what_is_expected_or_what_the_validator_says(field: str, value: object, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Order.model_validate({field: value})
    assert sentence(caught.value.errors()[0], PROPERTIES[field], about="How many") == words


def test_a_value_fits_a_field_of_its_type_and_choices() -> None:
    assert fits("matt", PROPERTIES["finish"])
    assert not fits("purple", PROPERTIES["finish"])
    assert not fits(True, PROPERTIES["finish"])
    assert fits(["hall"], PROPERTIES["rooms"])
    assert not fits("hall", PROPERTIES["rooms"])
