"""The words that explain a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

import numpy as np
import pytest

from ktrdr_engine.simulation.decisions import Decisions, decide
from ktrdr_engine.simulation.notes import explain
from ktrdr_engine.simulation.simulator import simulate
from tests.simulation.markets import FREE, Changes, Prices, flat_bars

LOW = (0.41, 0.39, 0.2)
BUYS = (0.9, 0.1, 0.0)
SELLS = (0.0, 0.2, 0.8)
HOLDS = (0.1, 0.8, 0.1)
NANS = (float("nan"),) * 3
Row = tuple[float, float, float]


def decisions(*rows: Row) -> Decisions:
    return decide(np.array(rows, np.float32), 0.6)


def notes(*rows: Row, prices: Prices | None = None, **changes: Unpack[Changes]) -> tuple[str, ...]:
    decided = decisions(*rows)
    rules = replace(FREE, **changes)
    market = flat_bars(*[10.0] * len(rows)) if prices is None else prices
    return explain(simulate(market, decided.codes, rules), decided, rules)


def test_an_ordinary_run_needs_no_words() -> None:
    assert notes(BUYS, HOLDS, SELLS, HOLDS) == ()


def test_no_buy_was_probable_enough() -> None:
    assert notes(LOW, HOLDS) == ("No trades: max BUY probability 0.41 < confidence_threshold 0.60.",)


@pytest.mark.parametrize("threshold", [0.605, 0.6125, 0.41005])
@pytest.mark.parametrize("highest", [0.41, 0.0001])
def test_a_threshold_is_told_as_it_was_set(threshold: float, highest: float) -> None:
    decided = decide(np.array([(highest, 0.5, 0.3)] * 2, np.float32), threshold)
    (note,) = explain(simulate(flat_bars(10.0, 10.0), decided.codes, FREE), decided, FREE)
    told = [float(word) for word in note.removesuffix(".").split() if word[0].isdigit()]
    assert told == [highest, threshold]


def test_a_probability_just_below_the_threshold_does_not_look_like_it() -> None:
    assert notes((0.5999, 0.3, 0.1)) == ("No trades: max BUY probability 0.5999 < confidence_threshold 0.6000.",)


def test_the_probability_was_high_enough_but_another_class_was_higher() -> None:
    decided = decide(np.array([(0.3, 0.5, 0.2)], np.float32), 0.2)
    said = explain(simulate(flat_bars(10), decided.codes, FREE), decided, FREE)
    assert said == ("No trades: BUY was never the most probable class, although it reached a probability of 0.30.",)


def test_sales_without_a_position_are_explained() -> None:
    said = notes(SELLS, SELLS, HOLDS)
    assert said[1] == "SELL signals that found no long position to close (allow_short_from_flat: false): 2."


def test_shorts_that_never_came_are_explained() -> None:
    said = notes(LOW, HOLDS, allow_short_from_flat=True)
    assert said == (
        "No trades: max BUY probability 0.41 < confidence_threshold 0.60.",
        "No short trades: max SELL probability 0.20 < confidence_threshold 0.60.",
    )


def test_features_that_were_never_known_are_explained() -> None:
    (said,) = notes(NANS, NANS)
    assert said.startswith("No trades: on no bar of the range were all features known.")


def test_known_features_without_one_finite_output_are_not_called_unknown() -> None:
    decided = decide(np.array([NANS, NANS], np.float32), 0.6, known=np.array([False, True]))
    said = explain(simulate(flat_bars(10, 10), decided.codes, FREE), decided, FREE)
    assert said == (
        "No trades: on no bar of the range was the model's output finite: prices or weights are too extreme.",
        "Bars that decided HOLD because the model's output was not finite: 1.",
    )


def test_too_little_money_for_a_whole_unit_is_explained() -> None:
    said = notes(BUYS, HOLDS, HOLDS, prices=flat_bars(*[2000.0] * 3), fractional_units=False)
    assert said == ("Entries not made because a whole unit was dearer (fractional_units: true buys a part): 1.",)


def test_an_account_that_lost_more_than_all_is_explained() -> None:
    prices = flat_bars(10, 10, 30, 30, 30)
    said = notes(SELLS, BUYS, BUYS, HOLDS, HOLDS, prices=prices, allow_short_from_flat=True)
    assert said[0] == "Entries not made because nothing was left: 2."
    assert said[1].startswith("The equity fell to -1,000.00: a short position lost more than the account held.")


def test_the_unfilled_decision_is_named() -> None:
    assert notes(HOLDS, BUYS) == ("The decision on the last bar was not filled: it has no next open.",)


def test_outputs_that_are_no_numbers_are_named() -> None:
    assert notes(BUYS, NANS, HOLDS) == ("Bars that decided HOLD because the model's output was not finite: 1.",)


@pytest.mark.parametrize(("aware", "expected"), [(True, 0), (False, 1)])
def test_repeated_signals_are_named_only_without_position_awareness(aware: bool, expected: int) -> None:
    said = notes(BUYS, BUYS, BUYS, HOLDS, position_awareness=aware)
    assert len(said) == expected
    if said:
        assert said[0].startswith("Signals that repeated the side of the open position: 2.")


def test_bars_on_which_buy_and_sell_are_alike_are_named() -> None:
    (note,) = notes(BUYS, (0.6, 0.0, 0.6), (0.6, 0.0, 0.6), SELLS, HOLDS)
    assert "BUY and SELL were equally probable: 2." in note


def test_a_probability_that_is_small_is_not_told_as_none() -> None:
    assert notes((0.00012, 0.9, 0.1)) == ("No trades: max BUY probability 0.00012 < confidence_threshold 0.60.",)
