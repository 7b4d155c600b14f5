"""What an equity curve did along its way: drawdown bar by bar, a ratio over a sliding window."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

_ROWS_AT_ONCE: Final = 4_096  # bounds the memory that windows are copied into
_NO_SPREAD: Final = 1e-12  # a spread this small against the values is rounding


def drawdowns(equity: NDArray[np.float64], initial_capital: float) -> NDArray[np.float64]:
    """Return 1 - equity over its highest value so far, the initial capital included (n,), in [0, 1].

    The largest of them is `max_drawdown` (Magdon-Ismail & Atiya 2004). Losing more than everything counts as 1.

    Args:
        equity: (n,) at the closes.
        initial_capital: Above 0.
    """
    peaks = np.maximum(np.maximum.accumulate(equity), initial_capital)
    return np.minimum(1 - equity / peaks, 1)


def rolling_sharpe(returns: NDArray[np.float64], window: int, annualization: int) -> NDArray[np.float64]:
    """Return the Sharpe ratio of each `window` returns that end at a row (n,); NaN before the first whole window.

    Mean over standard deviation (ddof 1) times the root of `annualization` (Sharpe 1994), as
    `empyrical.roll_sharpe_ratio`; NaN where the returns of a window do not vary.

    Args:
        returns: (n,) simple returns, one a trading day.
        window: Returns in each window, at least 2.
        annualization: Returns a year.
    """
    ratios = np.full(len(returns), np.nan)
    if len(returns) < window:
        return ratios
    windows = np.lib.stride_tricks.sliding_window_view(returns, window)
    for first in range(0, len(windows), _ROWS_AT_ONCE):
        rows = windows[first : first + _ROWS_AT_ONCE]
        spread = rows.std(axis=1, ddof=1)
        varies = spread > _NO_SPREAD * np.abs(rows).max(axis=1)
        into = ratios[window - 1 + first : window - 1 + first + len(rows)]
        np.divide(rows.mean(axis=1), spread, out=into, where=varies)
    ratios *= math.sqrt(annualization)
    return ratios


def held_equity(opens: float, closes: NDArray[np.float64], entry: int) -> NDArray[np.float64]:
    """Return what one unit of money becomes that buys at an open and holds, without costs, (n,) at the closes.

    Args:
        opens: The price bought at.
        closes: (n,) of the bars.
        entry: The bar bought at; before it the money lies idle.
    """
    growth = closes / opens
    growth[:entry] = 1.0
    return growth
