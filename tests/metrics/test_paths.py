"""Drawdown bar by bar and the rolling Sharpe ratio, against empyrical and pandas."""

from __future__ import annotations

import empyrical
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrdr_engine.bars.market import UTC
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.metrics.curve import measure
from ktrdr_engine.metrics.paths import drawdowns, rolling_sharpe

seeds = st.integers(0, 2**32 - 1)


@given(seed=seeds, window=st.integers(2, 40), count=st.integers(2, 200))
def test_rolling_sharpe_agrees_with_empyrical(seed: int, window: int, count: int) -> None:
    returns = np.random.default_rng(seed).normal(0.001, 0.01, count)
    ours = rolling_sharpe(returns, window, 252)
    assert np.isnan(ours[: window - 1]).all()
    if count >= window:
        expected = empyrical.roll_sharpe_ratio(pd.Series(returns), window=window, annualization=252)
        np.testing.assert_allclose(ours[window - 1 :], np.asarray(expected), rtol=1e-9, atol=1e-9)


def test_it_agrees_with_pandas_beyond_what_is_computed_at_once() -> None:
    returns = np.random.default_rng(5).normal(0.001, 0.01, 10_000)
    rolling = pd.Series(returns).rolling(63)
    expected = (rolling.mean() / rolling.std() * np.sqrt(365)).to_numpy()
    np.testing.assert_allclose(rolling_sharpe(returns, 63, 365), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_returns_that_do_not_vary_have_no_ratio(value: float) -> None:
    assert np.isnan(rolling_sharpe(np.full(10, value), 5, 252)).all()


def test_fewer_returns_than_a_window_have_no_ratio() -> None:
    assert np.isnan(rolling_sharpe(np.array([0.1, 0.2]), 3, 252)).all()


@given(seed=seeds)
def test_drawdowns_lie_between_nothing_and_everything_and_reach_the_largest(seed: int) -> None:
    equity = np.random.default_rng(seed).uniform(1, 200, 50)
    ours = drawdowns(equity, 100.0)
    assert ((ours >= 0) & (ours <= 1)).all()
    assert ours.max() == pytest.approx(
        measure(np.arange(50), equity, 100.0, timeframe=Timeframe.M1, market=UTC).max_drawdown, abs=1e-12
    )


@given(seed=seeds)
def test_drawdowns_agree_with_pandas(seed: int) -> None:
    equity = np.random.default_rng(seed).uniform(1, 200, 50)
    series = pd.Series(equity)
    expected = 1 - series / series.cummax().clip(lower=100.0)
    assert drawdowns(equity, 100.0).tolist() == pytest.approx(expected.tolist(), rel=0, abs=1e-9)


def test_a_loss_on_the_first_bar_is_a_drawdown() -> None:
    assert drawdowns(np.array([90.0, 95.0]), 100.0).tolist() == pytest.approx([0.1, 0.05])


def test_losing_more_than_everything_counts_as_everything() -> None:
    assert drawdowns(np.array([-50.0]), 100.0).tolist() == [1]
