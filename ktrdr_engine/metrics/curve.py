"""An equity curve reduced to what the ratios need: one return a trading day, its drawdowns, its mean."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.days import DAY_NS, intraday_begins, trading_days
from ktrdr_engine.bars.market import Market
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.metrics.kernel import scan

WEEKS: Final = 52


class EquityCurve(NamedTuple):
    """What is known of a curve of at least one bar.

    Args:
        annualization: Values of `daily` a year: those of the market, 52 for weekly bars.
        daily: (n_days + 1,) the initial capital, then the equity of each trading day's last bar; of each bar where
            bars are daily or weekly.
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
    stamps: NDArray[np.int64],
    equity: NDArray[np.float64],
    initial_capital: float,
    *,
    timeframe: Timeframe,
    market: Market,
) -> EquityCurve:
    """Reduce a curve.

    Args:
        stamps: (n,) rising, ns UTC, n at least 1.
        equity: (n,) at the closes.
        initial_capital: The first peak.
        timeframe: The length of the bars. Daily and weekly ones give a value each, whatever weekday they are stamped.
        market: Whose trading days the others are put into.
    """
    # The kernel trusts its types.
    stamps, equity = np.ascontiguousarray(stamps, np.int64), np.ascontiguousarray(equity, np.float64)
    intraday = timeframe.nanoseconds < DAY_NS
    first, begins = 0, stamps[:1]
    if intraday:
        first, begins = intraday_begins(timeframe, market, int(stamps[0]), int(stamps[-1]))
    room = min(stamps.size, len(begins))
    days, ends = np.empty(room, np.int64), np.empty(room + 1)
    ends[0] = initial_capital
    count, worst, longest, total = scan(stamps, equity, initial_capital, begins, days, ends[1:])
    if intraday:
        days, ends = first + days[:count], ends[: count + 1]
    else:
        days, ends = trading_days(stamps, timeframe, market), np.append(initial_capital, equity)
    return EquityCurve(annualization(timeframe, market), ends, worst, longest / DAY_NS, total / stamps.size, days)


def annualization(timeframe: Timeframe, market: Market) -> int:
    """Return the values of `EquityCurve.daily` a year."""
    return WEEKS if timeframe is Timeframe.W1 else market.days_a_year


def warm_up() -> None:
    """Compile the pass over the curve, or load it from the cache."""
    _ = scan.compiled
