from __future__ import annotations

import pytest

from ktrdr_engine.bars.dates import parse_bound
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.bars.window import window
from ktrdr_engine.errors import DataError, InvalidRequest
from tests.bars.columns import HOUR, NEW_YEAR, columns

SERIES = BarSeries.from_columns("TEST", Timeframe.H1, columns(72))
"""Three whole days of hourly bars, 2024-01-01 to 2024-01-03."""


def test_no_bounds_are_the_whole_series() -> None:
    assert window(SERIES, None, None, warmup=10) == (SERIES, 0)


def test_both_bounds_are_included() -> None:
    series, start = window(SERIES, NEW_YEAR + 2 * HOUR, NEW_YEAR + 4 * HOUR, warmup=0)
    assert (len(series), start) == (3, 0)
    assert series.timestamp[0] == NEW_YEAR + 2 * HOUR


def test_an_end_date_without_a_time_keeps_that_day() -> None:
    series, start = window(SERIES, parse_bound("2024-01-02", end=False), parse_bound("2024-01-02", end=True), warmup=0)
    assert (len(series), start) == (24, 0)
    assert series.timestamp[0] == NEW_YEAR + 24 * HOUR


def test_bars_before_the_range_come_along_for_warmup() -> None:
    series, start = window(SERIES, NEW_YEAR + 24 * HOUR, None, warmup=10)
    assert (len(series), start) == (58, 10)
    assert series.timestamp[start] == NEW_YEAR + 24 * HOUR


def test_fewer_bars_for_warmup_than_wanted_are_all_there_are() -> None:
    series, start = window(SERIES, NEW_YEAR + 3 * HOUR, NEW_YEAR + 5 * HOUR, warmup=10)
    assert (len(series), start) == (6, 3)


def test_a_range_that_covers_the_data_in_part_gives_the_part() -> None:
    series, start = window(SERIES, NEW_YEAR - HOUR, NEW_YEAR + HOUR, warmup=10)
    assert (len(series), start) == (2, 0)


def test_a_range_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="start_date 2024-01-01T01:00:00Z is after end_date 2024-01-01T00:00:00Z"):
        window(SERIES, NEW_YEAR + HOUR, NEW_YEAR, warmup=0)


@pytest.mark.parametrize(
    ("start", "end", "asked"),
    [
        (None, NEW_YEAR - 1, "from the first to 2023-12-31T23:59:59.999999999Z"),
        (NEW_YEAR + 72 * HOUR, None, "from 2024-01-04T00:00:00Z to the last"),
        (NEW_YEAR + 1, NEW_YEAR + HOUR - 1, "from 2024-01-01T00:00:00.000000001Z to"),
    ],
)
def test_a_range_without_bars_names_the_available_one(start: int | None, end: int | None, asked: str) -> None:
    with pytest.raises(DataError) as caught:
        window(SERIES, start, end, warmup=5)
    assert caught.value.message.startswith(f"TEST 1h has no bars {asked}")
    assert caught.value.message.endswith("Available: 2024-01-01T00:00:00Z to 2024-01-03T23:00:00Z.")
    assert caught.value.details["available"] == {"start": "2024-01-01T00:00:00Z", "end": "2024-01-03T23:00:00Z"}
