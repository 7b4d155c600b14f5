"""Daily bars that sources stamp at a local midnight: taken for the date they mean, at midnight UTC.

Midnight of the 4th in Tokyo is 15:00 UTC of the 3rd; the bar is that of the 4th all the same. Pure functions on stamps,
for whoever reads bars from outside.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.days import DAY_NS, day_begins
from ktrdr_engine.bars.market import FX
from ktrdr_engine.bars.timeframe import Timeframe

Side = Literal[-1, 0, 1]
"""Of Greenwich: 1 east, -1 west, 0 neither."""

_SECOND: Final = 1_000_000_000
_HOUR: Final = Timeframe.H1.nanoseconds
_NOON: Final = DAY_NS // 2
_FRIDAY, _SATURDAY, _SUNDAY = 4, 5, 6
_A_WEEK: Final = 5  # bars, fewer of which show no habit
_FEW: Final = 0.02  # a day made up for on a weekend


def side_of_midnights(local: NDArray[np.int64], offset_seconds: NDArray[np.integer]) -> Side:
    """Return on which side of Greenwich all of these are midnights; 0: not all of them are, or they are UTC's.

    Args:
        local: (n,) ns since 1970 as a clock shows them.
        offset_seconds: (n,) how far that clock is ahead of UTC; with daylight saving it changes.
    """
    if not len(local) or (local % DAY_NS).any():
        return 0
    if offset_seconds.min() >= 0 and offset_seconds.max() > 0:
        return 1
    return -1 if offset_seconds.max() <= 0 and offset_seconds.min() < 0 else 0


def side_by_weekday(timestamp: NDArray[np.int64]) -> Side:
    """Return 1 for daily stamps that are midnights east of Greenwich though they say UTC, by their weekdays.

    They stand at one time of the day in the afternoon or evening, or at two an hour apart, from Sunday to Thursday.
    Those of 17:00 in New York, where foreign exchange opens its day, are opens and stay what they are.

    Args:
        timestamp: (n,) rising, ns UTC.
    """
    times = np.unique(timestamp % DAY_NS)
    if len(timestamp) < _A_WEEK or len(times) > 2 or times[0] < _NOON or times[-1] - times[0] not in (0, _HOUR):
        return 0
    if np.isin(timestamp, day_begins(FX, int(timestamp[0]), int(timestamp[-1])).begins).all():
        return 0
    days = timestamp // DAY_NS
    counts = np.bincount((days + 3) % 7, minlength=7)
    weeks = (int(days[-1]) - int(days[0])) / 7
    rests = counts[_FRIDAY] + counts[_SATURDAY] <= _FEW * len(timestamp)
    return 1 if rests and counts[_SUNDAY] > 0 and 2 * counts[_SUNDAY] >= weeks else 0


def at_their_dates(timestamp: NDArray[np.int64], side: Side) -> NDArray[np.int64]:
    """Return midnight UTC of the date of each local midnight; shape unchanged.

    Args:
        timestamp: (n,) local midnights, ns UTC.
        side: Of Greenwich.
    """
    return -(-timestamp // DAY_NS) * DAY_NS if side > 0 else timestamp // DAY_NS * DAY_NS
