"""`ktrdr strategies` and `ktrdr models`."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.strategy.loader import parse_strategy
from tests.cli.conftest import Run

SHIPPED = shipped_root() / "strategies" / "rsi_mean_reversion.yaml"


@pytest.mark.parametrize("command", [("strategies",), ("strategies", "list"), ("strategies", "--json")])
def test_strategies_are_listed_with_and_without_a_word(ktrdr: Run, command: tuple[str, ...]) -> None:
    ended = ktrdr(*command)
    assert ended.code == 0
    for word in ("rsi_mean_reversion.yaml", "long only", "rsi_mlp_v1.0.0.pt"):
        assert word in ended.stdout


@pytest.mark.parametrize("command", [("models",), ("models", "list")])
def test_models_are_listed_with_and_without_a_word(ktrdr: Run, command: tuple[str, ...]) -> None:
    ended = ktrdr(*command)
    assert ended.code == 0
    for word in (
        "rsi_mlp_v1.0.0.pt",
        "rsi_mean_reversion",
        "EURUSD",
        "0.282162",
        "2017-11-02..2017-12-27",
        "unchanged",
    ):
        assert word in ended.stdout


def test_rows_are_there_as_json(ktrdr: Run) -> None:
    (row,) = [row for row in ktrdr("models", "list", "--json").json if row["name"] == "rsi_mlp_v1.0.0.pt"]
    assert row["trained_from"] == "2017-01-02T14:00:00Z"
    assert row["source"] == "shipped"


@pytest.mark.parametrize(("command", "file"), [("strategies", "strategies/mine.yaml"), ("models", "models/mine.pt")])
def test_a_file_that_cannot_be_used_is_listed_with_its_problem(ktrdr: Run, home: Path, command: str, file: str) -> None:
    (home / file).parent.mkdir()
    (home / file).write_text("nothing of use\n")
    (row,) = [row for row in ktrdr(command, "--json").json if row["name"] == Path(file).name]
    assert Path(file).name in row["problem"]


def test_a_strategy_is_shown_in_plain_words_and_as_written(ktrdr: Run) -> None:
    shown = ktrdr("strategies", "show", "rsi_mean_reversion").stdout
    assert "rsi_zone says how far rsi_14 belongs" in shown
    assert SHIPPED.read_text() in shown
    assert ktrdr("strategies", "show", "rsi_mean_reversion", "--json").json["yaml"] == SHIPPED.read_text()


def test_a_new_strategy_is_valid_commented_and_never_written_over_another(ktrdr: Run, home: Path) -> None:
    made = ktrdr("strategies", "new", "mine", "--like", "trend_following")
    assert made.code == 0, made.stderr
    path = home / "strategies" / "mine.yaml"
    assert str(path) in made.stdout
    text = path.read_text()
    assert parse_strategy(text.encode(), "mine.yaml").name == "mine"
    assert text.startswith("# mine: begun as a copy of trend_following")
    again = ktrdr("strategies", "new", "mine")
    assert again.code == 2
    assert "exists already" in again.stderr
    assert path.read_text() == text
    assert ktrdr("strategies", "validate", "mine").code == 0


@pytest.mark.parametrize("path", sorted(SHIPPED.parent.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_strategy_can_be_begun_with(ktrdr: Run, path: Path) -> None:
    assert ktrdr("strategies", "new", "mine", "--like", path.stem, "--json").json["strategy_config_path"]
    assert ktrdr("strategies", "validate", "mine", "--json").json["valid"] is True


def test_a_new_name_and_the_pattern_must_make_sense(ktrdr: Run, home: Path) -> None:
    assert ktrdr("strategies", "new", "../mine").code == 2
    unknown = ktrdr("strategies", "new", "mine", "--like", "rsi_mean_revesion")
    assert unknown.code == 2
    assert "Did you mean" in unknown.stderr
    assert not list(home.rglob("*.yaml"))


def test_validation_lists_every_mistake_and_ends_with_2(ktrdr: Run, home: Path) -> None:
    file = home / "draft.yaml"
    file.write_text(SHIPPED.read_text().replace("period: 14", "perod: 14").replace("type: mlp", "type: mpl"))
    ended = ktrdr("strategies", "validate", str(file))
    assert ended.code == 2
    assert ended.stdout == ""
    assert "Not valid: 2 mistakes." in ended.stderr
    assert "Did you mean 'period'?" in ended.stderr
    as_json = ktrdr("strategies", "validate", str(file), "--json")
    assert as_json.code == 2
    assert as_json.json["mistakes"] == 2


def test_validation_of_a_valid_file_says_what_it_resolves_to(ktrdr: Run) -> None:
    ended = ktrdr("strategies", "validate", str(SHIPPED))
    assert ended.code == 0
    for words in ("Valid: 9 features", "1h_rsi_zone_oversold", "fit: rsi_mlp_v1.0.0.pt", "symbols: EURUSD 1h"):
        assert words in ended.stdout
    assert "needs no training" in ktrdr("strategies", "validate", "trend_rules").stdout


def test_a_file_that_is_no_text_is_refused(ktrdr: Run, home: Path) -> None:
    (home / "draft.yaml").write_bytes(b"\xff\xfe\x00")
    ended = ktrdr("strategies", "validate", str(home / "draft.yaml"))
    assert ended.code == 2
    assert "cannot be read" in ended.stderr


def test_a_model_is_shown_with_its_splits(ktrdr: Run) -> None:
    shown = ktrdr("models", "show", "rsi_mlp_v1.0.0")
    assert shown.code == 0
    for words in ("rsi_mean_reversion (unchanged)", "EURUSD 1h", "validation", "2017-10-31", "0.282162", "0.638919"):
        assert words in shown.stdout
    assert ktrdr("models", "show", "rsi_mlp_v1.0.0", "--json").json["epochs_run"] > 0
    assert ktrdr("models", "show", "nothing").code == 2
