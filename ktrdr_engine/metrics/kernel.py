"""One compiled pass over an equity curve: its drawdowns, its sum, and its value at the end of each trading day.

The formulas that read this are in `ratios`; when a market's days begin is `bars.days`' matter.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import types
from numpy.typing import NDArray

from ktrdr_engine.kernels import compiled


def _signature() -> object:
    outcome: Callable[[tuple[object, ...]], Callable[..., object]] = types.Tuple
    return outcome((types.int64, types.float64, types.int64, types.float64))(
        types.Array(types.int64, 1, "C", readonly=True),
        types.Array(types.float64, 1, "C", readonly=True),
        types.float64,
        types.Array(types.int64, 1, "C", readonly=True),
        types.Array(types.int64, 1, "C"),
        types.Array(types.float64, 1, "C"),
    )


@compiled(_signature())
def scan(
    stamps: NDArray[np.int64],
    equity: NDArray[np.float64],
    initial: float,
    begins: NDArray[np.int64],
    days: NDArray[np.int64],
    day_ends: NDArray[np.float64],
) -> tuple[int, float, int, float]:
    """Read at least one bar.

    Args:
        stamps: (n,) rising, ns UTC.
        equity: (n,) at each close.
        initial: The first peak, in force from the first stamp on.
        begins: (n_days,) from which stamp on bars belong to each day, rising, not after the first bar.
        days: Filled with the rows of `begins` whose days have a bar; long enough for all.
        day_ends: Filled with the equity of each day's last bar.

    Returns:
        The number of days with a bar, the largest drawdown as a fraction of its peak, the longest time in ns from a
        peak to its recovery or to the last stamp, and the sum of the equity.
    """
    peak = trough = initial
    peak_stamp = stamps[0]
    worst, longest, total = 0.0, 0, 0.0
    day, day_ends_at, count = -1, stamps[0], 0
    for bar in range(stamps.size):
        stamp, value = stamps[bar], equity[bar]
        if stamp >= day_ends_at:
            if bar:
                days[count], day_ends[count] = day, equity[bar - 1]
                count += 1
            while day + 1 < begins.size and begins[day + 1] <= stamp:
                day += 1
            day_ends_at = begins[day + 1] if day + 1 < begins.size else stamps[-1] + 1
        total += value
        if value < peak:
            trough = min(trough, value)
        else:
            if trough < peak:
                worst, longest = max(worst, (peak - trough) / peak), max(longest, stamp - peak_stamp)
            peak = trough = value
            peak_stamp = stamp
    days[count], day_ends[count] = day, equity[-1]
    if trough < peak:
        worst, longest = max(worst, (peak - trough) / peak), max(longest, stamps[-1] - peak_stamp)
    return count + 1, worst, longest, total
