"""Which bar of a longer timeframe is known at each bar of a shorter one.

A bar is known from its close on: a 4h bar that opens at 08:00 is first seen by the decision at 12:00, the close of the
1h bar that opens at 11:00. A daily or weekly bar closes when the market's day does (`days.bar_spans`). Where the bars
come from is `frames`' matter.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.bars.days import BarSpans, bar_spans, bucket_stamps
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.errors import DataError

MOST_MISSING: Final = 3
"""Bars of a longer timeframe that may be missing in a row where the shorter one was traded: daily files often leave
out days of little trade, such as holidays. With more, the last value before them would be taken for the present."""


def newest_closed(base: BarSeries, higher: BarSeries) -> NDArray[np.intp]:
    """Return, for each bar of `base`, the newest bar of `higher` that has closed when it closes.

    Returns:
        Shape (n_base,), row numbers of `higher`; -1 where none has closed yet.

    Raises:
        DataError: A bar opens before the one above it has closed, and a bar of `higher` closes between the two: the
            upper one's decision would see a bar that holds part of the lower one.
    """
    spans, closes = _spans(base), _spans(higher).closes
    first_seen = np.searchsorted(spans.closes, closes, side="left")
    _check_order(base, spans.opens, higher.timeframe, closes, first_seen)
    return _happened(first_seen, len(base)) - 1


def _spans(series: BarSeries) -> BarSpans:
    return bar_spans(series.timestamp, series.timeframe, series.market)


def _happened(first_seen: NDArray[np.intp], rows: int) -> NDArray[np.intp]:
    """Return how many events are seen at each row, given the row each is first seen at, beyond the last if never."""
    counts: NDArray[np.intp] = np.bincount(first_seen, minlength=rows)[:rows].cumsum()
    return counts


def _check_order(
    base: BarSeries,
    opens: NDArray[np.int64],
    timeframe: Timeframe,
    closes: NDArray[np.int64],
    first_seen: NDArray[np.intp],
) -> None:
    inside = first_seen < len(base) - 1
    early = np.flatnonzero(opens[first_seen[inside] + 1] < closes[inside])
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
    seen, length = newest_closed(base, higher), higher.timeframe
    buckets = bucket_stamps(base.timestamp, base.timeframe, base.market, length)
    stamps = buckets[np.flatnonzero(np.diff(buckets, prepend=buckets[0] - 1))]
    expected = bar_spans(stamps, length, base.market)
    expected_closed = _happened(np.searchsorted(_spans(base).closes, expected.closes, side="left"), len(base))
    covered = np.searchsorted(expected.opens, _spans(higher).closes, side="left")
    stale = (seen >= 0) & (expected_closed - covered[seen] > MOST_MISSING)
    if stale[first:].any():
        raise _stale(base, higher, int(seen[first + int(stale[first:].argmax())]))


def _stale(base: BarSeries, higher: BarSeries, newest: int) -> DataError:
    is_last = newest + 1 == len(higher)
    until = base.timestamp[-1] if is_last else higher.timestamp[newest + 1]
    start, end = (format_stamp(int(ns)) for ns in (_spans(higher).closes[newest], until))
    return DataError(
        f"{higher.symbol} {higher.timeframe} has no bars from {start} to {end}, where there are {base.timeframe} bars: "
        f"its last value would stand for all that time. Load the missing bars, choose another range, or remove the "
        f"{higher.timeframe} file so that its bars are made from the {base.timeframe} ones.",
        details={"timeframe": str(higher.timeframe), "missing": {"start": start, "end": end}},
    )
