"""One compiled pass over an equity curve: its drawdowns, its sum, and its value at the end of each UTC day.

The formulas that read this are in `ratios`; the folding of weekends is in `curve`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numba import types
from numpy.typing import NDArray

from ktrdr_engine.kernels import compiled, inlined

DAY_NS: Final = 86_400_000_000_000
_SATURDAY: Final = 5


@inlined
def weekday_of(day: int) -> int:
    """Return 0 for Monday to 6 for Sunday; day 0 is 1970-01-01, a Thursday."""
    return (day + 3) % 7


def _signature() -> object:
    outcome: Callable[[tuple[object, ...]], Callable[..., object]] = types.Tuple
    return outcome((types.int64, types.int64, types.float64, types.int64, types.float64))(
        types.Array(types.int64, 1, "C", readonly=True),
        types.Array(types.float64, 1, "C", readonly=True),
        types.float64,
        types.Array(types.int64, 1, "C"),
        types.Array(types.float64, 1, "C"),
    )


@compiled(_signature())
def scan(
    stamps: NDArray[np.int64],
    equity: NDArray[np.float64],
    initial: float,
    days: NDArray[np.int64],
    day_ends: NDArray[np.float64],
) -> tuple[int, int, float, int, float]:
    """Read at least one bar.

    Args:
        stamps: (n,) rising, ns UTC.
        equity: (n,) at each close.
        initial: The first peak, in force from the first stamp on.
        days: Filled with the days since 1970 that have a bar; long enough for all.
        day_ends: Filled with the equity of each day's last bar.

    Returns:
        The number of days, the bars on Saturdays and Sundays, the largest drawdown as a fraction of its peak, the
        longest time in ns from a peak to its recovery or to the last stamp, and the sum of the equity.
    """
    peak = trough = initial
    peak_stamp = stamps[0]
    worst, longest, total = 0.0, 0, 0.0
    day = stamps[0] // DAY_NS
    midnight = (day + 1) * DAY_NS
    count, weekend, day_first = 0, 0, 0
    for bar in range(stamps.size):
        stamp, value = stamps[bar], equity[bar]
        if stamp >= midnight:
            days[count], day_ends[count] = day, equity[bar - 1]
            count += 1
            weekend += bar - day_first if weekday_of(day) >= _SATURDAY else 0
            day, day_first = stamp // DAY_NS, bar
            midnight = (day + 1) * DAY_NS
        total += value
        if value < peak:
            trough = min(trough, value)
        else:
            if trough < peak:
                worst, longest = max(worst, (peak - trough) / peak), max(longest, stamp - peak_stamp)
            peak = trough = value
            peak_stamp = stamp
    days[count], day_ends[count] = day, equity[-1]
    weekend += stamps.size - day_first if weekday_of(day) >= _SATURDAY else 0
    if trough < peak:
        worst, longest = max(worst, (peak - trough) / peak), max(longest, stamps[-1] - peak_stamp)
    return count + 1, weekend, worst, longest, total
