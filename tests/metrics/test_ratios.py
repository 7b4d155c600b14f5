"""The formulas against empyrical, and where they have no value."""

from __future__ import annotations

import math

import empyrical
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ktrdr_engine.metrics import ratios
from ktrdr_engine.metrics.ratios import Undefined

Returns = NDArray[np.float64]


@st.composite
def some_returns(draw: st.DrawFn) -> Returns:
    values = draw(st.lists(st.floats(-0.2, 0.2), min_size=2, max_size=60))
    returns = np.round(np.array(values), 6)
    assume(np.ptp(returns) > 0)
    return returns


def agree(ours: float, oracle: float) -> None:
    assert ours == pytest.approx(oracle, rel=1e-9, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(returns=some_returns(), annualization=st.sampled_from([252, 365]))
def test_volatility_sharpe_and_sortino_are_empyricals(returns: Returns, annualization: int) -> None:
    agree(
        ratios.annual_volatility(returns, annualization),
        empyrical.annual_volatility(returns, annualization=annualization),
    )
    agree(ratios.sharpe_ratio(returns, annualization), empyrical.sharpe_ratio(returns, annualization=annualization))
    if returns.min() < 0:
        agree(
            ratios.sortino_ratio(returns, annualization), empyrical.sortino_ratio(returns, annualization=annualization)
        )


@settings(max_examples=100, deadline=None)
@given(returns=some_returns(), annualization=st.sampled_from([252, 365]))
def test_annual_return_and_calmar_are_empyricals(returns: Returns, annualization: int) -> None:
    growth = float(np.prod(1 + returns))
    annual = ratios.annual_return(growth, len(returns), annualization)
    agree(annual, empyrical.annual_return(returns, annualization=annualization))
    if (drawdown := empyrical.max_drawdown(returns)) < 0:
        agree(ratios.calmar_ratio(annual, -drawdown), empyrical.calmar_ratio(returns, annualization=annualization))


def test_daily_returns_start_from_the_initial_capital() -> None:
    assert ratios.daily_returns(np.array([100.0, 110.0, 99.0])) == pytest.approx([0.1, -0.1])


def test_sortino_counts_the_days_without_loss_in_its_mean_square() -> None:
    returns = np.array([0.02, -0.01, 0.03, -0.02])
    downside = math.sqrt((0.01**2 + 0.02**2) / 4)
    assert ratios.sortino_ratio(returns, 252) == pytest.approx(0.005 * 252 / (downside * math.sqrt(252)))


@pytest.mark.parametrize("daily", [[100.0, 0.0], [100.0, -5.0, 50.0]])
def test_returns_of_an_equity_at_or_below_zero_are_undefined(daily: list[float]) -> None:
    with pytest.raises(Undefined, match="fell to zero or below"):
        ratios.daily_returns(np.array(daily))


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_returns_have_no_spread(count: int) -> None:
    with pytest.raises(Undefined, match="fewer than two"):
        ratios.annual_volatility(np.full(count, 0.01), 252)


@pytest.mark.parametrize("value", [0.0, 0.01, 1 / 3, -0.07])
def test_returns_that_do_not_vary_have_no_sharpe_ratio(value: float) -> None:
    with pytest.raises(Undefined, match="do not vary"):
        ratios.sharpe_ratio(np.full(7, value), 252)


def test_equal_growth_has_no_sharpe_ratio_although_rounding_varies_it() -> None:
    daily = np.array([100 * 1.01**day for day in range(50)])
    with pytest.raises(Undefined, match="do not vary"):
        ratios.sharpe_ratio(ratios.daily_returns(daily), 252)


def test_no_negative_return_means_no_sortino_ratio() -> None:
    with pytest.raises(Undefined, match="no daily return is negative"):
        ratios.sortino_ratio(np.array([0.0, 0.1]), 252)


@pytest.mark.parametrize("growth", [0.0, -0.5])
def test_nothing_left_has_no_annual_return(growth: float) -> None:
    with pytest.raises(Undefined, match="ended at zero or below"):
        ratios.annual_return(growth, 10, 252)


def test_a_leap_in_one_day_is_not_scaled_to_a_year() -> None:
    with pytest.raises(Undefined, match="too short"):
        ratios.annual_return(100.0, 1, 252)


def test_no_drawdown_means_no_calmar_ratio() -> None:
    with pytest.raises(Undefined, match="no drawdown"):
        ratios.calmar_ratio(0.1, 0.0)


def test_a_mean_of_nothing_and_a_quotient_by_nothing_say_why() -> None:
    with pytest.raises(Undefined, match="nobody came"):
        ratios.mean_of(np.empty(0), "nobody came")
    with pytest.raises(Undefined, match="nobody lost"):
        ratios.over(1.0, 0.0, "nobody lost")
    assert ratios.over(3.0, 2.0, "") == 1.5
