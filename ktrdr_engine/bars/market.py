"""Which market a dataset comes from: when its trading day begins, and how many of them a year has.

A market is a fact of a dataset. It is stored with it (`stored_market`), or inferred from all of its bars; a range of a
run never decides it. What follows from it for single bars, their days and closes, is in `days`.
"""

from __future__ import annotations

import functools
import zoneinfo
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.errors import DataError, did_you_mean, nearest

_DAY: Final = Timeframe.D1.nanoseconds
_HOUR: Final = Timeframe.H1.nanoseconds
_SUNDAY: Final = 6
_SATURDAY: Final = 5
_TRADING_DAYS: Final = 252
_CALENDAR_DAYS: Final = 365
_WEEKS_TO_JUDGE: Final = 2
_FX_OPENS: Final = (21, 23)  # UTC hours of a Sunday: from 17:00 in New York, in summer and in winter
_EQUITY: Final = "equity:"


@dataclass(frozen=True, slots=True)
class Market:
    """When a market's trading day begins.

    Attributes:
        name: As users write it.
        zone: IANA name of the time zone its days are dated in; None: UTC.
        day_begins: Hours from local midnight to the begin of the trading day of that date; -7: 17:00 the day before.
        days_a_year: What daily returns are annualised by.
        inferred: Whether it was inferred from bars because nobody has said it; not part of equality.
    """

    name: str
    zone: str | None
    day_begins: int
    days_a_year: int
    inferred: bool = field(default=False, compare=False)

    @property
    def has_local_dates(self) -> bool:
        """Whether a daily bar is named by a date of `zone`, at whatever instant it opens."""
        return self.zone is not None and self.day_begins == 0


UTC: Final = Market("utc", None, 0, _TRADING_DAYS)
CRYPTO: Final = Market("crypto", None, 0, _CALENDAR_DAYS)
FX: Final = Market("fx", "America/New_York", -7, _TRADING_DAYS)
US_EQUITY: Final = Market("us_equity", "America/New_York", 0, _TRADING_DAYS)
UNKNOWN: Final = replace(UTC, inferred=True)
"""Of bars of which nothing is known."""

_NAMED: Final = {market.name: market for market in (US_EQUITY, FX, CRYPTO, UTC)}
MARKET_NAMES: Final = (*_NAMED, f"{_EQUITY}<IANA zone>")


@functools.lru_cache(maxsize=1024)
def parse_market(text: str) -> Market:
    """Return the market called `text`.

    Raises:
        DataError: There is none of that name; the nearest are offered.
    """
    if text in _NAMED:
        return _NAMED[text]
    zone = text.removeprefix(_EQUITY)
    if zone != text and _is_zone(zone):
        return Market(text, zone, 0, _TRADING_DAYS)
    known = [*_NAMED, *(f"{_EQUITY}{one}" for one in zoneinfo.available_timezones())] if zone != text else [*_NAMED]
    hint = did_you_mean(text, known) if nearest(text, known) else ""
    raise DataError(
        f"{text!r} is not a market.{hint} All: {', '.join(MARKET_NAMES)}, such as {_EQUITY}Asia/Tokyo.",
        details={"field": "market", "value": text, "known": list(MARKET_NAMES)},
    )


def _is_zone(name: str) -> bool:
    try:
        return zoneinfo.ZoneInfo(name).key == name
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        # What zoneinfo raises for an unknown name, one that leaves its folder, and one that is a folder.
        return False


def infer_market(timestamp: NDArray[np.int64], timeframe: Timeframe) -> Market:
    """Return the market that all bars of a dataset look like, marked as inferred.

    Bars on at least half of all Saturdays and of all Sundays, in two weeks or more, are those of a market that never
    closes. Intraday bars that begin on at least half of all Sundays at 21:00 or 22:00 UTC are foreign exchange, whose
    week opens at 17:00 in New York. Anything else is `utc`.

    Args:
        timestamp: (n,) rising, ns UTC, n at least 1.
        timeframe: Their length.
    """
    if timeframe is Timeframe.W1:
        return UNKNOWN
    first, last = int(timestamp[0]) // _DAY, int(timestamp[-1]) // _DAY
    days = np.arange(first, last + 1)
    # First bar of each day: a search per day, not a pass over all bars.
    rows = np.searchsorted(timestamp, np.append(days, last + 1) * _DAY)
    has_bars = rows[1:] > rows[:-1]
    weekday = (days + 3) % 7
    span = int(timestamp[-1]) + timeframe.nanoseconds - int(timestamp[0])
    if span >= _WEEKS_TO_JUDGE * 7 * _DAY and all(_is_half(has_bars[weekday == day]) for day in (_SATURDAY, _SUNDAY)):
        return replace(CRYPTO, inferred=True)
    if timeframe.nanoseconds < _DAY:
        sundays = np.flatnonzero(weekday == _SUNDAY)
        begins = timestamp[np.minimum(rows[sundays], len(timestamp) - 1)] - days[sundays] * _DAY
        earliest = _FX_OPENS[0] * _HOUR // timeframe.nanoseconds * timeframe.nanoseconds
        if _is_half(has_bars[sundays] & (begins >= earliest) & (begins < _FX_OPENS[1] * _HOUR)):
            return replace(FX, inferred=True)
    return UNKNOWN


def _is_half(there: NDArray[np.bool_]) -> bool:
    return len(there) > 0 and 2 * int(there.sum()) >= len(there)
