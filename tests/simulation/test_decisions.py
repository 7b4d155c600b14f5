"""The first rule of deciding: the most probable class, if it is probable enough."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from ktrdr_engine.errors import InvalidRequest
from ktrdr_engine.simulation.decisions import decide
from ktrdr_engine.simulation.models import BUY, HOLD, SELL

NAN, INF = float("nan"), float("inf")


def rows(*probabilities: tuple[float, float, float]) -> NDArray[np.float32]:
    return np.array(probabilities, np.float32).reshape(len(probabilities), 3)


def test_the_most_probable_class_decides() -> None:
    decisions = decide(rows((0.8, 0.1, 0.1), (0.1, 0.8, 0.1), (0.1, 0.1, 0.8)), 0.5)
    assert decisions.codes.tolist() == [BUY, HOLD, SELL]
    assert (decisions.buys, decisions.sells) == (1, 1)
    assert decisions.codes.dtype == np.int8


def test_a_probability_below_the_threshold_holds_and_one_at_it_does_not() -> None:
    assert decide(rows((0.59, 0.2, 0.21), (0.6, 0.2, 0.2), (0.2, 0.2, 0.6)), 0.6).codes.tolist() == [HOLD, BUY, SELL]


def test_buy_and_sell_that_are_equally_probable_contradict_each_other_and_hold() -> None:
    third = 1 / 3
    equal = rows((0.4, 0.2, 0.4), (0.5, 0.0, 0.5), (third, third, third), (0.5, 0.0, np.nextafter(np.float32(0.5), 1)))
    decisions = decide(equal, 0.3)
    assert decisions.codes.tolist() == [HOLD] * 4
    assert (decisions.alike, decisions.buys, decisions.sells) == (4, 0, 0)
    assert decide(equal, 0.3, start=1).alike == 3


def test_a_tie_that_would_decide_nothing_anyhow_is_not_counted() -> None:
    assert decide(rows((0.3, 0.4, 0.3), (0.4, 0.2, 0.4), (NAN, NAN, NAN)), 0.5).alike == 0


def test_between_equal_buy_and_hold_it_buys_and_between_equal_hold_and_sell_it_holds() -> None:
    assert decide(rows((0.5, 0.5, 0.0), (0.0, 0.5, 0.5)), 0.3).codes.tolist() == [BUY, HOLD]


@pytest.mark.parametrize("bad", [(NAN, NAN, NAN), (0.9, NAN, 0.1), (INF, 0.0, 0.0), (INF, -INF, 0.0), (0.9, 0.0, INF)])
def test_a_row_that_is_not_finite_holds_and_is_counted(bad: tuple[float, float, float]) -> None:
    decisions = decide(rows((0.9, 0.1, 0.0), bad, (0.0, 0.1, 0.9)), 0.5)
    assert decisions.codes.tolist() == [BUY, HOLD, SELL]
    assert (decisions.nonfinite, decisions.warmup) == (1, 0)
    assert decisions.max_buy == pytest.approx(0.9)
    assert decisions.max_sell == pytest.approx(0.9)


def test_rows_before_the_first_finite_one_are_warmup() -> None:
    decisions = decide(rows((NAN, NAN, NAN), (NAN, NAN, NAN), (0.9, 0.1, 0.0), (NAN, NAN, NAN)), 0.5)
    assert (decisions.warmup, decisions.nonfinite) == (2, 1)


def test_the_caller_may_say_which_rows_had_known_features() -> None:
    probabilities = rows((NAN, NAN, NAN), (NAN, NAN, NAN), (0.9, 0.1, 0.0), (NAN, NAN, NAN))
    decisions = decide(probabilities, 0.5, known=np.array([False, True, True, False]))
    assert (decisions.warmup, decisions.nonfinite) == (2, 1)


def test_nothing_known_means_all_is_warmup_and_no_probability_is_the_highest() -> None:
    decisions = decide(rows(*[(NAN, NAN, NAN)] * 3), 0.5)
    assert (decisions.warmup, decisions.nonfinite) == (3, 0)
    assert decisions.max_buy is None
    assert decisions.max_sell is None


def test_rows_before_the_range_decide_but_count_nowhere() -> None:
    probabilities = rows((NAN, NAN, NAN), (0.9, 0.1, 0.0), (0.3, 0.6, 0.1), (0.1, 0.2, 0.7))
    decisions = decide(probabilities, 0.5, start=2)
    assert decisions.codes.tolist() == [HOLD, BUY, HOLD, SELL]
    assert (decisions.buys, decisions.sells, decisions.warmup) == (0, 1, 0)
    assert decisions.max_buy == pytest.approx(0.3)
    assert decisions.max_sell == pytest.approx(0.7)


def test_no_rows_decide_nothing() -> None:
    decisions = decide(np.empty((0, 3), np.float32), 0.5)
    assert decisions.codes.size == 0
    assert decisions.max_buy is None


def test_another_shape_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"\(n, 3\)"):
        decide(np.zeros((4, 2), np.float32), 0.5)


@pytest.mark.parametrize("threshold", [60, -0.1, NAN])
def test_a_threshold_that_is_no_fraction_is_refused(threshold: float) -> None:
    with pytest.raises(InvalidRequest, match="confidence_threshold="):
        decide(np.zeros((1, 3), np.float32), threshold)


def test_many_rows_decide_as_they_do_alone() -> None:
    probabilities = np.random.default_rng(1).dirichlet([1, 1, 1], 70_000).astype(np.float32)
    decisions = decide(probabilities, 0.6, start=66_000)
    assert decisions.max_buy == pytest.approx(float(probabilities[66_000:, BUY].max()))
    for row in (0, 65_535, 65_536, 69_999):
        assert decisions.codes[row] == decide(probabilities[row : row + 1], 0.6).codes[0]


@settings(max_examples=100, deadline=None)
@given(
    probabilities=arrays.arrays(
        np.float32, st.tuples(st.integers(0, 12), st.just(3)), elements=st.floats(0, 1, width=32) | st.just(NAN)
    ),
    threshold=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
)
def test_every_row_agrees_with_a_plain_reading_of_the_rule(
    probabilities: NDArray[np.float32], threshold: float
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        codes = decide(probabilities, threshold).codes.tolist()
    expected = []
    for row in probabilities.tolist():
        best = max(row)
        sure = all(np.isfinite(row)) and best >= threshold
        if sure and row.index(best) != HOLD and abs(row[BUY] - row[SELL]) <= 2.0**-21:
            sure = False
        expected.append(row.index(best) if sure else HOLD)
    assert codes == expected
