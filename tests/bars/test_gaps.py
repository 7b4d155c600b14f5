from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ktrdr_engine.bars.dates import format_stamp, parse_stamp
from ktrdr_engine.bars.gaps import Gap, find_gaps, gap_note
from ktrdr_engine.bars.market import parse_market
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.bars.timeframe import Timeframe
from tests.datasets.prices import DAY, MONDAY, bars

WEEKS = 12
ROUND_THE_CLOCK = list(range(WEEKS * 168))
OFFICE = [hour for hour in ROUND_THE_CLOCK if hour % 168 < 120 and 9 <= hour % 24 < 17]


def told(opens: list[int], timeframe: Timeframe = Timeframe.H1) -> list[tuple[str, int]]:
    return [(format_stamp(gap.first), gap.bars) for gap in find_gaps(bars(opens, timeframe=timeframe))]


@pytest.mark.parametrize("opens", [ROUND_THE_CLOCK, OFFICE, [0], [0, 5], ROUND_THE_CLOCK[:100:3]])
def test_a_market_that_keeps_its_hours_has_no_gaps(opens: list[int]) -> None:
    assert told(opens) == []


def test_missing_hours_are_one_gap() -> None:
    left = [hour for hour in ROUND_THE_CLOCK if not 400 <= hour < 407]
    assert told(left) == [("2024-01-17T16:00:00Z", 7)]


def test_a_gap_over_night_is_one_gap_and_counts_what_was_to_be_traded() -> None:
    day = 24 * 15
    left = [hour for hour in OFFICE if not day + 15 <= hour < day + 24 + 11]
    assert told(left) == [("2024-01-16T15:00:00Z", 4)]


def test_sessions_that_move_by_an_hour_leave_no_gaps() -> None:
    moved = [hour + 1 if hour >= 168 * 6 else hour for hour in OFFICE]
    assert told(moved) == []


def test_a_holiday_and_half_a_day_in_hourly_bars_are_no_gaps() -> None:
    day = 24 * 15
    assert told([hour for hour in OFFICE if not day <= hour < day + 24]) == []
    assert told([hour for hour in OFFICE if not day + 13 <= hour < day + 24]) == []
    assert told([hour for hour in OFFICE if not day <= hour < day + 12]) == []
    assert told([hour for hour in OFFICE if not day + 11 <= hour < day + 13]) == [("2024-01-16T11:00:00Z", 2)]


def test_a_single_missing_day_is_a_holiday_unless_the_market_never_rests() -> None:
    workdays = [day for day in range(7 * WEEKS) if day % 7 < 5]
    assert told([day for day in workdays if day != 15], Timeframe.D1) == []
    assert told([day for day in workdays if day not in (15, 16)], Timeframe.D1) == [("2024-01-16T00:00:00Z", 2)]
    every_day = [day for day in range(7 * WEEKS) if day != 15]
    assert told(every_day, Timeframe.D1) == [("2024-01-16T00:00:00Z", 1)]


def test_a_missing_week_is_a_gap() -> None:
    assert told([0, 1, 2, 4, 5], Timeframe.W1) == [("2024-01-22T00:00:00Z", 1)]


def test_real_hours_rest_at_christmas_and_miss_nothing(bar_store: BarStore) -> None:
    assert find_gaps(bar_store.load("EURUSD", "1h")) == ()


@pytest.mark.parametrize("symbol", ["AAPL", "GOOG", "IBM", "MSFT", "SPX"])
def test_real_days_miss_nothing_but_what_new_york_stayed_closed(bar_store: BarStore, symbol: str) -> None:
    series = bar_store.load(symbol, "1d")
    assert find_gaps(series) == ()
    elsewhere = find_gaps(replace(series, market=parse_market("equity:Europe/London")))
    assert ("2007-01-01", 2) in [(format_stamp(gap.first)[:10], gap.bars) for gap in elsewhere]


def test_a_hole_that_only_touches_a_known_closure_is_a_gap(bar_store: BarStore) -> None:
    series = bar_store.load("SPX", "1d")
    row = int(np.searchsorted(series.timestamp, parse_stamp("2001-09-17")[0]))
    (gap,) = find_gaps(holed(series, row, 2))
    assert (format_stamp(gap.first)[:10], gap.bars) == ("2001-09-11", 6)


@given(st.sets(st.integers(1, len(ROUND_THE_CLOCK) - 2), max_size=60))
def test_what_is_missing_round_the_clock_is_counted_to_the_bar(missing: set[int]) -> None:
    gaps = find_gaps(bars([hour for hour in ROUND_THE_CLOCK if hour not in missing]))
    # A slot of the week of which many are missing no longer counts as traded: that is the rule.
    slots = np.bincount([hour % 168 for hour in missing], minlength=168) if missing else np.zeros(168)
    if slots.max() <= 1:
        assert sum(gap.bars for gap in gaps) == len(missing)
    assert sum(gap.bars for gap in gaps) <= len(missing)


def holed(series: BarSeries, first: int, missing: int) -> BarSeries:
    """Return a series without some bars in a row."""
    kept = np.r_[0:first, first + missing : len(series)]
    prices = np.ascontiguousarray(series.prices[:, kept])
    return replace(series, timestamp=series.timestamp[kept], prices=prices)


@pytest.mark.parametrize("missing", [2, 3, 10, 25, 30, 150, 1764])
def test_a_hole_of_any_length_in_daily_bars_is_one_gap(bar_store: BarStore, missing: int) -> None:
    series = bar_store.load("SPX", "1d")
    row = 1100
    found = [one for one in find_gaps(holed(series, row, missing)) if one not in find_gaps(series)]
    assert len(found) == 1
    gap = found[0]
    assert gap.first == int(series.timestamp[row])
    assert gap.last >= int(series.timestamp[row + missing - 1])
    assert missing <= gap.bars <= missing * 1.05 + 1  # with the holidays in it and beside it


@pytest.mark.parametrize("missing", [1, 5, 25, 30, 150, 3000])
def test_a_hole_of_any_length_in_hours_of_foreign_exchange_is_one_gap(bar_store: BarStore, missing: int) -> None:
    series = bar_store.load("EURUSD", "1h")
    row = int(np.searchsorted(series.timestamp, np.datetime64("2017-05-09T08", "ns").astype(np.int64)))
    gaps = find_gaps(holed(series, row, missing))
    assert [gap.first for gap in gaps] == [int(series.timestamp[row])]
    assert gaps[0].bars == pytest.approx(missing, rel=0.02)


def test_years_without_bars_between_two_weeks_are_a_gap() -> None:
    early, late = list(range(28)), list(range(7 * 365, 7 * 365 + 28))
    gaps = find_gaps(bars([day for day in early + late if day % 7 < 5], timeframe=Timeframe.D1))
    assert [gap.bars for gap in gaps] == [5 * (7 * 365 // 7 - 4)]


@pytest.mark.parametrize(
    "closed",
    [
        [("2021-02-11", "2021-02-17"), ("2022-01-31", "2022-02-04"), ("2023-01-23", "2023-01-27")],  # Shanghai
        [("2021-10-01", "2021-10-07"), ("2022-10-03", "2022-10-07")],
        [("2021-04-02", "2021-04-05"), ("2022-04-15", "2022-04-18"), ("2023-04-07", "2023-04-10")],  # London, Easter
        [("2021-07-19", "2021-07-23"), ("2022-07-08", "2022-07-13"), ("2023-06-27", "2023-07-03")],  # an Eid
        [("2021-12-24", "2021-12-31")],
    ],
)
def test_holidays_of_several_days_that_come_every_year_are_no_gaps(closed: list[tuple[str, str]]) -> None:
    days = pd.bdate_range("2021-01-04", "2023-12-29")
    for first, last in closed:
        days = days.difference(pd.date_range(first, last))
    if len(closed) == 1:
        days = days.intersection(pd.date_range("2021-06-01", "2022-06-01"))
    assert find_gaps(of_dates(days)) == ()
    holed_days = days.difference(pd.date_range("2021-11-08", "2021-11-12"))
    assert [gap.bars for gap in find_gaps(of_dates(holed_days))] == [5]


def of_dates(days: pd.DatetimeIndex) -> BarSeries:
    stamps = days.as_unit("ns").asi8
    return bars([int(day) for day in (stamps - MONDAY) // DAY], timeframe=Timeframe.D1)


@pytest.mark.parametrize("missing", [0.02, 0.1, 0.5])
def test_minutes_without_trade_are_no_gaps_and_an_outage_among_them_is(missing: float) -> None:
    random = np.random.default_rng(5)
    traded = random.random(60 * 24 * 7 * 6) >= missing
    traded[[0, -1]] = True
    assert find_gaps(minutes(traded)) == ()
    traded[30_000:30_300] = False
    gaps = find_gaps(minutes(traded))
    assert len(gaps) == 1
    assert gaps[0].last - gaps[0].first >= 290 * 60_000_000_000


def minutes(traded: NDArray[np.bool_]) -> BarSeries:
    return bars(np.flatnonzero(traded).tolist(), timeframe=Timeframe.M1)


def test_a_market_of_five_sessions_from_sunday_to_thursday_has_no_gaps() -> None:
    assert told([day for day in range(7 * WEEKS) if day % 7 not in (4, 5)], Timeframe.D1) == []


def test_a_note_names_one_gap_with_its_bars_and_of_several_the_longest() -> None:
    one, two = Gap(0, 0, 1), Gap(Timeframe.H1.nanoseconds, 3 * Timeframe.H1.nanoseconds, 3)
    assert gap_note((), "X", 0, Timeframe.H1.nanoseconds, "effect") is None
    single = gap_note((one,), "X", 0, Timeframe.H1.nanoseconds, "effect")
    assert single is not None
    assert "a gap inside the range, of 1 bar from 1970-01-01T00:00:00Z" in single
    both = gap_note((one, two), "X", 0, Timeframe.H1.nanoseconds, "effect")
    assert both is not None
    assert "2 gaps with 4 bars missing inside the range, the longest of 3 bars from 1970-01-01T01:00:00Z" in both
