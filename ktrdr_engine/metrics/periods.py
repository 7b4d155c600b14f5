"""Returns by calendar month and year: pure functions on an equity curve."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

MONTHS: Final = 12


class MonthlyReturns(NamedTuple):
    """Returns as fractions, one row a year of trading days; NaN where a month has no bar or began with nothing.

    Args:
        years: (n_years,) rising, without gaps.
        returns: (n_years, 12) January to December.
        totals: (n_years,) of the whole year, compounded; NaN where the year has no bar.
    """

    years: NDArray[np.int64]
    returns: NDArray[np.float64]
    totals: NDArray[np.float64]


def monthly_returns(days: NDArray[np.int64], equity: NDArray[np.float64], initial_capital: float) -> MonthlyReturns:
    """Return last equity of each month over last equity of the month before that has bars, minus one.

    The first month is measured from the initial capital. As pandas' `resample("ME").last().pct_change()`.

    Args:
        days: (n,) rising, the trading day of each bar, days since 1970 (`bars.days.trading_days`), n at least 1.
        equity: (n,) at the closes.
        initial_capital: Above 0.
    """
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    first_year, last_year = months[0] // MONTHS, months[-1] // MONTHS
    years = np.arange(first_year, last_year + 1)
    returns = np.full((len(years), MONTHS), np.nan)
    present, gains = _gains(months, equity, initial_capital)
    returns.flat[present - first_year * MONTHS] = gains
    totals = np.full(len(years), np.nan)
    present, gains = _gains(months // MONTHS, equity, initial_capital)
    totals[present - first_year] = gains
    return MonthlyReturns(years + 1970, returns, totals)


def _gains(
    periods: NDArray[np.int64], equity: NDArray[np.float64], initial: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return each period that occurs and what was gained in it; NaN after the equity was not above 0."""
    ends = np.append(np.flatnonzero(periods[1:] != periods[:-1]), len(periods) - 1)
    values = equity[ends]
    before = np.concatenate(([initial], values[:-1]))
    gains = np.full(len(ends), np.nan)
    np.divide(values, before, out=gains, where=before > 0)
    return periods[ends], gains - 1
