"""What a message quotes of a file stands in the file, letter by letter; a repair that is followed keeps the name."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import yaml

from ktrdr_engine.errors import StrategyError
from ktrdr_engine.strategy.loader import parse_strategy
from tests.strategy.conftest import COMPLETE

NAMES_READ_AS_SOMETHING_ELSE = ("000001", "0700", "TRUE", "False", "1e3", "1.10", "010", ".5", "0")


def written(**places: str) -> bytes:
    """Return a file in which each place, `symbol` or `version`, holds that text without quotes."""
    root: dict[str, Any] = copy.deepcopy(COMPLETE)
    for place in ("symbol", "version"):
        section = root if place == "version" else root["training_data"]["symbols"]
        section[place] = f"PLAIN-{place}"
    text = yaml.safe_dump(root, sort_keys=False)
    for place, value in {"symbol": "EURUSD", "version": "one", **places}.items():
        text = text.replace(f"PLAIN-{place}", value)
    return text.encode()


def problems(content: bytes) -> list[dict[str, Any]]:
    with pytest.raises(StrategyError) as caught:
        parse_strategy(content, "s.yaml")
    return list(caught.value.details["errors"])


def message(content: bytes) -> str:
    with pytest.raises(StrategyError) as caught:
        parse_strategy(content, "s.yaml")
    return caught.value.message


@pytest.mark.parametrize("name", NAMES_READ_AS_SOMETHING_ELSE)
def test_a_symbol_that_reads_as_a_number_or_a_word_is_quoted_as_it_stands(name: str) -> None:
    content = written(symbol=name)
    (found,) = problems(content)
    assert found["path"] == "training_data.symbols.symbol"
    assert f'"{name}"' in found["repair"]
    assert f"symbol = {name} (line" in message(content)


@pytest.mark.parametrize("name", NAMES_READ_AS_SOMETHING_ELSE)
def test_the_repair_of_a_symbol_followed_by_the_letter_keeps_the_name(name: str) -> None:
    (found,) = problems(written(symbol=name))
    quoted = found["repair"].removeprefix("Put it in quotes: ").removesuffix(".")
    config = parse_strategy(written(symbol=quoted), "s.yaml")
    assert config.training_data.symbols.symbol == name


@pytest.mark.parametrize("version", ["1.10", "2.0", "007", "1e2", "true"])
def test_a_version_that_reads_as_a_number_is_quoted_as_it_stands(version: str) -> None:
    (found,) = problems(written(version=version))
    assert (found["path"], found["repair"]) == ("version", f'Put it in quotes: "{version}".')


def test_symbols_in_a_list_are_quoted_each_and_none_is_called_a_repetition() -> None:
    plain = yaml.safe_dump(COMPLETE, sort_keys=False)
    text = plain.replace(
        "mode: single\n    symbol: EURUSD", "mode: multi_symbol\n    list: [000001, 1, 0700, TRUE, NULL]"
    )
    found = {one["path"].rpartition(".")[2]: one["repair"] for one in problems(text.encode())}
    assert found == {
        f"list[{number}]": f'Put it in quotes: "{name}".'
        for number, name in enumerate(["000001", "1", "0700", "TRUE", "NULL"])
    }


@pytest.mark.parametrize("word", ["null", "NULL", "Null"])
def test_a_symbol_called_null_is_not_taken_for_one_left_out_without_a_word(word: str) -> None:
    (found,) = problems(written(symbol=word))
    assert f'"{word}"' in found["repair"]


def test_a_strategy_in_json_is_quoted_as_it_stands_too() -> None:
    text = json.dumps(COMPLETE).replace('"EURUSD"', "1e3")
    (found,) = problems(text.encode())
    assert found["repair"] == 'Put it in quotes: "1e3".'


@pytest.mark.parametrize(
    ("written_as", "repair"),
    [
        ("1_000", "write 1000"), ("1,000", "write 1000"), ('"100"', "write 100 without quotes"),
        ("12:30", "a plain number"), ("0x1F", "a plain number"), ("2024-01-01", "a plain number"),
        ("50%", "Leave out the %"),
    ],
)  # fmt: skip
def test_text_where_a_number_belongs_is_answered_with_the_number_it_means(written_as: str, repair: str) -> None:
    text = yaml.safe_dump(COMPLETE, sort_keys=False).replace("epochs: 100", f"epochs: {written_as}")
    (found,) = problems(text.encode())
    assert repair in found["repair"]


def test_percent_in_text_becomes_the_fraction() -> None:
    text = yaml.safe_dump(COMPLETE, sort_keys=False).replace("stop_loss: 0.02", "stop_loss: 2%")
    (found,) = problems(text.encode())
    assert "Write 0.02" in found["repair"]


@pytest.mark.parametrize(("word", "meant"), [("yes", "true"), ("on", "true"), ("1", "true"), ("no", "false")])
def test_a_word_of_older_yaml_for_true_or_false_is_answered_with_it(word: str, meant: str) -> None:
    text = yaml.safe_dump(COMPLETE, sort_keys=False).replace("fractional_units: true", f"fractional_units: {word}")
    (found,) = problems(text.encode())
    assert f"Write {meant}," in found["repair"]


def test_a_key_that_is_no_word_is_quoted_as_it_stands() -> None:
    assert '"010"' in message(b"010: x\n")


def test_a_number_in_a_short_membership_is_shown_as_it_stands() -> None:
    text = yaml.safe_dump(COMPLETE, sort_keys=False, default_flow_style=None)
    assert "= TRUE" in message(text.replace("[0, 20, 35]", "[TRUE, 20, 35]").encode())
