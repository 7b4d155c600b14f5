"""Local times: turned into UTC by the zone given, asked for where an hour stands twice."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrdr_engine.datasets.importing.zones import find_zone, to_utc
from ktrdr_engine.errors import DataError, InvalidRequest
from tests.datasets.importing.files import BAR, HEADER, read_content, stamps_of

OCTOBER = [f"2021-10-31 {hour:02d}:{minute:02d}" for hour in (1, 2, 2, 3) for minute in (0, 30)]
NOVEMBER = [f"2021-11-07 {hour:02d}:00" for hour in (0, 1, 1, 2)]
HOUR = 3_600_000_000_000


def rows(stamps: list[str]) -> str:
    return HEADER + "".join(f"{stamp},{BAR}\n" for stamp in stamps)


@pytest.mark.parametrize(
    ("stamps", "zone", "twice"),
    [(OCTOBER, "Europe/Berlin", [5, 6]), (NOVEMBER, "America/New_York", [3])],
)
def test_an_hour_that_stands_twice_asks_for_the_zone(
    tmp_path: Path, stamps: list[str], zone: str, twice: list[int]
) -> None:
    with pytest.raises(DataError) as refused:
        read_content(tmp_path, rows(stamps))
    assert refused.value.details["rows"] == twice
    assert refused.value.details["field"] == "timezone"
    assert f"timezone={zone!r}" in refused.value.message


@pytest.mark.parametrize("newest_first", [False, True])
def test_with_the_zone_its_two_turns_follow_each_other(tmp_path: Path, newest_first: bool) -> None:
    stamps = NOVEMBER[::-1] if newest_first else NOVEMBER
    series = read_content(tmp_path, rows(stamps), timezone="America/New_York").series
    assert stamps_of(series) == [f"2021-11-07T0{hour}:00" for hour in (4, 5, 6, 7)]
    series = read_content(tmp_path, rows(OCTOBER), timezone="Europe/Berlin").series
    assert set(np.diff(series.timestamp)) == {HOUR // 2}


def test_a_time_that_the_clock_never_shows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        read_content(
            tmp_path, rows(["2021-03-28 01:00", "2021-03-28 02:00", "2021-03-28 03:00"]), timezone="Europe/Berlin"
        )
    assert refused.value.details["rows"] == [2]
    assert refused.value.details["field"] == "timezone"


def test_an_hour_that_should_stand_twice_but_does_not_is_noted(tmp_path: Path) -> None:
    found = read_content(tmp_path, rows(["2021-10-31 01:00", "2021-10-31 02:00"]), timezone="Europe/Berlin")
    assert stamps_of(found.series) == ["2021-10-30T23:00", "2021-10-31T00:00"]
    assert any("Row 2" in note and "twice" in note for note in found.notes)


def test_a_zone_does_not_touch_times_that_have_one(tmp_path: Path) -> None:
    series = read_content(tmp_path, rows(["2021-06-01T00:00:00Z"]), timezone="Europe/Berlin").series
    assert stamps_of(series) == ["2021-06-01T00:00"]


@pytest.mark.parametrize(("name", "meant"), [("Europe/Berln", "Europe/Berlin"), ("new york", "America/New_York")])
def test_a_zone_that_is_not_known_is_refused_with_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(InvalidRequest, match=f"Did you mean '{meant}'") as refused:
        find_zone(name)
    assert refused.value.details["field"] == "timezone"


def test_a_zone_that_is_near_none_is_not_answered_with_all_of_them() -> None:
    with pytest.raises(InvalidRequest) as refused:
        find_zone("Mars")
    assert len(refused.value.message) < 200


@pytest.mark.parametrize("name", ["+02:00", "UTC+2", "Etc/GMT-2"])
def test_an_offset_is_a_zone(tmp_path: Path, name: str) -> None:
    assert stamps_of(read_content(tmp_path, rows(["2021-06-01 02:00"]), timezone=name).series) == ["2021-06-01T00:00"]


@given(
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Kolkata", "America/Santiago"]),
    st.integers(0, 50 * 366 * 24),
    st.integers(2, 400),
)
def test_local_times_of_instants_in_a_row_give_the_instants_back(name: str, first: int, count: int) -> None:
    zone = find_zone(name)
    instants = (first + np.arange(count)) * HOUR
    clocks = [datetime.fromtimestamp(int(one) // 10**9, UTC).astimezone(zone) for one in instants]
    naive = [clock.replace(tzinfo=UTC) for clock in clocks]
    local = np.array([int(clock.timestamp()) for clock in naive], dtype=np.int64) * 1_000_000_000
    found = to_utc(local, zone)
    assert not found.skipped.any()
    # An hour of which the series holds only the second turn cannot be told from the first.
    np.testing.assert_array_equal(found.stamps[~found.once], instants[~found.once])
