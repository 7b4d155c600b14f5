from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrdr_engine.bars.dates import format_stamp, meant_dates, parse_bound, parse_stamp
from ktrdr_engine.errors import InvalidRequest

NOON = int(datetime(2024, 12, 31, 12, tzinfo=UTC).timestamp()) * 1_000_000_000
MIDNIGHT = NOON - 12 * 3_600_000_000_000
DAY = 86_400_000_000_000


def test_a_date_as_a_start_is_its_first_instant() -> None:
    assert parse_bound("2024-12-31", end=False) == MIDNIGHT


def test_a_date_as_an_end_includes_its_whole_day() -> None:
    assert parse_bound("2024-12-31", end=True) == MIDNIGHT + DAY - 1


@pytest.mark.parametrize(
    "text",
    [
        "2024-12-31T12:00:00Z",
        "2024-12-31T12:00",
        "2024-12-31 12:00:00",
        " 2024-12-31t12:00:00z ",
        "2024-12-31T12:00:00.000000000Z",
        "2024-12-31T13:00:00+01:00",
        "2024-12-31T07:00:00-0500",
        "2024-12-31 12:00:00 +00:00",
    ],
)
@pytest.mark.parametrize("end", [False, True])
def test_a_time_is_that_instant_and_utc_when_it_has_no_zone(text: str, end: bool) -> None:
    assert parse_bound(text, end=end) == NOON


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2024-13-01",
        "2024-02-30",
        "2024-12-31T25:00",
        "31.12.2024",
        "12/31/2024",
        "20241231",
        "1735646400",
        "1712011012000",
        "2024-12-31T12",
        "2024-12-31T12:00:00+99:00",
        "٢٠٢٤-12-31",
    ],
)
def test_what_is_no_iso_date_is_refused_with_how_one_is_written(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"Write YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ|Did you mean") as caught:
        parse_bound(text, end=True)
    assert (caught.value.details["field"], caught.value.details["value"]) == ("end_date", text)


@pytest.mark.parametrize("text", ["1677-12-31", "2262-01-01", "9999-12-31"])
def test_a_year_beyond_nanoseconds_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"start_date.*outside the years 1678 to 2261"):
        parse_bound(text, end=False)


def test_nanoseconds_survive() -> None:
    assert parse_stamp("2024-12-31T12:00:00.123456789Z") == (NOON + 123_456_789, False)


@given(st.datetimes(datetime(1678, 1, 1), datetime(2261, 12, 31), timezones=st.just(UTC)))
def test_what_is_written_is_read_back(moment: datetime) -> None:
    nanoseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    assert parse_stamp(format_stamp(nanoseconds)) == (nanoseconds, False)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "1970-01-01T00:00:00Z"), (-1_000_000_000, "1969-12-31T23:59:59Z"), (1_500_000_000, "1970-01-01T00:00:01.5Z")],
)
def test_a_stamp_is_written_to_the_second_unless_it_is_finer(nanoseconds: int, text: str) -> None:
    assert format_stamp(nanoseconds) == text


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("31.12.2024", ["2024-12-31"], ["2024-12-31"]),
        ("12/31/2024", ["2024-12-31"], ["2024-12-31"]),
        ("31/12/2024", ["2024-12-31"], ["2024-12-31"]),
        ("01/02/2017", ["2017-02-01", "2017-01-02"], ["2017-02-01", "2017-01-02"]),
        ("01.02.2017", ["2017-02-01"], ["2017-02-01"]),
        ("20241231", ["2024-12-31"], ["2024-12-31"]),
        ("2024/1/2", ["2024-01-02"], ["2024-01-02"]),
        ("2024-02-30", ["2024-02-29"], ["2024-02-29"]),
        ("2024", ["2024-01-01"], ["2024-12-31"]),
        ("2023-02", ["2023-02-01"], ["2023-02-28"]),
        ("yesterday", [], []),
        ("1735646400", [], []),
        ("2024-13-01", [], []),
        ("24-01-02", [], []),
        ("", [], []),
    ],
)
def test_a_date_in_another_notation_is_offered_as_the_date_or_the_dates_it_means(
    text: str, first: list[str], last: list[str]
) -> None:
    assert (meant_dates(text, end=False), meant_dates(text, end=True)) == (first, last)


def test_only_one_meaning_is_taken_for_the_repair() -> None:
    for text, mended in (("01/02/2017", None), ("13/02/2017", {"end_date": "2017-02-13"})):
        with pytest.raises(InvalidRequest) as caught:
            parse_bound(text, end=True)
        assert caught.value.details.get("mended") == mended
