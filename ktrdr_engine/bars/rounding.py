"""Prices outside their bar by rounding alone: a high an ulp below the close.

Whoever multiplies prices by an adjustment rounds each for itself, so that on a day that closed at its high the product
may fall short of the close (yfinance issue 2857). That is mended; anything larger is left for `checks` to refuse.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

TOLERANCE: Final = 1e-9
"""Of the bound, relative."""


def mend_rounding(prices: NDArray[np.float64]) -> int:
    """Lift highs to the open or close, and lower lows, that miss them by at most `TOLERANCE`; return how many bars.

    Args:
        prices: Shape (5, n), rows open, high, low, close, volume; changed in place. What is NaN is left alone.
    """
    open_, high, low, close = prices[:4]
    top, bottom = np.maximum(open_, close), np.minimum(open_, close)
    short = (high < top) & (high >= top * (1 - TOLERANCE))
    over = (low > bottom) & (low <= bottom * (1 + TOLERANCE))
    high[short] = top[short]
    low[over] = bottom[over]
    return int((short | over).sum())


def mended_note(bars: int) -> str:
    """Return the note about so many mended bars."""
    return (
        f"{bars} bar{'s' * (bars != 1)} had a high below, or a low above, its open or close by rounding (at most one "
        "part in 1e9): the bound was moved to it."
    )
