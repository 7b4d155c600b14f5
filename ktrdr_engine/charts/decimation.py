"""Fewer points that look the same: what a line of many values needs to be drawn on few pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def extremes(values: NDArray[np.float64], columns: int) -> NDArray[np.intp]:
    """Return rising indices of at most 2 * columns + 2 values: each column's lowest and highest, the first, the last.

    Drawn in order they cover the same pixels as all values do on `columns` pixels, so that no peak is lost. What is
    short already is returned whole.

    Args:
        values: (n,) n at least 1; NaN is passed over unless a column has nothing else.
        columns: At least 1.
    """
    count = len(values)
    if count <= 2 * columns:
        return np.arange(count)
    width = -(-count // columns)
    padded = np.full(width * -(-count // width), np.nan)
    padded[:count] = values
    rows = padded.reshape(-1, width)
    starts = np.arange(len(rows)) * width
    lowest = np.where(np.isnan(rows), np.inf, rows).argmin(axis=1)
    highest = np.where(np.isnan(rows), -np.inf, rows).argmax(axis=1)
    return np.unique(np.concatenate((starts + lowest, starts + highest, [0, count - 1])))


def one_each(positions: NDArray[np.float64], columns: int) -> NDArray[np.intp]:
    """Return the indices of the first value in each of `columns` equal parts of what `positions` span, and the last.

    Args:
        positions: (n,) in any order.
        columns: At least 1.
    """
    if len(positions) <= 1:
        return np.arange(len(positions))
    first = positions.min()
    span = positions.max() - first
    parts = np.zeros(len(positions), np.int64)
    if span > 0:
        parts = ((positions - first) / span * columns).astype(np.int64)
    return np.sort(np.unique(parts, return_index=True)[1])
