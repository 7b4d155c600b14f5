"""The requested range of a series, with the bars before it that warm the indicators up."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.errors import DataError, InvalidRequest


class BarWindow(NamedTuple):
    """A part of a series: `series` holds the warm-up bars too, `start` is the first bar inside the range."""

    series: BarSeries
    start: int


def window(series: BarSeries, start_ns: int | None, end_ns: int | None, *, warmup: int) -> BarWindow:
    """Return the bars that open from `start_ns` to `end_ns`, both included, and up to `warmup` bars before them.

    None is the end of the data on that side. A range that covers the data only in part gives the part.

    Raises:
        InvalidRequest: The range ends before it starts.
        DataError: No bar opens in the range; the available range is named.
    """
    if start_ns is not None and end_ns is not None and end_ns < start_ns:
        raise InvalidRequest(
            f"start_date {format_stamp(start_ns)} is after end_date {format_stamp(end_ns)}. Swap them.",
            details={"field": "start_date", "value": format_stamp(start_ns)},
        )
    stamps = series.timestamp
    first = 0 if start_ns is None else int(np.searchsorted(stamps, start_ns, side="left"))
    last = len(series) if end_ns is None else int(np.searchsorted(stamps, end_ns, side="right"))
    if first >= last:
        raise _no_bars(series, start_ns, end_ns)
    begin = max(0, first - warmup)
    return BarWindow(series.between(begin, last), first - begin)


def _no_bars(series: BarSeries, start_ns: int | None, end_ns: int | None) -> DataError:
    available = [format_stamp(int(series.timestamp[i])) for i in (0, -1)]
    asked = ["the first" if ns is None else format_stamp(ns) for ns in (start_ns, end_ns)]
    return DataError(
        f"{series.symbol} {series.timeframe} has no bars from {asked[0]} to {asked[1].replace('first', 'last')}. "
        f"Available: {available[0]} to {available[1]}.",
        details={
            "available": {"start": available[0], "end": available[1]},
            "mended": {"start_date": available[0], "end_date": available[1]},
        },
    )
