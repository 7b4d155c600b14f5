from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.datasets.prices import bars, csv, put

LOAD = ("data", "load", "--symbol", "MY/FX", "--timeframe", "1h")


@pytest.mark.parametrize("command", [("data",), ("data", "list")])
def test_what_is_there_is_listed(ktrdr: Run, command: tuple[str, ...]) -> None:
    shown = ktrdr(*command)
    assert shown.code == 0
    for word in ("EURUSD", "6,225", "2017-12-29", "shipped"):
        assert word in shown.stdout


def test_a_file_is_loaded_shown_and_listed(ktrdr: Run, home: Path) -> None:
    put(home, csv(bars([hour for hour in range(400) if hour != 200])))
    shown = ktrdr(*LOAD, "--source", "file", "--path", "prices.csv")
    assert shown.code == 0
    assert "COMPLETED" in shown.stdout
    assert "new bars" in shown.stdout
    assert "note: MY/FX is listed as MY-FX" in shown.stdout
    card = ktrdr("data", "show", "MY/FX", "1h", "--json").json
    assert card["symbol"] == "MY-FX"
    assert (card["bars"], card["gaps"], card["missing_bars"]) == (399, 1, 1)
    assert card["longest_gaps"] == [{"first": "2024-01-09T08:00:00Z", "last": "2024-01-09T08:00:00Z", "bars": 1}]
    assert card["loaded_from"] == "file prices.csv"
    assert len(card["sha256"]) == 64
    shown = ktrdr("data", "show", "MY-FX", "1h")
    assert "longest gaps" in shown.stdout
    assert "2024-01-09T08:00:00Z" in shown.stdout
    assert "file prices.csv" in ktrdr("data").stdout


def test_json_is_the_finished_operation_and_nothing_else(ktrdr: Run, home: Path) -> None:
    put(home, csv(bars(list(range(10)))))
    operation = ktrdr(*LOAD, "--source", "file", "--path", "prices.csv", "--json").json
    assert (operation["operation_type"], operation["status"]) == ("DATA_LOADING", "COMPLETED")
    assert operation["results"]["bars"] == 10
    longer = ktrdr("data", "load", "--symbol", "MY-FX", "--timeframe", "4h", "--source", "resample", "--json").json
    assert longer["results"]["bars"] == 2


def test_a_load_that_fails_ends_with_1_and_says_why(ktrdr: Run, home: Path) -> None:
    put(home, csv(bars([0])) + "2024-01-02,1,2,3,4,5\n")
    shown = ktrdr(*LOAD, "--source", "file", "--path", "prices.csv")
    assert shown.code == 1
    assert "Error data_error: prices.csv, row 2 (2024-01-02T00:00:00Z): low 3 is above open 1" in shown.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--source", "fiel"), "Did you mean 'file'"),
        (("--source", "file"), "needs path"),
        (("--source", "file", "--path", "../x.csv"), "not a name inside imports/"),
        (("--source", "yahoo"), "start_date is missing"),
        (("--source", "file", "--path", "prices.csv", "--on-conflict", "x"), "on_conflict"),
    ],
)
def test_bad_input_ends_with_2_and_the_repair(ktrdr: Run, options: tuple[str, ...], words: str) -> None:
    shown = ktrdr(*LOAD, *options)
    assert shown.code == 2
    assert words in shown.stderr


def test_an_unknown_dataset_is_answered_with_the_nearest(ktrdr: Run) -> None:
    shown = ktrdr("data", "show", "EURUDS", "1h")
    assert shown.code == 2
    assert "Did you mean 'EURUSD'" in shown.stderr


def test_a_file_that_cannot_be_used_is_listed_with_its_problem(ktrdr: Run, home: Path) -> None:
    (home / "data").mkdir()
    (home / "data" / "MINE_1h.csv").write_text("nothing of use\n")
    (row,) = [row for row in ktrdr("data", "--json").json if row["symbol"] == "MINE"]
    assert row.keys() == {"symbol", "timeframe", "problem"}
    assert "MINE_1h.csv" in row["problem"]
    assert "CANNOT BE USED" in ktrdr("data").stdout


def test_the_terminal_shows_and_says_a_market(ktrdr: Run, home: Path) -> None:
    assert ktrdr("data", "market", "EURUSD", "1h", "--json").json == {"market": "fx", "market_inferred": False}
    assert "utc" in ktrdr("data", "market", "EURUSD", "1h", "utc").stdout
    assert ktrdr("data", "market", "EURUSD", "1h", "--json").json["market"] == "utc"
    assert "utc" in ktrdr("data", "show", "EURUSD", "1h").stdout
    refused = ktrdr("data", "market", "EURUSD", "1h", "equity:Asia/Tokio")
    assert refused.code == 2
    assert "equity:Asia/Tokyo" in refused.stderr
