"""Jumps that the data rather than the market has made are found, and stretch no yardstick."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.spikes import find_spikes, spikes_note
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.catalog import shipped_root
from tests.datasets.prices import DAY, MONDAY


def walk(bars: int = 300, *, volatility: float = 0.02, seed: int = 3) -> BarSeries:
    generator = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(generator.normal(0, volatility, bars)))
    open_ = close * np.exp(generator.normal(0, volatility / 2, bars))
    spread = np.abs(generator.normal(0, volatility / 2, bars))
    high, low = np.maximum(open_, close) * (1 + spread), np.minimum(open_, close) * (1 - spread)
    prices = np.vstack((open_, high, low, close, np.ones(bars)))
    return BarSeries("TEST", Timeframe.D1, MONDAY + DAY * np.arange(bars), prices)


def times(series: BarSeries, factor: float, first: int, last: int | None = None) -> BarSeries:
    prices = series.prices.copy()
    prices[:4, first:last] *= factor
    return replace(series, prices=prices)


@given(st.integers(0, 10_000))
def test_an_ordinary_walk_has_none(seed: int) -> None:
    assert find_spikes(walk(seed=seed)) == []


@pytest.mark.parametrize(
    ("factor", "ratio"), [(0.5, "2:1"), (1 / 3, "3:1"), (2 / 3, "3:2"), (0.1, "10:1"), (10.0, "1:10"), (0.05, "20:1")]
)
def test_a_split_not_adjusted_for_is_named_with_its_ratio(factor: float, ratio: str) -> None:
    series = walk(volatility=0.004)
    (spike,) = find_spikes(times(series, factor, 100))
    assert (spike.row, spike.timestamp, spike.ratio) == (101, int(series.timestamp[100]), ratio)


@pytest.mark.parametrize("factor", [3.7, 0.2, 100.0, 0.001])
@pytest.mark.parametrize("bars", [1, 5])
def test_a_spike_is_found_once_however_large_it_is(factor: float, bars: int) -> None:
    found = find_spikes(times(walk(), factor, 200, 200 + bars))
    assert [spike.row for spike in found] == ([201] if bars == 1 else [201, 206])
    assert found[0].factor == pytest.approx(factor, rel=0.1)


def test_many_spikes_hide_none_of_themselves() -> None:
    series = walk()
    for at in range(20, 300, 20):
        series = times(series, 50.0, at, at + 1)
    assert len(find_spikes(series)) == 14


@pytest.mark.parametrize(("price", "factor"), [(1, 5.0), (2, 0.1)])
def test_a_high_or_low_far_off_is_found(price: int, factor: float) -> None:
    prices = walk().prices.copy()
    prices[price, 150] *= factor
    assert [spike.row for spike in find_spikes(replace(walk(), prices=prices))] == [151]


def test_a_series_that_hardly_trades_or_hardly_exists_has_none() -> None:
    still = walk()
    prices = np.ones_like(still.prices)
    assert find_spikes(replace(still, prices=prices)) == []
    assert find_spikes(times(walk(20), 10, 10)) == []


def test_long_still_stretches_do_not_make_spikes_of_ordinary_steps() -> None:
    series = walk(600)
    close = np.repeat(series.close[:60], 10)
    prices = np.vstack((close, close, close, close, np.ones(600)))
    assert find_spikes(replace(series, prices=prices)) == []


def test_the_one_fall_of_the_shipped_prices_that_deserves_a_look_is_named() -> None:
    bars = BarStore((shipped_root(),))
    found = {pair: find_spikes(bars.load(*pair)) for pair in bars.datasets()}
    assert {pair: len(spikes) for pair, spikes in found.items() if spikes} == {("AAPL", "1d"): 1}
    assert "2000-09-29" in found["AAPL", "1d"][0].words


def test_a_note_names_the_first_and_counts_the_others() -> None:
    series = walk()
    for at in range(20, 300, 20):
        series = times(series, 50.0, at, at + 1)
    note = spikes_note(find_spikes(series))
    assert note is not None
    assert "row 21 (2024-01-21T00:00:00Z)" in note
    assert "and 9 more" in note
    assert spikes_note([]) is None
