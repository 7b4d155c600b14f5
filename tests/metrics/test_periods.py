"""Returns by month and year, against pandas."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ktrdr_engine.metrics.periods import MonthlyReturns, monthly_returns

CAPITAL = 100.0
DAY = 86_400_000_000_000


def stamps(*days: str) -> NDArray[np.int64]:
    return np.array(days, "datetime64[ns]").view(np.int64)


def measured(days: list[str], equity: list[float]) -> MonthlyReturns:
    return monthly_returns(stamps(*days) // DAY, np.array(equity), CAPITAL)


@given(seed=st.integers(0, 2**32 - 1), bars=st.integers(2, 400), hours=st.integers(1, 200))
def test_they_agree_with_pandas(seed: int, bars: int, hours: int) -> None:
    index = pd.date_range("2019-11-03 05:00", periods=bars, freq=f"{hours}h")
    equity = CAPITAL * np.cumprod(1 + np.random.default_rng(seed).normal(0, 0.02, bars), dtype=np.float64)
    ours = monthly_returns(index.as_unit("ns").asi8 // DAY, equity, CAPITAL)
    months = pd.Series(equity, index).resample("ME").last().dropna()
    expected = months.pct_change()
    expected.iloc[0] = months.iloc[0] / CAPITAL - 1
    filled = [(int(ours.years[row]), month + 1) for row, month in np.argwhere(~np.isnan(ours.returns))]
    assert filled == [(stamp.year, stamp.month) for stamp in pd.DatetimeIndex(expected.index)]
    np.testing.assert_allclose(ours.returns[~np.isnan(ours.returns)], expected.to_numpy(), rtol=0, atol=1e-9)


@given(seed=st.integers(0, 2**32 - 1))
def test_the_months_of_a_year_compound_to_its_total(seed: int) -> None:
    index = pd.date_range("2019-02-01", periods=60, freq="20D")
    equity = CAPITAL * np.cumprod(1 + np.random.default_rng(seed).normal(0, 0.05, 60), dtype=np.float64)
    ours = monthly_returns(index.as_unit("ns").asi8 // DAY, equity, CAPITAL)
    np.testing.assert_allclose(np.nanprod(1 + ours.returns, axis=1) - 1, ours.totals, rtol=0, atol=1e-9)


def test_the_first_month_begins_with_the_initial_capital() -> None:
    ours = measured(["2020-12-30", "2020-12-31", "2021-01-01"], [101, 110, 121])
    assert ours.years.tolist() == [2020, 2021]
    assert ours.returns[0, 11] == pytest.approx(0.10)
    assert ours.returns[1, 0] == pytest.approx(0.10)


def test_a_month_without_bars_has_no_return_and_the_next_one_counts_from_before() -> None:
    ours = measured(["2020-01-31", "2020-03-31"], [110, 121])
    assert math.isnan(ours.returns[0, 1])
    assert ours.returns[0, 2] == pytest.approx(0.10)


def test_a_year_without_bars_is_a_row_of_nothing() -> None:
    ours = measured(["2019-06-01", "2021-06-01"], [110, 121])
    assert ours.years.tolist() == [2019, 2020, 2021]
    assert np.isnan(ours.returns[1]).all()
    assert math.isnan(ours.totals[1])


def test_after_everything_is_lost_there_are_no_returns() -> None:
    ours = measured(["2020-01-31", "2020-02-29", "2020-03-31"], [110, 0, 5])
    assert ours.returns[0, 1] == -1
    assert math.isnan(ours.returns[0, 2])
