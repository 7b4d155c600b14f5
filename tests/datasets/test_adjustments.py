"""Bars of two adjustments are told from bars that differ, and never mix."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ktrdr_engine.authoring.library import Library
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.splits import split_ratio
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.datasets.adjustments import find_rescaled
from ktrdr_engine.datasets.listing import dataset_card
from tests.datasets.conftest import Lab
from tests.datasets.prices import DAY, MONDAY, csv, put

GENERATOR = np.random.default_rng(5)


def walk(bars: int = 120, price: float = 120.0, decimals: int = 2) -> BarSeries:
    close = price * np.exp(np.cumsum(GENERATOR.normal(0, 0.01, bars)))
    open_ = close * np.exp(GENERATOR.normal(0, 0.004, bars))
    spread = np.abs(GENERATOR.normal(0, 0.004, bars))
    high, low = np.maximum(open_, close) * (1 + spread), np.minimum(open_, close) * (1 - spread)
    prices = np.round(np.vstack((open_, high, low, close, GENERATOR.integers(1_000, 9_000, bars))), decimals)
    return BarSeries("TEST", Timeframe.D1, MONDAY + DAY * np.arange(bars), prices)


def times(
    series: BarSeries,
    factor: float | np.ndarray[tuple[int], np.dtype[np.float64]],
    *,
    decimals: int = 2,
    volume: float = 1.0,
) -> BarSeries:
    prices = series.prices.copy()
    prices[:4] = np.round(prices[:4] * factor, decimals)
    prices[4] = np.round(prices[4] * volume)
    return replace(series, prices=prices)


def older(factor: float, until: int, bars: int = 120) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.where(np.arange(bars) < until, factor, 1.0)


@pytest.mark.parametrize("decimals", [2, 4, 12])
@pytest.mark.parametrize("factor", [0.1, 0.5, 2 / 3, 10.0, 0.97, 0.02])
def test_one_factor_shows_whatever_the_decimals(factor: float, decimals: int) -> None:
    series = walk(price=1_200)
    found = find_rescaled(series, times(series, factor, decimals=decimals, volume=1 / factor))
    assert found is not None
    assert (found.what, found.bars, found.shared) == ("prices", 120, 120)
    assert found.factor == pytest.approx(factor, rel=1e-3)


def test_a_split_that_only_the_older_part_was_adjusted_for_shows() -> None:
    series = walk()
    found = find_rescaled(series, times(series, older(0.5, 70)))
    assert found is not None
    assert (found.bars, found.shared) == (70, 120)


def test_several_dividends_are_several_factors() -> None:
    series = walk(decimals=6)
    factors = np.repeat([0.97, 0.98, 0.99, 1.0], 30)
    found = find_rescaled(series, times(series, factors, decimals=6))
    assert found is not None
    assert found.bars == 90


@pytest.mark.parametrize("bars", [1, 2])
def test_one_shared_bar_is_enough_for_the_ratio_of_a_split(bars: int) -> None:
    series = walk()
    part = series.between(120 - bars, 120)
    assert find_rescaled(series, times(part, 0.1)) is not None
    assert find_rescaled(series, times(part, 0.93)) is None


def test_a_last_bar_that_was_not_finished_hides_nothing() -> None:
    series = walk()
    fresh = times(series, 0.1)
    prices = fresh.prices.copy()
    prices[3, -1] = prices[2, -1]
    assert find_rescaled(series, replace(fresh, prices=prices)) is not None


def test_volumes_in_other_units_show() -> None:
    series = walk()
    found = find_rescaled(series, times(series, 1.0, volume=100))
    assert found is not None
    assert (found.what, found.factor) == ("volumes", 100)


@pytest.mark.parametrize("noise", [1e-5, 1e-4, 1e-3, 1e-2])
def test_bars_of_another_feed_differ_without_a_factor(noise: float) -> None:
    series = walk(decimals=4)
    prices = series.prices.copy()
    prices[:4] = np.round(prices[:4] * np.exp(GENERATOR.normal(0, noise, (4, 120))), 4)
    assert find_rescaled(series, replace(series, prices=prices)) is None


def test_other_volumes_and_equal_bars_are_nothing() -> None:
    series = walk()
    prices = series.prices.copy()
    prices[4] = GENERATOR.integers(1_000, 9_000, 120)
    assert find_rescaled(series, replace(series, prices=prices)) is None
    assert find_rescaled(series, series) is None
    assert find_rescaled(series, replace(series, timestamp=series.timestamp + 1_000 * DAY)) is None


async def test_a_file_of_another_adjustment_is_refused_and_nothing_is_written(lab: Lab) -> None:
    series = walk(260)
    await lab.loaded(timeframe="1d", path=put(lab.home, csv(series.between(0, 120))))
    before = lab.bars.load("TEST", "1d").sha256()
    name = put(lab.home, csv(times(series, 0.1)))
    operation = await lab.load(timeframe="1d", path=name)
    assert operation.error is not None
    assert operation.error.code == "data_error"
    assert "on_conflict='replace'" in operation.error.message
    assert lab.bars.load("TEST", "1d").sha256() == before


async def test_replaced_as_a_whole_the_former_bars_are_in_the_trash(lab: Lab) -> None:
    series = walk(260)
    await lab.loaded(timeframe="1d", path=put(lab.home, csv(series.between(0, 120))))
    before = lab.bars.load("TEST", "1d").sha256()
    fresh = times(series, 0.1).between(60, 260)
    results = await lab.loaded(timeframe="1d", path=put(lab.home, csv(fresh)), on_conflict="replace")
    assert lab.bars.load("TEST", "1d").sha256() == fresh.sha256()
    assert (results["bars"], results["new_bars"], results["replaced_bars"]) == (200, 140, 60)
    assert any(note.startswith("60 bars that were there are of another adjustment") for note in results["notes"])
    Library(lab.home).restore("dataset", "TEST_1d")
    assert lab.bars.load("TEST", "1d").sha256() == before


@pytest.mark.parametrize(
    ("factor", "ratio"), [(0.1, "10:1"), (10.0, "1:10"), (0.501, "2:1"), (2 / 3, "3:2"), (0.9, None), (1.0, None)]
)
def test_a_factor_is_explained_by_a_ratio(factor: float, ratio: str | None) -> None:
    assert split_ratio(factor, tolerance=0.02) == ratio


async def test_a_jump_where_two_adjustments_meet_is_loaded_with_a_warning_and_shown(lab: Lab) -> None:
    series = walk(260)
    await lab.loaded(timeframe="1d", path=put(lab.home, csv(series.between(0, 120))))
    later = times(series, 0.1, decimals=4).between(120, 260)
    results = await lab.loaded(timeframe="1d", path=put(lab.home, csv(later)))
    assert results["bars"] == 260
    (warning,) = [note for note in results["notes"] if note.startswith("Warning")]
    assert "row 121" in warning
    assert "10:1" in warning
    assert len(dataset_card(lab.bars, "TEST", "1d")["spikes"]) == 1
