"""A note where signals came from bars on which the price stood still."""

from __future__ import annotations

import numpy as np
import pytest

from ktrdr_engine.backtesting.standstill import standstill
from ktrdr_engine.simulation.decisions import decide
from ktrdr_engine.simulation.simulator import simulate
from tests.features.prices import make_series
from tests.simulation.markets import FREE

MOVES = [100.0, 101.0, 99.0, 102.0]


def notes(closes: list[float], bought: list[int], *, start: int = 0, spread: float = 0.0) -> list[str]:
    close = np.array(closes)
    series = make_series(close, np.full(len(close), spread), np.ones(len(close)))
    probabilities = np.tile(np.array([0.0, 1.0, 0.0], np.float32), (len(close), 1))
    probabilities[bought] = (1.0, 0.0, 0.0)
    decisions = decide(probabilities, 0.6, start=start)
    return list(standstill(series, decisions, simulate(series.prices, decisions.codes, FREE, start=start)))


def test_signals_at_the_end_of_a_standstill_are_counted() -> None:
    # The price stops on bar 3; bar 8 is the fifth that has not moved at all.
    (note,) = notes([*MOVES, *[102.0] * 8], [1, 7, 8, 10])
    assert "2 of 4" in note


@pytest.mark.parametrize(
    ("closes", "spread"),
    [
        ([100.0 + i for i in range(12)], 0.0),
        ([*MOVES, *[102.0] * 8], 0.01),
        ([102.0, 103.0] * 6, 0.0),
        ([5.0, 5.0], 0.0),
    ],
)
def test_a_market_that_moves_needs_no_note(closes: list[float], spread: float) -> None:
    assert notes(closes, list(range(len(closes))), spread=spread) == []


def test_a_standstill_that_began_before_the_range_counts_within_it() -> None:
    (note,) = notes([*MOVES, *[102.0] * 8], [8, 9, 10], start=9)
    assert "2 of 2" in note
