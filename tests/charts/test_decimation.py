"""Fewer points that look the same."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ktrdr_engine.charts.decimation import extremes, one_each


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 3_000), columns=st.integers(1, 50))
def test_few_points_keep_the_ends_and_the_extremes_in_order(seed: int, count: int, columns: int) -> None:
    values = np.random.default_rng(seed).normal(size=count)
    chosen = extremes(values, columns)
    assert (np.diff(chosen) > 0).all()
    assert len(chosen) <= 2 * columns + 2
    assert (chosen[0], chosen[-1]) == (0, count - 1)
    assert values[chosen].min() == values.min()
    assert values[chosen].max() == values.max()


def test_each_column_keeps_its_own_peak() -> None:
    values = np.zeros(1_000)
    values[[55, 555]] = 9, -9
    assert {55, 555} <= set(extremes(values, 10).tolist())


def test_what_is_not_a_number_hides_no_extreme() -> None:
    values = np.full(1_000, np.nan)
    values[300:310] = range(10)
    assert {300, 309} <= set(extremes(values, 10).tolist())


def test_a_short_line_is_kept_whole() -> None:
    assert extremes(np.zeros(20), 10).tolist() == list(range(20))


def test_of_what_crowds_together_one_is_kept() -> None:
    assert one_each(np.array([0.0, 0.1, 0.2, 5.0, 9.9, 10.0]), 10).tolist() == [0, 3, 4, 5]
    assert one_each(np.array([7.0]), 10).tolist() == [0]
    assert one_each(np.array([7.0, 7.0]), 10).tolist() == [0]


@given(scale=st.sampled_from([1e-8, 1e-3, 1.0, 1e6]), columns=st.integers(1, 200), seed=st.integers(0, 2**32 - 1))
def test_however_small_the_range_as_many_are_kept(scale: float, columns: int, seed: int) -> None:
    positions = np.random.default_rng(seed).random(500) * 1_024
    assert one_each(positions * 2.0 ** round(np.log2(scale)), columns).tolist() == one_each(positions, columns).tolist()


def test_returns_of_trades_span_less_than_one_and_fill_the_parts_all_the_same() -> None:
    assert len(one_each(np.random.default_rng(1).normal(0, 0.01, 5_138), 100)) > 70
