"""Listings in terminals of every width."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ktrdr_engine.cli.fitting import fitted
from ktrdr_engine.cli.tables import listing
from tests.cli.conftest import Run

COLUMNS = ("name", "source", "newest model", "nothing", "description")
ROWS = [
    ("rsi_mean_reversion", "shipped", "rsi_mlp_v1.0.0.pt", "", "Buy oversold, sell overbought, and wait"),
    ("b",) * 3 + ("", "c"),
]


def printed(width: int, *, spare: tuple[str, ...] = ("newest model", "source")) -> str:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(fitted("2 strategies", COLUMNS, ROWS, spare=spare, width=width))
    return capture.get()


def test_with_room_only_a_column_that_says_nothing_is_left_out() -> None:
    shown = printed(120)
    assert all(name in shown for name in COLUMNS if name != "nothing")
    assert "nothing" not in shown
    assert "No room" not in shown


def test_without_it_columns_go_in_the_order_given_and_are_named() -> None:
    assert "No room here for: newest model." in printed(60)
    assert "No room here for: newest model, source." in printed(45)


@given(st.integers(44, 200))
def test_no_cell_is_ever_cut(width: int) -> None:
    shown = printed(width)
    assert "…" not in shown
    assert "rsi_mean_reversion" in shown
    assert "oversold" in shown


def test_a_listing_without_rows_still_has_its_columns() -> None:
    assert [column.header.plain for column in fitted("", ("a", "b"), [], spare=(), width=80).columns] == ["a", "b"]  # type: ignore[union-attr]  # listing makes headers of Text


def test_a_word_longer_than_its_column_goes_on_in_the_next_line() -> None:
    console = Console(width=44)
    with console.capture() as capture:
        console.print(listing("", ("operation", "what"), [("op_training_20261125_7tg6rlqd2p", "models/mine.pt")]))
    assert "".join(line[33:].strip() for line in capture.get().splitlines()).endswith("models/mine.pt")


@pytest.mark.parametrize("command", [("strategies",), ("models",), ("data",)])
@pytest.mark.parametrize("width", [80, 100, 120])
def test_what_ships_fits_a_terminal(
    ktrdr: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    shown = ktrdr(*command)
    assert shown.code == 0
    assert "…" not in shown.stdout
