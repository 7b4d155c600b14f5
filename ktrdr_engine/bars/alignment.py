"""Which bar of a longer timeframe is known at each bar of a shorter one.

A bar is known from its close on, and it closes at its open plus its length: a 4h bar that opens at 08:00 is first seen
by the decision at 12:00, the close of the 1h bar that opens at 11:00. Where the bars come from is `frames`' matter.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.bars.resampling import bucket_opens
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.errors import DataError

MOST_MISSING: Final = 3
"""Bars of a longer timeframe that may be missing in a row where the shorter one was traded: daily files often leave
out the two hours of a Sunday, and a holiday. With more, the last value before them would be taken for the present."""


def newest_closed(base: BarSeries, higher: BarSeries) -> NDArray[np.intp]:
    """Return, for each bar of `base`, the newest bar of `higher` that has closed when it closes.

    Returns:
        Shape (n_base,), row numbers of `higher`; -1 where none has closed yet.

    Raises:
        DataError: A bar opens before the one above it has closed, and a bar of `higher` closes between the two: the
            upper one's decision would see a bar that holds part of the lower one.
    """
    closes = higher.timestamp + higher.timeframe.nanoseconds
    moments = base.timestamp + base.timeframe.nanoseconds
    first_seen = np.searchsorted(moments, closes, side="left")
    _check_order(base, higher.timeframe, closes, first_seen)
    return _happened(first_seen, len(base)) - 1


def _happened(first_seen: NDArray[np.intp], rows: int) -> NDArray[np.intp]:
    """Return how many events are seen at each row, given the row each is first seen at, beyond the last if never."""
    counts: NDArray[np.intp] = np.bincount(first_seen, minlength=rows)[:rows].cumsum()
    return counts


def _check_order(
    base: BarSeries, timeframe: Timeframe, closes: NDArray[np.int64], first_seen: NDArray[np.intp]
) -> None:
    inside = first_seen < len(base) - 1
    early = np.flatnonzero(base.timestamp[first_seen[inside] + 1] < closes[inside])
    if len(early) == 0:
        return
    row = int(first_seen[inside][early[0]])
    one, other = (format_stamp(int(base.timestamp[i])) for i in (row, row + 1))
    raise DataError(
        f"{base.symbol} {base.timeframe}: the bars of {one} and {other} overlap, so {timeframe} bars cannot "
        f"be aligned with them. Correct the stamps, or use a strategy of one timeframe.",
        details={"timestamp": one, "timeframe": str(timeframe)},
    )


def check_fresh(base: BarSeries, higher: BarSeries, first: int) -> None:
    """Refuse bars of a longer timeframe that stop, or pause, while `base` goes on.

    At each bar from row `first` of `base` on, no more than `MOST_MISSING` bars may be missing between the newest that
    is known and the present. A time in which `base` has no bars either, like a weekend, does not count, nor does the
    time before the first bar of `higher`, which is warm-up.

    Raises:
        DataError: Naming the time without bars.
    """
    seen, length = newest_closed(base, higher), higher.timeframe.nanoseconds
    buckets = bucket_opens(base.timestamp, higher.timeframe)
    expected = buckets[np.flatnonzero(np.diff(buckets, prepend=buckets[0] - 1))]
    moments = base.timestamp + base.timeframe.nanoseconds
    expected_closed = _happened(np.searchsorted(moments, expected + length, side="left"), len(base))
    covered = np.searchsorted(expected, higher.timestamp + length, side="left")
    stale = (seen >= 0) & (expected_closed - covered[seen] > MOST_MISSING)
    if stale[first:].any():
        raise _stale(base, higher, int(seen[first + int(stale[first:].argmax())]))


def _stale(base: BarSeries, higher: BarSeries, newest: int) -> DataError:
    is_last = newest + 1 == len(higher)
    until = base.timestamp[-1] if is_last else higher.timestamp[newest + 1]
    start, end = (format_stamp(int(ns)) for ns in (higher.timestamp[newest] + higher.timeframe.nanoseconds, until))
    return DataError(
        f"{higher.symbol} {higher.timeframe} has no bars from {start} to {end}, where there are {base.timeframe} bars: "
        f"its last value would stand for all that time. Load the missing bars, choose another range, or remove the "
        f"{higher.timeframe} file so that its bars are made from the {base.timeframe} ones.",
        details={"timeframe": str(higher.timeframe), "missing": {"start": start, "end": end}},
    )
