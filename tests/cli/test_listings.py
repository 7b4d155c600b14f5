from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("strategies", ["rsi_mean_reversion.yaml", "long only"]),
        ("models", ["rsi_mlp_v1.0.0.pt", "rsi_mean_reversion", "EURUSD 1h"]),
    ],
)
def test_what_ships_is_listed(ktrdr: Run, command: str, words: list[str]) -> None:
    shown = ktrdr(command)
    assert shown.code == 0
    for word in words:
        assert word in shown.stdout


def test_listings_are_there_as_json(ktrdr: Run) -> None:
    rows = ktrdr("data", "--json").json
    (euro,) = [row for row in rows if row["symbol"] == "EURUSD"]
    assert euro == {
        "symbol": "EURUSD",
        "timeframe": "1h",
        "bars": 6225,
        "first": "2017-01-01T22:00:00Z",
        "last": "2017-12-29T21:00:00Z",
        "gaps": 2,
        "source": "shipped",
        "loaded_from": "",
        "problem": None,
    }


@pytest.mark.parametrize(
    ("command", "file", "name"),
    [
        ("strategies", "strategies/mine.yaml", "mine.yaml"),
        ("models", "models/mine.pt", "mine.pt"),
    ],
)
def test_a_file_that_cannot_be_used_is_listed_with_its_problem(
    ktrdr: Run, home: Path, command: str, file: str, name: str
) -> None:
    (home / file).parent.mkdir()
    (home / file).write_text("nothing of use\n")
    (problem,) = [row["problem"] for row in ktrdr(command, "--json").json if row.get("name") == name]
    assert Path(file).name in problem
