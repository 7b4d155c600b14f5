"""`ktrdr library`: what people delete they can have back."""

from __future__ import annotations

from pathlib import Path

from ktrdr_engine.cli.completing import kinds
from tests.cli.conftest import Run


def test_a_strategy_is_deleted_listed_and_restored(ktrdr: Run, home: Path) -> None:
    ktrdr("strategies", "new", "mine")
    path = home / "strategies" / "mine.yaml"
    text = path.read_text()
    ended = ktrdr("library", "delete", "strategy", "mine")
    assert ended.code == 0
    assert "ktrdr library restore strategy mine" in ended.stdout
    assert not path.exists()
    assert "mine" in ktrdr("library").stdout
    (row,) = ktrdr("library", "list", "strategy", "--json").json
    assert (row["kind"], row["name"], row["why"]) == ("strategy", "mine", "deleted")
    assert ktrdr("library", "list", "model", "--json").json == []
    assert ktrdr("library", "restore", "strategy", "mine", "--entry", row["id"]).code == 0
    assert path.read_text() == text


def test_what_cannot_be_deleted_or_restored_is_bad_input(ktrdr: Run) -> None:
    for command in (
        ("delete", "strategy", "trend_rules"),
        ("delete", "strategi", "x"),
        ("restore", "dataset", "X_1d"),
        ("delete", "model", "x"),
    ):
        ended = ktrdr("library", *command)
        assert (ended.code, ended.stdout) == (2, "")
        assert "Error" in ended.stderr


def test_the_trash_is_emptied_only_when_that_was_meant(ktrdr: Run, home: Path) -> None:
    ktrdr("strategies", "new", "mine")
    ktrdr("library", "delete", "strategy", "mine")
    assert ktrdr("library", "empty").code == 1
    assert len(ktrdr("library", "list", "--json").json) == 1
    assert ktrdr("library", "empty", "--yes", "--json").json == {"removed": 1}
    assert ktrdr("library", "list", "--json").json == []


def test_kinds_are_offered() -> None:
    assert kinds("d") == ["dataset"]
