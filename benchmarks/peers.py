"""The same job in other systems, where they are installed (`pip install 'ktrdr[peers]'`): never part of the product.

Long or flat on given signals, filled at the next open, commission and slippage 0.1 % each, all cash, starting with
`CAPITAL`. Neither closes what is open at the end of the data.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import warnings
from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.simulation.models import BUY, SELL

CAPITAL: Final = 100_000.0
COST: Final = 0.001

FinalValue = Callable[[], float]
Run = Callable[[], FinalValue]
"""What is timed; the final value is asked for afterwards, to see that the job was the same."""
Prepare = Callable[[BarSeries, NDArray[np.int8]], Run]
"""Puts bars and codes into a peer's own shape, untimed."""


def installed(name: str) -> bool:
    """Tell whether a peer can be imported."""
    return importlib.util.find_spec(name) is not None


def vectorbt(*, metrics: bool) -> Prepare:
    """Return vectorbt's run; with `metrics` it computes the numbers users ask for first."""
    import vectorbt as vbt

    def prepare(series: BarSeries, codes: NDArray[np.int8]) -> Run:
        index = pd.DatetimeIndex(series.timestamp)
        decided = np.concatenate(([1], codes[:-1]))  # it fills on the bar of the signal: give it the next one
        columns = (series.close, decided == BUY, decided == SELL)
        close, entries, exits = (pd.Series(column, index) for column in columns)
        price, length = pd.Series(series.open, index), pd.Timedelta(series.timeframe.nanoseconds)

        def run() -> FinalValue:
            portfolio = vbt.Portfolio.from_signals(
                close, entries, exits, price=price, fees=COST, slippage=COST, init_cash=CAPITAL, freq=length
            )
            if metrics:
                portfolio.total_return()
                portfolio.annualized_return()
                portfolio.sharpe_ratio()
                portfolio.sortino_ratio()
                portfolio.max_drawdown()
                portfolio.trades.win_rate()
                portfolio.trades.profit_factor()
                portfolio.trades.expectancy()
            return lambda: float(portfolio.value().iloc[-1])

        return run

    return prepare


def backtesting_py() -> Prepare:
    """Return backtesting.py's run, which always computes its statistics."""
    from backtesting import Backtest, Strategy

    def prepare(series: BarSeries, codes: NDArray[np.int8]) -> Run:
        class Given(Strategy):  # type: ignore[misc]  # the library is not typed
            def init(self) -> None:
                """Nothing to prepare: the signals are given."""

            def next(self) -> None:
                code = codes[len(self.data) - 1]
                if code == BUY and not self.position:
                    self.buy()
                elif code == SELL and self.position:
                    self.position.close()

        columns = dict(zip(("Open", "High", "Low", "Close", "Volume"), series.prices, strict=True))
        frame = pd.DataFrame(columns, index=pd.DatetimeIndex(series.timestamp))

        def run() -> FinalValue:
            with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):  # its progress bar
                warnings.simplefilter("ignore")
                # It takes the spread at the entry only.
                statistics = Backtest(frame, Given, cash=CAPITAL, commission=COST, spread=2 * COST).run()
            return lambda: float(statistics["Equity Final [$]"])

        return run

    return prepare
