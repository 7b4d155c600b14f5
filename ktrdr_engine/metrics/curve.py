"""An equity curve reduced to what the ratios need: one return a trading day, its drawdowns, its mean."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.metrics.kernel import DAY_NS, scan

TRADING_DAYS: Final = 252
CALENDAR_DAYS: Final = 365
WEEKS: Final = 52
_ALWAYS_OPEN: Final = 0.17  # share of weekend bars above which a market trades around the clock (2/7 would be all)


class EquityCurve(NamedTuple):
    """What is known of a curve of at least one bar.

    Args:
        annualization: Values of `daily` a year: 365 for a market that trades at weekends, 52 for weekly bars, else 252.
        daily: (n_days + 1,) the initial capital, then the equity of each trading day's last bar; of each week's for
            weekly bars.
        max_drawdown: Largest fall from a peak as a fraction of it, on every bar, from the initial capital on. Above 1
            when the equity fell below zero.
        underwater_days: Longest time from a peak to its recovery or to the last bar, in calendar days. A peak is the
            last bar at the highest equity so far; the initial capital is the peak of the first bar's opening.
        mean: Mean equity over the bars.
        days: (n_days,) the trading day that each value of `daily` after the first ends, days since 1970.
    """

    annualization: int
    daily: NDArray[np.float64]
    max_drawdown: float
    underwater_days: float
    mean: float
    days: NDArray[np.int64]


def measure(
    stamps: NDArray[np.int64], equity: NDArray[np.float64], initial_capital: float, *, weekly: bool = False
) -> EquityCurve:
    """Reduce a curve; `stamps` (n,) ns UTC and `equity` (n,) at the closes, n at least 1.

    Weekly bars give one value a week, on whatever day they are stamped. Of the others, a market with more than 17 % of
    its bars on Saturdays and Sundays has days of 24 hours on every day of the week; in any other those bars belong to
    the Monday after them.
    """
    # The kernel trusts its types.
    stamps, equity = np.ascontiguousarray(stamps, np.int64), np.ascontiguousarray(equity, np.float64)
    room = min(stamps.size, int(stamps[-1] // DAY_NS - stamps[0] // DAY_NS) + 1)
    days, ends = np.empty(room, np.int64), np.empty(room + 1)
    ends[0] = initial_capital
    count, weekend_bars, worst, longest, total = scan(stamps, equity, initial_capital, days, ends[1:])
    always_open = weekend_bars > _ALWAYS_OPEN * stamps.size
    days, ends = days[:count], ends[: count + 1]
    if not (always_open or weekly):
        days, ends = _fold_weekends(days, ends)
    annualization = WEEKS if weekly else CALENDAR_DAYS if always_open else TRADING_DAYS
    return EquityCurve(annualization, ends, worst, longest / DAY_NS, total / stamps.size, days)


def warm_up() -> None:
    """Compile the pass over the curve, or load it from the cache."""
    _ = scan.compiled


def _fold_weekends(days: NDArray[np.int64], ends: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Drop each day, and its end, that is followed by another of the same trading day."""
    weekday = (days + 3) % 7
    trading_day = days + np.maximum(7 - weekday, 0) * (weekday >= 5)
    last_of_day = np.ones(ends.size, np.bool_)
    last_of_day[1:-1] = trading_day[1:] != trading_day[:-1]
    return trading_day[last_of_day[1:]], ends[last_of_day]
