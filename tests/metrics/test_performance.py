"""All numbers of a run, by hand and by law; what is undefined is None and says why."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypedDict, Unpack

import empyrical
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ktrdr_engine.bars.market import CRYPTO, UTC
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.metrics.performance import Performance, summarise

DAY = 86_400_000_000_000
MONDAY = 19_723 * DAY


@dataclass(frozen=True)
class Trades:
    net_pnl: NDArray[np.float64]


@dataclass(frozen=True)
class Run:
    equity: NDArray[np.float64]
    trades: Trades
    initial_capital: float = 1000.0
    start: int = 0
    commission: float = 3.0
    slippage: float = 2.0
    notional: float = 5000.0
    exposed_bars: int = 2


class Changes(TypedDict, total=False):
    """Figures of a `Run` that differ from the usual."""

    initial_capital: float
    notional: float
    exposed_bars: int


def weekdays(count: int) -> NDArray[np.int64]:
    return np.array([MONDAY + (k // 5 * 7 + k % 5) * DAY for k in range(count)], np.int64)


def performance(
    *equity: float, trades: tuple[float, ...] = (), start: int = 0, **changes: Unpack[Changes]
) -> Performance:
    """Summarise an equity on weekdays; the market opens at 50 and closes one higher each bar."""
    bars = len(equity) + start
    run = Run(np.array(equity, np.float64), Trades(np.array(trades, np.float64)), start=start, **changes)
    closes = 51.0 + np.arange(bars)
    prices = np.array([closes - 1, closes + 1, closes - 2, closes, np.ones(bars)])
    return summarise(weekdays(bars), prices, run, timeframe=Timeframe.D1, market=UTC)


def test_every_number_of_a_small_run() -> None:
    numbers = performance(1000, 1100, 1045, 1254, trades=(150.0, -50.0, 204.0, -50.0))
    returns = np.array([0.0, 0.1, -0.05, 0.2])
    assert numbers.total_return == pytest.approx(0.254)
    assert numbers.annual_return == pytest.approx(1.254 ** (252 / 4) - 1)
    assert numbers.annual_volatility == pytest.approx(returns.std(ddof=1) * np.sqrt(252))
    assert numbers.sharpe_ratio == pytest.approx(returns.mean() / returns.std(ddof=1) * np.sqrt(252))
    assert numbers.sortino_ratio == pytest.approx(empyrical.sortino_ratio(returns))
    assert numbers.max_drawdown == pytest.approx(0.05)
    assert numbers.calmar_ratio == pytest.approx((1.254**63 - 1) / 0.05)
    assert numbers.max_drawdown_duration_days == 2.0
    assert numbers.total_trades == 4
    assert numbers.win_rate == 0.5
    assert numbers.avg_win == 177.0
    assert numbers.avg_loss == -50.0
    assert numbers.profit_factor == pytest.approx(354 / 100)
    assert numbers.expectancy == 63.5
    assert numbers.exposure == 0.5
    assert numbers.turnover == pytest.approx(5000 / ((1000 + 1100 + 1045 + 1254) / 4))
    assert (numbers.total_commission, numbers.total_slippage) == (3.0, 2.0)
    assert (numbers.final_value, numbers.initial_capital) == (1254.0, 1000.0)
    assert numbers.buy_and_hold_return == pytest.approx(54 / 51 - 1)
    assert (numbers.bars, numbers.annualization) == (4, 252)
    assert [note for note in numbers.notes if "trading days" not in note] == []


def test_numbers_are_plain_python_values() -> None:
    numbers = performance(1000, 1100, 1045, 1254, trades=(150.0, -50.0))
    for field in fields(numbers):
        assert type(getattr(numbers, field.name)) in (float, int, tuple, type(None)), field.name


def test_buy_and_hold_begins_at_the_second_open_of_the_range_not_of_the_data() -> None:
    numbers = performance(1000, 1010, start=3)
    assert numbers.buy_and_hold_return == pytest.approx(55 / 54 - 1)
    assert numbers.bars == 2


@pytest.mark.parametrize("entry", [1, 2, 7, 18])
def test_buy_and_hold_lies_idle_until_the_strategy_could_have_bought(entry: int) -> None:
    random = np.random.default_rng(entry)
    closes = 100 * np.cumprod(1 + random.normal(0, 0.02, 20))
    prices = np.array([closes * 0.99, closes * 1.01, closes * 0.98, closes, np.ones(20)])
    run = Run(np.full(20, 1000.0), Trades(np.array([])))
    found = summarise(weekdays(20), prices, run, timeframe=Timeframe.D1, market=UTC, first_entry=entry)
    worth = np.where(np.arange(20) < entry, 1.0, closes / prices[0, entry])
    returns = pd.Series(np.concatenate([[1.0], worth])).pct_change().dropna()
    assert found.buy_and_hold_return == pytest.approx(closes[-1] / prices[0, entry] - 1)
    assert found.buy_and_hold_sharpe_ratio == pytest.approx(empyrical.sharpe_ratio(returns))
    assert found.buy_and_hold_max_drawdown == pytest.approx(-empyrical.max_drawdown(returns))


def test_where_nothing_could_be_bought_there_is_no_buy_and_hold() -> None:
    found = performance(1000)
    assert (found.buy_and_hold_return, found.buy_and_hold_sharpe_ratio, found.buy_and_hold_max_drawdown) == (None,) * 3
    assert any("could have bought" in note for note in found.notes)


def test_no_trade_leaves_its_numbers_undefined_with_one_reason() -> None:
    numbers = performance(1000, 1000, 1000, notional=0.0, exposed_bars=0)
    missing = (numbers.win_rate, numbers.avg_win, numbers.avg_loss, numbers.profit_factor, numbers.expectancy)
    assert missing == (None,) * 5
    assert (numbers.total_trades, numbers.total_return, numbers.exposure, numbers.turnover) == (0, 0.0, 0.0, 0.0)
    assert "win_rate, avg_win, avg_loss, profit_factor, expectancy undefined: no trade was closed." in numbers.notes


def test_an_equity_that_never_moves_has_no_ratios() -> None:
    numbers = performance(1000, 1000, 1000)
    assert (numbers.sharpe_ratio, numbers.sortino_ratio, numbers.calmar_ratio) == (None, None, None)
    assert (numbers.annual_return, numbers.annual_volatility, numbers.max_drawdown) == (0.0, 0.0, 0.0)
    assert "sharpe_ratio undefined: the daily returns do not vary." in numbers.notes
    assert "sortino_ratio undefined: no daily return is negative." in numbers.notes
    assert "calmar_ratio undefined: there was no drawdown." in numbers.notes


def test_only_wins_have_no_loss_and_no_profit_factor() -> None:
    numbers = performance(1000, 1100, trades=(60.0, 40.0))
    assert (numbers.win_rate, numbers.avg_win, numbers.avg_loss, numbers.profit_factor) == (1.0, 50.0, None, None)
    assert "avg_loss, profit_factor undefined: no trade lost." in numbers.notes


def test_only_losses_have_no_win_and_a_profit_factor_of_zero() -> None:
    numbers = performance(1000, 900, trades=(-60.0, -40.0))
    assert (numbers.win_rate, numbers.avg_win, numbers.avg_loss, numbers.profit_factor) == (0.0, None, -50.0, 0.0)
    assert "avg_win undefined: no trade gained." in numbers.notes


def test_a_trade_that_ends_even_is_neither_win_nor_loss() -> None:
    numbers = performance(1000, 1010, trades=(0.0, 20.0, -10.0, 0.0))
    assert (numbers.win_rate, numbers.avg_win, numbers.avg_loss, numbers.expectancy) == (0.25, 20.0, -10.0, 2.5)


def test_one_bar_has_no_spread() -> None:
    numbers = performance(1001)
    assert (numbers.annual_volatility, numbers.sharpe_ratio) == (None, None)
    assert "annual_volatility, sharpe_ratio undefined: there are fewer than two daily returns." in numbers.notes
    assert numbers.annual_return == pytest.approx(1.001**252 - 1)


def test_no_bar_leaves_nearly_all_undefined() -> None:
    numbers = performance()
    assert (numbers.bars, numbers.final_value, numbers.total_return, numbers.max_drawdown) == (0, 1000.0, None, None)
    assert numbers.max_drawdown_duration_days is None
    assert numbers.annual_return is None
    assert numbers.exposure is None
    assert any(note.endswith("undefined: the range holds no bar.") for note in numbers.notes)


def test_an_equity_below_zero_has_no_returns_and_a_drawdown_of_everything() -> None:
    numbers = performance(1000, -500, -200, trades=(-1200.0,))
    assert numbers.max_drawdown == 1.0
    assert numbers.total_return == pytest.approx(-1.2)
    assert (numbers.sharpe_ratio, numbers.annual_return, numbers.calmar_ratio) == (None, None, None)
    assert "annual_return, calmar_ratio undefined: the equity ended at zero or below." in numbers.notes
    risk = "annual_volatility, sharpe_ratio, sortino_ratio undefined: the equity fell to zero or below."
    assert risk in numbers.notes


def test_a_mean_equity_below_zero_has_no_turnover() -> None:
    numbers = performance(1000, -5000, -5000)
    assert numbers.turnover is None
    assert "turnover undefined: the mean equity is not above 0." in numbers.notes


@pytest.mark.parametrize(("days", "noted"), [(59, True), (60, False)])
def test_numbers_annualised_from_under_sixty_days_carry_a_note(days: int, noted: bool) -> None:
    numbers = performance(*np.linspace(1000, 1100, days).tolist(), trades=(5.0, -3.0))
    assert bool([note for note in numbers.notes if "59 trading days" in note]) is noted


def test_a_number_beyond_the_range_of_floats_is_undefined() -> None:
    numbers = performance(1e300, 1e300, 1e300, initial_capital=1e-300)
    assert numbers.total_return is None
    assert numbers.annual_return is None


def test_the_ratios_agree_with_empyrical_on_hourly_bars_of_many_days() -> None:
    generator = np.random.default_rng(5)
    stamps = MONDAY + np.arange(24 * 60) * (DAY // 24)
    equity = 1000 * np.exp(np.cumsum(generator.normal(0, 0.002, len(stamps))))
    run = Run(equity, Trades(np.array([equity[-1] - 1000])))
    numbers = summarise(stamps, np.ones((5, len(stamps))), run, timeframe=Timeframe.H1, market=CRYPTO)
    days = pd.Series(equity, index=pd.to_datetime(stamps)).resample("D").last()
    returns = np.diff(np.concatenate(([1000.0], days))) / np.concatenate(([1000.0], days[:-1]))
    assert numbers.annualization == 365
    assert numbers.sharpe_ratio == pytest.approx(empyrical.sharpe_ratio(returns, annualization=365), rel=1e-9)
    assert numbers.sortino_ratio == pytest.approx(empyrical.sortino_ratio(returns, annualization=365), rel=1e-9)
    assert numbers.annual_return == pytest.approx(empyrical.annual_return(returns, annualization=365), rel=1e-9)
    volatility = empyrical.annual_volatility(returns, annualization=365)
    assert numbers.annual_volatility == pytest.approx(volatility, rel=1e-9)


@settings(max_examples=100, deadline=None)
@given(
    equity=st.lists(st.floats(-500, 3000), max_size=40),
    trades=st.lists(st.floats(-100, 100), max_size=20),
)
def test_every_number_is_finite_or_none_with_its_name_in_the_notes(equity: list[float], trades: list[float]) -> None:
    numbers = performance(*equity, trades=tuple(trades))
    notes = " ".join(numbers.notes)
    for field in fields(numbers):
        value = getattr(numbers, field.name)
        if field.name != "notes":
            assert field.name in notes if value is None else np.isfinite(value)
    assert numbers.max_drawdown is None or 0 <= numbers.max_drawdown <= 1
    assert numbers.win_rate is None or 0 <= numbers.win_rate <= 1
