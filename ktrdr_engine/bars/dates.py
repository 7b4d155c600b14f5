"""Instants: from text to nanoseconds since 1970 in UTC, and back.

ISO-8601 only, and only with dashes, so that `20170101` or a number of milliseconds is never taken for a date.
What has no zone is UTC. No numpy here; whole columns are parsed in `files`.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta

from ktrdr_engine.errors import Checks, InvalidRequest

_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)"
    r"(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?\s?(Z|[+-]\d\d:?\d\d)?)?",
    re.IGNORECASE | re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = 86_400 * 1_000_000_000
_COMPACT = re.compile("[12][0-9]{7}")
_MONTHS, _LAST = 12, 31
_YEARS = range(1678, 2262)
"""The years whose every instant fits 64 bits of nanoseconds."""


def parse_stamp(text: str) -> tuple[int, bool]:
    """Return the instant in nanoseconds since 1970 UTC, and whether `text` is a date without a time.

    Raises:
        ValueError: `text` is not ISO-8601, not on the calendar, or outside the years 1678 to 2261.
    """
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise ValueError("not an ISO-8601 date")
    date, time, fraction, zone = match.groups()
    moment = datetime.fromisoformat(f"{date}T{time or '00:00'}{(zone or 'Z').upper()}")
    if moment.year not in _YEARS:
        raise ValueError("outside the years 1678 to 2261")
    nanoseconds = (moment - _EPOCH) // _MICROSECOND * 1000
    return nanoseconds + int((fraction or "").ljust(9, "0")), time is None


def parse_bound(text: str, *, end: bool) -> int:
    """Return one end of a requested range in nanoseconds since 1970 UTC.

    A date without a time includes its whole day: as an end it is the last nanosecond of that day.

    Raises:
        InvalidRequest: `text` is no date.
    """
    try:
        stamp, whole_day = parse_stamp(text)
    except ValueError as error:
        field = "end_date" if end else "start_date"
        meant = meant_dates(text, end=end)
        repair = (
            f"Did you mean {' or '.join(map(repr, meant))}?" if meant else "Write YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ."
        )
        raise InvalidRequest(
            f"{field} {text!r}: {error}. {repair}",
            details={"field": field, "value": text} | ({"mended": {field: meant[0]}} if len(meant) == 1 else {}),
        ) from None
    return stamp + _DAY - 1 if end and whole_day else stamp


def parse_range(start_date: str, end_date: str) -> tuple[int, int]:
    """Return a requested range in nanoseconds since 1970 UTC, both ends included.

    Raises:
        InvalidRequest: A date cannot be read, or the end is before the start.
    """
    checks = Checks()
    with checks.each():
        first = parse_bound(start_date, end=False)
    with checks.each():
        last = parse_bound(end_date, end=True)
    checks.finish()
    if first > last:
        raise InvalidRequest(
            f"end_date {end_date!r} is before start_date {start_date!r}: swap them.",
            details={
                "field": "end_date",
                "value": end_date,
                "start_date": start_date,
                "mended": {"start_date": end_date, "end_date": start_date},
            },
        )
    return first, last


def meant_dates(text: str, *, end: bool) -> list[str]:
    """Return the dates that `text` may mean in another notation, as `YYYY-MM-DD`: none, one, or two.

    Years and months become their first or last day, a day beyond its month's end the last one. `01/02/2017` is the
    first of February to some and the second of January to others; with dots it is always the former.
    """
    text = text.strip()
    numbers = [text[:4], text[4:6], text[6:]] if _COMPACT.fullmatch(text) else re.split(r"[-/._ ]", text)
    if len(numbers) > 3 or not all(part.isascii() and part.isdigit() for part in numbers):
        return []
    parts = [int(part) for part in numbers]
    if len(numbers[0]) == 4:
        readings = [(parts + [_MONTHS if end else 1, _LAST if end else 1][len(parts) - 1 :])[:3]]
    elif len(numbers) == 3 and len(numbers[2]) == 4:
        readings = [parts[::-1], [parts[2], parts[0], parts[1]]]
        readings = readings[:1] if "." in text else readings
    else:
        return []
    return list(dict.fromkeys(date for reading in readings if (date := _on_calendar(*reading))))


def _on_calendar(year: int, month: int, day: int) -> str | None:
    if year not in _YEARS or not 1 <= month <= _MONTHS or not 1 <= day <= _LAST:
        return None
    return f"{year:04}-{month:02}-{min(day, monthrange(year, month)[1]):02}"


def format_stamp(nanoseconds: int) -> str:
    """Return the instant as ISO-8601 in UTC, to the second, or finer when it is finer."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    decimals = f".{fraction:09d}".rstrip("0") if fraction else ""
    return f"{text}{decimals}Z"
