"""The trapezoid, compiled: it is what most fuzzy sets are made of, and the rest of a feature costs less than it."""

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
    corners = (types.float64,) * 4
    return numba.void(read, *corners, write)


@compiled(_signature())
def trapezoid(x: NDArray[np.float64], a: float, b: float, c: float, d: float, degrees: NDArray[np.float64]) -> None:
    """Write the degrees of `x`, (n,), into `degrees`, (n,): 0 outside a and d, 1 from b to c, lines between.

    Where a = b or c = d the side is a step, 1 at the step. NaN stays NaN.
    """
    for i in range(x.size):
        value = x[i]
        rising = (value - a) / (b - a) if a != b else (1.0 if value >= a else 0.0)
        falling = (value - d) / (c - d) if c != d else (1.0 if value <= d else 0.0)
        degree = min(max(min(rising, falling), 0.0), 1.0)
        degrees[i] = degree if value == value else math.nan
