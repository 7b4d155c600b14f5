"""A backtest as arrays: equity, trades and prices, whole or as far as it got."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.days import trading_days
from ktrdr_engine.bars.market import CRYPTO, UTC, Market, parse_market
from ktrdr_engine.bars.timeframe import Timeframe, parse_timeframe
from ktrdr_engine.charts.columns import numbers, stamps, words
from ktrdr_engine.metrics.paths import held_equity

if TYPE_CHECKING:
    from ktrdr_engine.bars.series import BarSeries
    from ktrdr_engine.operations.models import Operation, Table

_SAME: float = 1e-9


class Scope(StrEnum):
    """How much of the run there is to see."""

    WHOLE = "whole"
    PARTIAL = "partial"
    SO_FAR = "so far"


@dataclass(frozen=True, slots=True, eq=False)
class Trades:
    """Round trips, each array (n,).

    Attributes:
        side: +1 long, -1 short.
        entry_time: ns UTC.
        exit_time: ns UTC.
        entry_price: Of the fill, slippage included.
        exit_price: Of the fill, slippage included.
        quantity: Units, above 0.
        pnl: After costs, account currency.
        gain: Return on the entry notional, a fraction.
        exit_reason: As the engine words it.
        mae: Largest loss on the way, a fraction of the entry, 0 or above; None where it was not recorded.
        mfe: Largest gain on the way, the same way.
        bars_held: None where it was not recorded.
    """

    side: NDArray[np.int64]
    entry_time: NDArray[np.int64]
    exit_time: NDArray[np.int64]
    entry_price: NDArray[np.float64]
    exit_price: NDArray[np.float64]
    quantity: NDArray[np.float64]
    pnl: NDArray[np.float64]
    gain: NDArray[np.float64]
    exit_reason: list[str]
    mae: NDArray[np.float64] | None = None
    mfe: NDArray[np.float64] | None = None
    bars_held: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.side)

    @classmethod
    def from_table(cls, table: Table) -> Self:
        """Read the table `trades` of a finished backtest, or the entries of the metrics bucket as columns."""
        if not table:
            none, ns = np.array([], np.float64), np.array([], np.int64)
            return cls(ns, ns, ns, none, none, none, none, none, [])
        return cls(
            side=np.where(np.array(words(table, "trade_type")) == "SHORT", -1, 1),
            entry_time=stamps(table, "entry_time"),
            exit_time=stamps(table, "exit_time"),
            entry_price=numbers(table, "entry_price"),
            exit_price=numbers(table, "exit_price"),
            quantity=np.abs(numbers(table, "quantity")),
            pnl=numbers(table, "pnl"),
            gain=numbers(table, "return"),
            exit_reason=words(table, "exit_reason"),
            mae=numbers(table, "mae") if "mae" in table else None,
            mfe=numbers(table, "mfe") if "mfe" in table else None,
            bars_held=numbers(table, "bars_held") if "bars_held" in table else None,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """The bars of the run: stamps (n,) ns UTC and closes (n,); buy and hold begins at `first_open`, of bar `entry`."""

    stamps: NDArray[np.int64]
    close: NDArray[np.float64]
    first_open: float
    entry: int = 0

    @property
    def growth(self) -> NDArray[np.float64]:
        """What one unit of money becomes at each close, that lies idle and then buys the instrument at `first_open`."""
        return held_equity(self.first_open, self.close, self.entry)

    @classmethod
    def between(cls, series: BarSeries, first: int, last: int, entry: int | None = None) -> Self | None:
        """Return the bars stamped `first` to `last`, both included; None if there are none.

        Args:
            series: All bars there are.
            first: ns UTC, as `last`.
            last: Of the last bar.
            entry: Of the bar that buy and hold begins with, ns UTC; None: the first.
        """
        start, bought, stop = np.searchsorted(series.timestamp, [first, first if entry is None else entry, last + 1])
        if start == stop:
            return None
        bought = int(bought) if start <= bought < stop else int(start)
        bars = slice(start, stop)
        return cls(series.timestamp[bars], series.close[bars], float(series.open[bought]), bought - int(start))


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A backtest, ready to be drawn; it has at least one bar.

    Attributes:
        operation: Whose run it is.
        scope: How much of it this is.
        stamps: (n,) ns UTC, of the bars in `equity`; thinned while it runs.
        equity: (n,) at the closes.
        initial_capital: Above 0.
        trades: The closed ones.
        prices: None where they are not on this side, or not those of the run.
        remarks: What a reader must know about what is drawn.
    """

    operation: Operation
    scope: Scope
    stamps: NDArray[np.int64]
    equity: NDArray[np.float64]
    initial_capital: float
    trades: Trades
    prices: Prices | None = None
    remarks: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        """What was tested on what, for a heading."""
        asked = self.operation.metadata
        strategy = str(asked.get("strategy_config_path", "")).removeprefix("strategies/")
        market = " ".join(str(asked[key]) for key in ("symbol", "timeframe") if key in asked)
        return " on ".join(part for part in (strategy.removesuffix(".yaml"), market) if part)

    @property
    def closed_trades(self) -> int:
        """How many trades were closed, also those that a bounded history does not hold any more."""
        told = {**self.operation.progress.context, **self.results}.get("total_trades")
        return max(len(self.trades), told if isinstance(told, int) else 0)

    @property
    def results(self) -> Mapping[str, Any]:
        """The numbers of the run; empty while it runs."""
        return self.operation.results or {}

    @property
    def timeframe(self) -> Timeframe:
        """The length of its bars."""
        return parse_timeframe(str(self.operation.metadata.get("timeframe", Timeframe.H1)))

    @property
    def market(self) -> Market:
        """The market its days were counted by; while it runs, and of results that do not tell it, days are UTC's."""
        if name := self.results.get("market"):
            return parse_market(str(name))
        return CRYPTO if self.results.get("annualization") == CRYPTO.days_a_year else UTC

    @property
    def days(self) -> NDArray[np.int64]:
        """The trading day of each of `stamps`, days since 1970."""
        return trading_days(self.stamps, self.timeframe, self.market)


def finished_run(operation: Operation, equity: Table, trades: Table) -> Run | None:
    """Return the run of an operation that ended with tables; None where it ended before its first bar."""
    at, values = stamps(equity, "timestamp"), numbers(equity, "equity")
    if not len(at):
        return None
    results = operation.results or {}
    scope = Scope.PARTIAL if results.get("partial") else Scope.WHOLE
    initial = float(results.get("initial_capital") or operation.metadata["initial_capital"])
    return Run(operation, scope, at, values, initial, Trades.from_table(trades))


def run_so_far(operation: Operation, bars: Table, trades: Table) -> Run:
    """Return the run as its metrics history shows it: equity is the initial capital plus the profit at each entry."""
    initial = float(operation.metadata["initial_capital"])
    at, equity = stamps(bars, "timestamp"), initial + numbers(bars, "pnl")
    return Run(operation, Scope.SO_FAR, at, equity, initial, Trades.from_table(trades))


def is_of_run(prices: Prices, run: Run) -> bool:
    """Return whether these are the bars a finished run saw: the same stamps and the same buy-and-hold return."""
    if run.scope is Scope.SO_FAR:
        return True
    expected = run.results.get("buy_and_hold_return")
    if not np.array_equal(prices.stamps, run.stamps):
        return False
    return expected is None or abs(float(prices.growth[-1]) - 1 - expected) <= _SAME * max(1.0, abs(expected))
