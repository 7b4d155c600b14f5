from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.datasets.gaps import find_gaps
from tests.datasets.prices import bars

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


def test_a_holiday_in_hourly_bars_is_a_gap() -> None:
    day = 24 * 15
    assert told([hour for hour in OFFICE if not day <= hour < day + 24]) == [("2024-01-16T09:00:00Z", 8)]


def test_a_single_missing_day_is_a_holiday_unless_the_market_never_rests() -> None:
    workdays = [day for day in range(7 * WEEKS) if day % 7 < 5]
    assert told([day for day in workdays if day != 15], Timeframe.D1) == []
    assert told([day for day in workdays if day not in (15, 16)], Timeframe.D1) == [("2024-01-16T00:00:00Z", 2)]
    every_day = [day for day in range(7 * WEEKS) if day != 15]
    assert told(every_day, Timeframe.D1) == [("2024-01-16T00:00:00Z", 1)]


def test_a_missing_week_is_a_gap() -> None:
    assert told([0, 1, 2, 4, 5], Timeframe.W1) == [("2024-01-22T00:00:00Z", 1)]


def test_real_hours_miss_christmas_only(bar_store: BarStore) -> None:
    gaps = find_gaps(bar_store.load("EURUSD", "1h"))
    assert {format_stamp(gap.first)[:10] for gap in gaps} == {"2017-12-24", "2017-12-25"}


def test_real_days_miss_the_days_after_the_attacks_of_2001(bar_store: BarStore) -> None:
    gaps = [(format_stamp(gap.first)[:10], gap.bars) for gap in find_gaps(bar_store.load("SPX", "1d"))]
    assert ("2001-09-11", 4) in gaps
    assert len(gaps) < 6


@given(st.sets(st.integers(1, len(ROUND_THE_CLOCK) - 2), max_size=60))
def test_what_is_missing_round_the_clock_is_counted_to_the_bar(missing: set[int]) -> None:
    gaps = find_gaps(bars([hour for hour in ROUND_THE_CLOCK if hour not in missing]))
    # A slot of the week of which many are missing no longer counts as traded: that is the rule.
    slots = np.bincount([hour % 168 for hour in missing], minlength=168) if missing else np.zeros(168)
    if slots.max() <= 1:
        assert sum(gap.bars for gap in gaps) == len(missing)
    assert sum(gap.bars for gap in gaps) <= len(missing)
