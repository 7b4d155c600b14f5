"""Daily stamps at a local midnight are the date they mean, on either side of Greenwich, all year."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from ktrdr_engine.bars.local_dates import at_their_dates, side_by_weekday, side_of_midnights

DATES = pd.bdate_range("2021-01-04", "2022-12-30")
ZONES = {
    "Asia/Tokyo": 1,
    "Asia/Kolkata": 1,
    "Europe/Berlin": 1,
    "Europe/London": 1,
    "Australia/Sydney": 1,
    "Pacific/Kiritimati": 1,
    "America/New_York": -1,
    "America/Sao_Paulo": -1,
    "Pacific/Honolulu": -1,
    "UTC": 0,
}


def midnights(zone: str, dates: pd.DatetimeIndex = DATES) -> NDArray[np.int64]:
    return dates.tz_localize(zone).tz_convert("UTC").as_unit("ns").asi8


def of_dates(dates: pd.DatetimeIndex = DATES) -> NDArray[np.int64]:
    return dates.as_unit("ns").asi8


@pytest.mark.parametrize(("zone", "side"), ZONES.items())
def test_midnights_of_a_zone_are_stamped_with_their_dates(zone: str, side: int) -> None:
    local, utc = of_dates(), midnights(zone)
    found = side_of_midnights(local, (local - utc) // 1_000_000_000)
    assert found == side
    if found:
        assert at_their_dates(utc, found).tolist() == local.tolist()


def test_stamps_with_a_time_of_day_are_no_midnights() -> None:
    local = of_dates()
    local[3] += 1
    assert side_of_midnights(local, np.full(len(local), 3600)) == 0
    assert side_of_midnights(local[:0], np.array([], np.int64)) == 0


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "Asia/Kolkata", "Europe/Berlin", "Asia/Shanghai"])
def test_midnights_east_are_recognised_where_they_are_written_as_utc(zone: str) -> None:
    assert side_by_weekday(midnights(zone)) == 1


def test_foreign_exchange_days_that_open_at_17_in_new_york_stay_what_they_are() -> None:
    local = pd.date_range("2021-01-03 17:00", "2022-12-29 17:00", tz="America/New_York")
    opens = local[local.day_of_week.isin([6, 0, 1, 2, 3])].as_unit("ns").asi8
    assert side_by_weekday(opens) == 0


@pytest.mark.parametrize(
    "stamps",
    [
        of_dates(),
        midnights("America/New_York"),
        midnights("Asia/Tokyo", pd.date_range("2021-01-04", periods=300)),  # on every day of the week
        of_dates() + 52_200_000_000_000,  # the open in New York, in UTC
        midnights("Asia/Tokyo")[:1],
    ],
)
def test_other_daily_stamps_are_left_alone(stamps: NDArray[np.int64]) -> None:
    assert side_by_weekday(stamps) == 0
