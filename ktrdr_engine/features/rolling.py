"""Sums over the last bars, free of the past: a window of zeros sums to zero, whatever came before it.

A running sum that adds the newest value and takes the oldest away keeps the rounding of everything it ever held, so
that no volume is not quite no volume. Here each window is the end of one block plus the beginning of the next, and
nothing is ever taken away.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]


def window_sums(values: Column, period: int) -> Column:
    """Return the sum of each `period` values in a row, shape (max(0, n - period + 1),); no NaN may be among them.

    A sum depends on its own values and on its place in the series only, so that a longer series gives the same bits.
    """
    n, windows = len(values), max(0, len(values) - period + 1)
    blocks = np.zeros((-(-n // period), period))
    blocks.ravel()[:n] = values
    beginnings = np.cumsum(blocks, axis=1).ravel()[period - 1 : n]
    ends = np.cumsum(blocks[:, ::-1], axis=1)[:, ::-1]
    # A window that is a whole block is the beginning of it already.
    ends = np.where(np.arange(period) == 0, 0.0, ends).ravel()[:windows]
    sums: Column = beginnings + ends
    return sums


def window_means(values: Column, period: int) -> Column:
    """Return the mean of each `period` values in a row, as `window_sums`."""
    means: Column = window_sums(values, period) / period
    return means
