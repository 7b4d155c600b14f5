"""SmaCross(10, 20) on GOOG against the figures of an independent library, backtesting.py (a test-time oracle only).

The library closes nothing at the end of the data; here the last trade is closed at the last close, with its cost.
Its GOOG prices are older than the shipped ones, which a publisher has corrected since, so they are taken from it.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from backtesting import Backtest, Strategy
from backtesting.lib import crossover
from backtesting.test import GOOG, SMA
from numpy.typing import NDArray

from ktrdr_engine.bars.market import US_EQUITY
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.metrics import ratios
from ktrdr_engine.metrics.performance import summarise
from ktrdr_engine.simulation.models import SimulationRules
from ktrdr_engine.simulation.simulator import Simulation, simulate
from tests.simulation.markets import Codes, Prices
from tests.simulation.reference import simulate_plainly

START = 20
RULES = SimulationRules(10_000.0, 0.002, 0.0, fractional_units=False, allow_short_from_flat=True)


def sma_cross(close: NDArray[np.float64]) -> Codes:
    """Buy when the fast mean was below the slow one and is above now; sell on the opposite."""
    means = [pd.Series(close).rolling(length).mean().to_numpy() for length in (10, 20)]
    above, below = means[0] > means[1], means[0] < means[1]
    codes = np.ones(len(close), np.int8)
    codes[1:][below[:-1] & above[1:]] = 0
    codes[1:][above[:-1] & below[1:]] = 2
    return codes


class Market(NamedTuple):
    stamps: NDArray[np.int64]
    prices: Prices
    codes: Codes


@pytest.fixture(scope="module")
def market() -> Market:
    prices = np.ascontiguousarray(GOOG[["Open", "High", "Low", "Close", "Volume"]].to_numpy(np.float64).T)
    stamps = GOOG.index.to_numpy().astype("datetime64[ns]").astype(np.int64)
    return Market(stamps, prices, sma_cross(prices[3]))


@pytest.fixture(scope="module")
def ours(market: Market) -> Simulation:
    return simulate(market.prices, market.codes, RULES, start=START)


@pytest.fixture(scope="module")
def theirs() -> pd.Series:
    class SmaCross(Strategy):  # type: ignore[misc]  # the library is not typed
        def init(self) -> None:
            self.fast = self.I(SMA, self.data.Close, 10)
            self.slow = self.I(SMA, self.data.Close, 20)

        def next(self) -> None:
            if crossover(self.fast, self.slow):
                self.position.close()
                self.buy()
            elif crossover(self.slow, self.fast):
                self.position.close()
                self.sell()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # open trades at the end, and what pandas thinks of the library
        statistics: pd.Series = Backtest(GOOG, SmaCross, cash=10_000, commission=0.002).run()
    return statistics


def test_the_final_value_and_the_number_of_trades_are_the_known_ones(ours: Simulation) -> None:
    assert ours.final_value == pytest.approx(56152.26512, abs=1e-9)
    assert len(ours.trades) == 94


def test_the_drawdown_is_the_known_one(market: Market, ours: Simulation) -> None:
    drawdown = summarise(market.stamps, market.prices, ours, timeframe=Timeframe.D1, market=US_EQUITY).max_drawdown
    assert drawdown == pytest.approx(0.3393159182905461, abs=1e-12)


def test_without_costs_the_final_value_is_the_known_one(market: Market) -> None:
    rules = SimulationRules(10_000.0, 0.0, 0.0, fractional_units=False, allow_short_from_flat=True)
    assert simulate(market.prices, market.codes, rules, start=START).final_value == pytest.approx(81812.37, abs=1e-7)


def test_the_library_agrees_on_every_bar_but_for_the_closing_of_the_last_trade(
    ours: Simulation, theirs: pd.Series
) -> None:
    library = theirs["_equity_curve"]["Equity"].to_numpy()
    np.testing.assert_allclose(ours.equity[:-1], library[START:-1], rtol=1e-9)
    last = ours.trades.between(93, 94)
    assert last.units.tolist() == [69.0]
    cost_of_closing = 69 * last.exit_price[0] * 0.002
    assert library[-1] == pytest.approx(56263.51934, abs=1e-9)
    assert ours.final_value + cost_of_closing == pytest.approx(library[-1], rel=1e-12)


def test_the_library_agrees_on_every_closed_trade(ours: Simulation, theirs: pd.Series) -> None:
    library = theirs["_trades"]
    closed = ours.trades.between(0, 93)
    assert len(library) == 93
    assert closed.entry_index.tolist() == library["EntryBar"].tolist()
    assert closed.exit_index.tolist() == library["ExitBar"].tolist()
    assert (closed.units * closed.side).tolist() == library["Size"].tolist()
    np.testing.assert_allclose(closed.entry_price, library["EntryPrice"], rtol=1e-12)
    np.testing.assert_allclose(closed.exit_price, library["ExitPrice"], rtol=1e-12)
    np.testing.assert_allclose(closed.commission, library["Commission"], rtol=1e-9)


def test_the_ratios_of_the_librarys_equity_are_the_known_ones(theirs: pd.Series) -> None:
    returns = ratios.daily_returns(theirs["_equity_curve"]["Equity"].to_numpy())
    assert ratios.sharpe_ratio(returns, 252) == pytest.approx(0.8268005582135975, abs=1e-9)
    assert ratios.sortino_ratio(returns, 252) == pytest.approx(1.2592866757997363, abs=1e-9)


@pytest.mark.parametrize("symbol", ["GOOG", "SPX"])
def test_shipped_prices_give_the_plain_loops_result(bar_store: BarStore, symbol: str) -> None:
    series = bar_store.load(symbol, "1d")
    codes = sma_cross(series.close)
    simulation = simulate(series.prices, codes, RULES, start=START)
    book = simulate_plainly(series.prices.tolist(), codes.tolist(), RULES, START)
    assert len(simulation.trades) == len(book.trades) > 90
    np.testing.assert_allclose(simulation.equity, book.equity, rtol=1e-9)
