"""The formulas: each takes plain numbers or arrays and gives one number, or says why there is none.

Returns are simple and daily, the risk-free rate is 0, `annualization` is the number of trading days a year. They
agree with `empyrical` where it has the same number.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_NO_SPREAD: Final = 1e-12  # a spread this small against the values is rounding
_LARGEST_LOG: Final = math.log(np.finfo(np.float64).max)


class Undefined(Exception):
    """A number does not exist; the text says why."""


def daily_returns(daily: Values) -> Values:
    """Return day on day - 1 of the equity at each day's end, the initial capital first.

    Raises:
        Undefined: The equity was not above 0 on some day.
    """
    if daily.min() <= 0:
        raise Undefined("the equity fell to zero or below")
    return daily[1:] / daily[:-1] - 1


def annual_return(growth: float, days: int, annualization: int) -> float:
    """Return growth ** (annualization / days) - 1, where growth is final over initial equity.

    Raises:
        Undefined: Nothing was left, or the power is beyond all numbers.
    """
    if growth <= 0:
        raise Undefined("the equity ended at zero or below")
    log = math.log(growth) * annualization / days
    if log > _LARGEST_LOG:
        raise Undefined("the range is too short to scale its return to a year")
    return float(growth ** (annualization / days)) - 1


def annual_volatility(returns: Values, annualization: int) -> float:
    """Return the sample standard deviation (ddof 1) times the root of `annualization`.

    Raises:
        Undefined: There are fewer than two returns.
    """
    if len(returns) < 2:
        raise Undefined("there are fewer than two daily returns")
    squares = np.add.reduce(np.square(returns - _mean(returns)))
    return math.sqrt(float(squares) / (len(returns) - 1) * annualization)


def sharpe_ratio(returns: Values, annualization: int) -> float:
    """Return mean over standard deviation (ddof 1) times the root of `annualization` (Sharpe 1994).

    Raises:
        Undefined: The returns are fewer than two or do not vary.
    """
    volatility = annual_volatility(returns, annualization)
    if volatility <= _NO_SPREAD * float(np.abs(returns).max()):
        raise Undefined("the daily returns do not vary")
    return _mean(returns) * annualization / volatility


def sortino_ratio(returns: Values, annualization: int) -> float:
    """Return the annual mean over the annual downside deviation sqrt(mean(min(r, 0)^2)) (Sortino & Price 1994).

    Raises:
        Undefined: No return is below 0.
    """
    downside = math.sqrt(_mean(np.square(np.minimum(returns, 0))))
    if downside == 0:
        raise Undefined("no daily return is negative")
    return _mean(returns) * annualization / (downside * math.sqrt(annualization))


def calmar_ratio(annual: float, max_drawdown: float) -> float:
    """Return the annual return over the largest drawdown (Young 1991).

    Raises:
        Undefined: There was no drawdown.
    """
    if max_drawdown == 0:
        raise Undefined("there was no drawdown")
    return annual / max_drawdown


def mean_of(values: Values, none: str) -> float:
    """Return the mean.

    Raises:
        Undefined: There are no values; `none` says so.
    """
    if not len(values):
        raise Undefined(none)
    return _mean(values)


def over(numerator: float, denominator: float, otherwise: str) -> float:
    """Return the quotient.

    Raises:
        Undefined: The denominator is not above 0; `otherwise` says what that means.
    """
    if denominator <= 0:
        raise Undefined(otherwise)
    return numerator / denominator


def _mean(values: Values) -> float:
    # Values.mean() gives the same bits in three times the time, and a run has few hundred days.
    return float(np.add.reduce(values)) / len(values)
