"""Degrees of membership: how much a value belongs to a fuzzy set, from 0 to 1.

The functions and their rules are declared in `registry`. A degree depends on its own value only, so a scalar, an
array and any piece of an array give the same bits. NaN gives NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.errors import StrategyError, did_you_mean
from ktrdr_engine.features.kernel import trapezoid
from ktrdr_engine.features.registry import MEMBERSHIPS

Column = NDArray[np.float64]

_STEEPEST = 700.0
"""exp of more leaves the range of a double; the sigmoid is 0 or 1 long before."""


@overload
def membership(function: str, x: float, parameters: Sequence[float]) -> float: ...
@overload
def membership(function: str, x: Column, parameters: Sequence[float]) -> Column: ...
def membership(function: str, x: float | Column, parameters: Sequence[float]) -> float | Column:
    """Return the degree of `x`, a float for a float and an array of the same shape for an array.

    Triangular and trapezoidal sets are 0 outside their outer corners, corners included, and 1 on the inner ones; where
    an inner and an outer corner meet the degree is 1. Gaussian and sigmoid as declared.

    Raises:
        StrategyError: No such function, or numbers that break its rule.
    """
    check(function, parameters)
    values = np.asarray(x, dtype=np.float64)
    degrees = np.empty(values.shape if values.ndim else 1)
    fill(function, np.atleast_1d(values), parameters, degrees)
    return degrees if values.ndim else float(degrees[0])


def check(function: str, parameters: Sequence[float]) -> None:
    """Refuse an unknown function and numbers that break its rule.

    Raises:
        StrategyError: Naming what is wrong and the repair.
    """
    if function not in MEMBERSHIPS:
        raise StrategyError(f"No membership function {function!r}.{did_you_mean(function, MEMBERSHIPS)}")
    if problem := MEMBERSHIPS[function].problem(parameters):
        raise StrategyError(f"{problem.problem}. {problem.repair}", details={"value": problem.value})


def fill(function: str, x: Column, parameters: Sequence[float], out: Column) -> None:
    """Write the degrees of `x` into `out` of the same shape; the numbers are taken as checked."""
    with np.errstate(over="ignore", under="ignore"):
        _SHAPES[function](x, parameters, out)


def warm_up() -> None:
    """Compile the trapezoid, or load it from the cache."""
    _ = trapezoid.compiled


def _triangular(x: Column, parameters: Sequence[float], out: Column) -> None:
    a, b, c = parameters
    _trapezoidal(x, (a, b, b, c), out)


def _trapezoidal(x: Column, parameters: Sequence[float], out: Column) -> None:
    a, b, c, d = parameters
    trapezoid(np.ravel(x), float(a), float(b), float(c), float(d), np.ravel(out))


def _gaussian(x: Column, parameters: Sequence[float], out: Column) -> None:
    mean, sigma = parameters
    np.subtract(x, mean, out=out)
    np.divide(out, sigma, out=out)
    np.square(out, out=out)
    np.multiply(out, -0.5, out=out)
    np.exp(out, out=out)


def _sigmoid(x: Column, parameters: Sequence[float], out: Column) -> None:
    centre, slope = parameters
    np.subtract(centre, x, out=out)
    np.multiply(out, slope, out=out)
    np.clip(out, -_STEEPEST, _STEEPEST, out=out)
    np.exp(out, out=out)
    np.add(out, 1.0, out=out)
    np.reciprocal(out, out=out)


_SHAPES: Mapping[str, Callable[[Column, Sequence[float], Column], None]] = {
    "triangular": _triangular,
    "trapezoidal": _trapezoidal,
    "gaussian": _gaussian,
    "sigmoid": _sigmoid,
}
