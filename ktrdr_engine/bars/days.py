"""Trading days: on which day of its market a bar lies, when that day begins, and when a bar has closed.

Days are counted from 1970-01-01, as numpy's `datetime64[D]`; that of foreign exchange which begins on Sunday at 17:00
in New York is the Monday. Offsets from UTC are looked up once a day of the calendar and kept by year, never per bar.
"""

from __future__ import annotations

import functools
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.market import Market
from ktrdr_engine.bars.timeframe import Timeframe

DAY_NS: Final = Timeframe.D1.nanoseconds
_SECOND: Final = 1_000_000_000
_LAST_SECOND: Final = np.iinfo(np.int64).max // _SECOND  # beyond the years that 64 bits of nanoseconds hold
_SATURDAY: Final = 5
_EPOCH: Final = date(1970, 1, 1)

Stamps = NDArray[np.int64]


class DayBegins(NamedTuple):
    """Days in a row: day `first + k` lasts from `begins[k]` to just before `begins[k + 1]`, ns UTC."""

    first: int
    begins: Stamps


class BarSpans(NamedTuple):
    """When bars open and close, each (n,), ns UTC; a close is the first instant at which the whole bar is known."""

    opens: Stamps
    closes: Stamps


def day_begins(market: Market, first: int, last: int) -> DayBegins:
    """Return the market's days from the one that holds `first` to the one that holds `last`, both ns UTC."""
    if market.zone is None:
        days = np.arange(first // DAY_NS, last // DAY_NS + 2)
        return DayBegins(int(days[0]), days * DAY_NS)
    # A day on each side, for what the zone is away from UTC.
    years = range(_year_of(first - 2 * DAY_NS), _year_of(last + 2 * DAY_NS) + 1)
    begins = np.concatenate([_begins_in(market.zone, market.day_begins, year) for year in years])
    low, high = (int(row) for row in np.searchsorted(begins, [first, last], side="right"))
    return DayBegins((date(years[0], 1, 1) - _EPOCH).days + low - 1, begins[low - 1 : high + 1])


@functools.lru_cache(maxsize=64)  # a run asks twice, and the runs of a search all ask for the same range
def intraday_begins(timeframe: Timeframe, market: Market, first: int, last: int) -> DayBegins:
    """Return the days as `day_begins` does, each from the stamp on with which intraday bars belong to it.

    A bar belongs to the day in which it ends: of 4h bars on UTC, the one in which foreign exchange opens its day
    belongs to that day. Not so the one that reaches into its Saturday, which has no trade.

    Args:
        timeframe: Shorter than a day.
        market: Theirs.
        first: The first bar's stamp, ns UTC.
        last: The last bar's.
    """
    since, begins = day_begins(market, first, last + timeframe.nanoseconds)
    stamps = begins - (timeframe.nanoseconds - 1)
    if market.zone is not None and not market.has_local_dates:
        is_saturday = (since + np.arange(len(begins)) + 3) % 7 == _SATURDAY
        stamps = np.where(is_saturday, begins, stamps)
    stamps.flags.writeable = False
    return DayBegins(since, stamps)


def trading_days(timestamp: Stamps, timeframe: Timeframe, market: Market) -> Stamps:
    """Return the trading day of each bar, days since 1970; shape unchanged.

    An intraday bar lies on the day in which it ends (`intraday_begins`). A daily or weekly bar is dated as stamped.

    Args:
        timestamp: (n,) rising, ns UTC, n at least 1.
        timeframe: Their length.
        market: Theirs.
    """
    if timeframe.nanoseconds < DAY_NS:
        return _within(timestamp, intraday_begins(timeframe, market, int(timestamp[0]), int(timestamp[-1])))
    days = _days_at(timestamp, market)
    if market.has_local_dates:
        # Midnight UTC names a date, it is no instant: in New York it would be the day before.
        days = np.where(timestamp % DAY_NS == 0, timestamp // DAY_NS, days)
    return days


def bar_spans(timestamp: Stamps, timeframe: Timeframe, market: Market) -> BarSpans:
    """Return when each bar opens and closes.

    Intraday bars last as long as their timeframe says. A daily or weekly bar of an exchange lasts from local midnight
    to local midnight; one of foreign exchange that is stamped at 17:00 in New York lasts until it is 17:00 there again,
    be it 23 or 25 hours. Other daily bars last 24 hours, weekly ones seven days.

    Args:
        timestamp: (n,) rising, ns UTC, n at least 1.
        timeframe: Their length.
        market: Theirs.
    """
    length = timeframe.nanoseconds
    if length < DAY_NS or market.zone is None:
        return BarSpans(timestamp, timestamp + length)
    days = trading_days(timestamp, timeframe, market)
    first, begins = day_begins(market, int(timestamp[0]) - 2 * DAY_NS, int(timestamp[-1]) + length + 2 * DAY_NS)
    opens, closes = begins[days - first], begins[days - first + length // DAY_NS]
    if market.has_local_dates:
        return BarSpans(opens, closes)
    on_time = opens == timestamp
    return BarSpans(timestamp, np.where(on_time, closes, timestamp + length))


def bucket_stamps(timestamp: Stamps, timeframe: Timeframe, market: Market, longer: Timeframe) -> Stamps:
    """Return the stamp of the `longer` bar that each bar belongs to; shape unchanged.

    Intraday buckets lie on UTC, and a bar belongs to the one in which it opens. A day is the market's, a week its days
    from Monday to Sunday, and a bar belongs to the day in which it ends, so that none of them is a stub. Days are
    stamped at midnight UTC of their date, those of foreign exchange at 17:00 in New York, where they open.

    Args:
        timestamp: (n,) rising, ns UTC, n at least 1.
        timeframe: Their length.
        market: Theirs.
        longer: The length of the buckets.
    """
    if longer.nanoseconds < DAY_NS:
        return timestamp - timestamp % longer.nanoseconds
    if timeframe.nanoseconds < DAY_NS:
        days = trading_days(timestamp, timeframe, market)
    else:
        days = _days_at(bar_spans(timestamp, timeframe, market).closes - 1, market)
    if longer is Timeframe.W1:
        days = days - (days + 3) % 7
    if market.zone is None or market.has_local_dates:
        return days * DAY_NS
    first, begins = day_begins(market, int(timestamp[0]) - 9 * DAY_NS, int(timestamp[-1]) + 9 * DAY_NS)
    return begins[days - first]


def _days_at(moments: Stamps, market: Market) -> Stamps:
    """Return the day that holds each of some rising instants."""
    if market.zone is None:
        return moments // DAY_NS
    return _within(moments, day_begins(market, int(moments[0]), int(moments[-1])))


def _within(moments: Stamps, days: DayBegins) -> Stamps:
    counts = np.diff(np.searchsorted(moments, days.begins))
    return days.first + np.repeat(np.arange(len(counts)), counts)


def _year_of(moment: int) -> int:
    return int(np.datetime64(moment, "ns").astype("datetime64[Y]").astype(np.int64)) + 1970


@functools.lru_cache(maxsize=4096)
def _begins_in(zone: str, day_begins: int, year: int) -> Stamps:
    """Return the begins of the days that are dated in a year.

    Where clocks skip the hour in question, that is the instant of the change (PEP 495: the offset before it holds).
    """
    here, step = ZoneInfo(zone), timedelta(days=1)
    moment, begins = datetime(year, 1, 1) + timedelta(hours=day_begins), []
    for _ in range((date(year + 1, 1, 1) - date(year, 1, 1)).days):
        offset = moment.replace(tzinfo=here).utcoffset() or timedelta(0)
        begins.append(round((moment - offset - datetime(1970, 1, 1)).total_seconds()))
        moment += step
    stamps = np.clip(np.array(begins, np.int64), -_LAST_SECOND, _LAST_SECOND) * _SECOND
    stamps.flags.writeable = False
    return stamps
