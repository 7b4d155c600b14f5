"""The recursion of the SuperTrend, compiled: each band depends on the one before it and on the side of the price."""

from __future__ import annotations

import math

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

from ktrdr_engine.kernels import compiled


def _signature() -> object:
    read = types.Array(types.float64, 1, "C", readonly=True)
    write = types.Array(types.float64, 1, "C")
    return numba.void(read, read, read, write, write)


@compiled(_signature())
def follow(
    close: NDArray[np.float64],
    upper: NDArray[np.float64],
    lower: NDArray[np.float64],
    trend: NDArray[np.float64],
    direction: NDArray[np.float64],
) -> None:
    """Write the band in force into `trend` and its side, 1 or -1, into `direction`; all of shape (n,), without NaN.

    A band moves towards the price only, until a close lies beyond it; then it starts anew. A rising trend falls when
    a close lies below the lower band, a falling one rises when a close lies above the upper band. It begins rising.
    """
    rising, ceiling, floor = True, math.inf, -math.inf
    for i in range(close.size):
        if upper[i] < ceiling or close[i - 1] > ceiling:
            ceiling = upper[i]
        if lower[i] > floor or close[i - 1] < floor:
            floor = lower[i]
        rising = close[i] >= floor if rising else close[i] > ceiling
        trend[i] = floor if rising else ceiling
        direction[i] = 1.0 if rising else -1.0
