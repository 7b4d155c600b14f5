from __future__ import annotations

from pathlib import Path

import pytest

from ktrdr_engine.errors import DataError, InvalidRequest
from tests.datasets.importing.files import read_stamps

NIGHT, DAY = "2017-01-13T00:00", "2017-01-13T21:05"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2017-01-13", NIGHT), ("2017/01/13", NIGHT), ("2017.01.13", NIGHT), ("2017-1-13", NIGHT), ("20170113", NIGHT),
        ("13.01.2017", NIGHT), ("13/1/2017", NIGHT), ("1/13/2017", NIGHT), ("01-13-2017", NIGHT), ("13.01.17", NIGHT),
        ("Jan 13, 2017", NIGHT), ("13-Jan-2017", NIGHT), ("13 January 2017", NIGHT), ("Fri, 13 Jan 2017", NIGHT),
        ("2017-Jan-13", NIGHT),
        ("2017-01-13T21:05:00Z", DAY), ("2017-01-13 21:05", DAY), ("2017-01-13 21:05:00.000000000", DAY),
        ("2017-01-13 23:05:00+02:00", DAY), ("2017-01-13T16:05:00-0500", DAY), ("2017-01-13 16:05 EST", DAY),
        ("2017-01-13T16:05:00-05:00[America/New_York]", DAY), ("13.01.2017 22:05:00.000 GMT+0100", DAY),
        ("1/13/2017 9:05 PM", DAY), ("1/13/2017 9:05:00 p.m.", DAY), ("20170113 210500", DAY), ("20170113 21:05", DAY),
        ("20170113T210500Z", DAY), ("201701132105", DAY), ("20170113210500", DAY), ("1484341500", DAY),
        ("1484341500.0", DAY), ("1484341500000", DAY), ("1484341500000000", DAY), ("1484341500000000000", DAY),
        ("2017-01-13 09-PM", "2017-01-13T21:00"), ("2017-01-13 21", "2017-01-13T21:00"), ("Jan-13-17", NIGHT),
        ("2017-01-13 21:05:00 +0000 UTC", DAY), ("2017-01-13 21:05:00 UTC", DAY),
        ("Fri Jan 13 2017 22:05:00 GMT+0100 (Central European Standard Time)", DAY),
        ("2017-01-12 24:00", NIGHT), ("1/13/2017 12:00 AM", NIGHT),
    ],
)  # fmt: skip
def test_a_time_is_read_as_it_is_written(tmp_path: Path, text: str, expected: str) -> None:
    assert read_stamps(tmp_path, text) == [expected]


def test_offsets_may_change_with_the_season(tmp_path: Path) -> None:
    stamps = ("2017-01-13 00:00:00-05:00", "2017-07-13 00:00:00-04:00")
    assert read_stamps(tmp_path, *stamps) == ["2017-01-13T05:00", "2017-07-13T04:00"]


def test_an_exchange_may_go_from_milliseconds_to_microseconds(tmp_path: Path) -> None:
    assert read_stamps(tmp_path, "1735686000000", "1735689600000000") == ["2024-12-31T23:00", "2025-01-01T00:00"]


def test_milliseconds_may_begin_before_1970(tmp_path: Path) -> None:
    stamps = ("-252460800000", "0", "86400000", "1484341500000")
    assert read_stamps(tmp_path, *stamps) == ["1962-01-01T00:00", "1970-01-01T00:00", "1970-01-02T00:00", DAY]


def test_one_row_settles_which_is_the_month(tmp_path: Path) -> None:
    assert read_stamps(tmp_path, "01/02/2017", "13/02/2017") == ["2017-02-01T00:00", "2017-02-13T00:00"]
    assert read_stamps(tmp_path, "01/02/2017", "01/13/2017") == ["2017-01-02T00:00", "2017-01-13T00:00"]


def test_where_no_row_does_both_readings_are_shown_and_the_argument_that_chooses(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        read_stamps(tmp_path, "01/02/2017", "01/03/2017")
    readings = refused.value.details["readings"]
    assert readings == {"DD/MM/YYYY": "2017-02-01", "MM/DD/YYYY": "2017-01-02"}
    assert refused.value.details["field"] == "date_format"
    for date_format, date in readings.items():
        assert date in refused.value.message
        assert read_stamps(tmp_path, "01/02/2017", "01/03/2017", date_format=date_format)[0] == f"{date}T00:00"


def test_the_same_day_and_month_are_not_ambiguous(tmp_path: Path) -> None:
    assert read_stamps(tmp_path, "01/01/2017", "02/02/2017") == ["2017-01-01T00:00", "2017-02-02T00:00"]


@pytest.mark.parametrize("date_format", ["MM/DD/YYYY", "mm-dd-yyyy", "%m/%d/%Y", "%m/%d/%Y %H:%M", "MDY", "M/D/YY"])
def test_a_date_format_may_be_written_in_many_ways(tmp_path: Path, date_format: str) -> None:
    assert read_stamps(tmp_path, "01/02/2017 00:00", date_format=date_format) == ["2017-01-02T00:00"]


def test_a_year_of_two_digits_may_come_first_if_that_is_said(tmp_path: Path) -> None:
    assert read_stamps(tmp_path, "17-01-02", date_format="YY-MM-DD") == ["2017-01-02T00:00"]


def test_days_of_a_spreadsheet_are_read_if_that_is_said(tmp_path: Path) -> None:
    assert read_stamps(tmp_path, "42748", "42748.5", date_format="excel") == [NIGHT, "2017-01-13T12:00"]
    with pytest.raises(DataError, match="date_format='excel'"):
        read_stamps(tmp_path, "42748", "42749")


def test_small_counts_have_the_unit_that_is_given(tmp_path: Path) -> None:
    assert read_stamps(tmp_path, "3600", "7200", date_format="s") == ["1970-01-01T01:00", "1970-01-01T02:00"]


def test_dates_that_contradict_each_other_are_refused_with_both_rows(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        read_stamps(tmp_path, "01/01/2017", "13/02/2017", "02/14/2017")
    assert refused.value.details["rows"] == [2, 3]


@pytest.mark.parametrize(
    ("stamp", "word"), [("1.48E+12", "spreadsheet"), ("13. Maerz 2017", "English"), ("last week 1", "English")]
)
def test_what_is_no_time_is_refused_with_what_would_be(tmp_path: Path, stamp: str, word: str) -> None:
    with pytest.raises(DataError, match=word) as refused:
        read_stamps(tmp_path, stamp, stamp)
    assert refused.value.details["row"] == 1


@pytest.mark.parametrize(
    "options",
    [{"date_format": "foo"}, {"timezone": "Europe/Berln"}, {"format": "metatrader"}, {"format": "x" * 500}],
)
def test_an_argument_that_is_not_known_is_refused_by_name(tmp_path: Path, options: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_stamps(tmp_path, "2017-01-13", **options)
    assert refused.value.details["field"] == next(iter(options))
