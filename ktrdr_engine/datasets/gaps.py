"""Missing bars, judged by the market's own habits.

A bar is missed where none is, but more than half of the four weeks before and the four weeks after have one at the same
time of the week. Nights and weekends are therefore no gaps, also when clocks change or sessions move. A single day that
daily bars miss is taken for a holiday, if the market rests at weekends.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.series import BarSeries

_WEEK = 7 * 86_400 * 1_000_000_000
_DAYS = 7
_WEEKS_AROUND = 4


class Gap(NamedTuple):
    """Missed bars in a row: opens of the first and the last, ns UTC, and how many."""

    first: int
    last: int
    bars: int


def find_gaps(series: BarSeries) -> list[Gap]:
    """Return the gaps between the first and the last bar, in order."""
    length = series.timeframe.nanoseconds
    begin = int(series.timestamp[0])
    slot = (series.timestamp - begin + length // 2) // length
    present = np.zeros(int(slot[-1]) + 1, dtype=bool)
    present[slot] = True
    per_week = _WEEK // length
    expected = _is_expected(present, per_week)
    at = np.flatnonzero(expected & ~present)
    if not len(at):
        return []
    # Two missed bars are of one gap when no bar lies between them, be it over a closed market.
    bars_before = np.cumsum(present)[at]
    starts = np.flatnonzero(np.concatenate(([True], bars_before[1:] != bars_before[:-1])))
    ends = np.append(starts[1:], len(at))
    least = 2 if per_week == _DAYS and not expected.all() else 1
    return [
        Gap(begin + int(at[first]) * length, begin + int(at[end - 1]) * length, int(end - first))
        for first, end in zip(starts, ends, strict=True)
        if end - first >= least
    ]


def _is_expected(present: NDArray[np.bool_], per_week: int) -> NDArray[np.bool_]:
    """Return where more than half of the weeks around have a bar."""
    weeks = -(-len(present) // per_week)
    by_week = np.zeros((weeks, per_week), dtype=np.int16)
    by_week.flat[: len(present)] = present
    known = np.zeros_like(by_week)
    known.flat[: len(present)] = 1
    expected = 2 * _around(by_week) > _around(known)
    return expected.ravel()[: len(present)]


def _around(by_week: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return, for each week, the sum over the weeks before and after it, itself left out."""
    sums: NDArray[np.int16] = np.zeros_like(by_week)
    for distance in range(1, min(_WEEKS_AROUND, len(by_week) - 1) + 1):
        sums[distance:] += by_week[:-distance]
        sums[:-distance] += by_week[distance:]
    return sums
