"""What a running backtest leaves in memory for whoever asks: the latest bar, the equity so far, the closed trades."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.history import Bucket
from ktrdr_engine.operations.phases import Phase

SIDES = ("LONG", "SHORT")
EXIT_REASONS = ("signal", "stop_loss", "take_profit", "trailing_stop", "end_of_data")
INDICATORS = Phase("Computing indicators", 0.05, "indicators")
FEATURES = Phase("Computing features", 0.05)
PREDICTION = Phase("Predicting", 0.45)
SIMULATION = Phase("", 0.4)
NUMBERS = Phase("Working out the numbers", 0.05)
_SIDE_CODES = {word: code for code, word in enumerate(SIDES)}
_REASON_CODES = {word: code for code, word in enumerate(EXIT_REASONS)}
_BARS_KEPT = 1_000
_TRADES_KEPT = 5_000


def _bar_entry(bar: int, _total: int, date: int, *account: float) -> dict[str, Any]:
    pnl, trades, _win_rate, positions = account
    return {
        "timestamp": format_stamp(date),
        "bar_index": bar,
        "pnl": pnl,
        "trades": trades,
        "positions": positions,
    }


def _trade_entry(side: int, reason: int, entry: int, exit: int, *numbers: float) -> dict[str, Any]:
    entry_price, exit_price, quantity, pnl, gain = numbers
    return {
        "trade_type": SIDES[side],
        "entry_time": format_stamp(entry),
        "exit_time": format_stamp(exit),
        "entry_price": entry_price,
        "exit_price": exit_price,
        "quantity": quantity,
        "pnl": pnl,
        "return": gain,
        "exit_reason": EXIT_REASONS[reason],
    }


_BARS = Bucket(
    "bars",
    {
        "bar_index": "q", "total": "q", "timestamp": "q", "pnl": "d", "trades": "q", "win_rate": "d", "positions": "q",
    },
    limit=_BARS_KEPT,
    render=_bar_entry,
)  # fmt: skip
TRADES = Bucket(
    "trades",
    {
        "side": "b", "exit_reason": "b", "entry_time": "q", "exit_time": "q",
        "entry_price": "d", "exit_price": "d", "quantity": "d", "pnl": "d", "return": "d",
    },
    limit=_TRADES_KEPT,
    policy="latest",
    render=_trade_entry,
)  # fmt: skip


class BacktestProgressBridge(ProgressBridge):
    """Progress of one backtest: written by its thread, formatted only when somebody reads.

    Args:
        operation_id: The operation reported on.
        symbol: The instrument.
        timeframe: The length of a bar, as in "1h".
        total_bars: Bars in the requested range.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        operation_id: str,
        symbol: str,
        timeframe: str,
        total_bars: int,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(operation_id, samples=_BARS, events=(TRADES,), clock=clock)
        self.symbol = symbol
        self.timeframe = timeframe
        self.total_bars = total_bars

    def update_progress(
        self,
        current_bar: int,
        total_bars: int,
        current_date: int,
        current_pnl: float,
        total_trades: int,
        win_rate: float,
        positions: int = 0,
    ) -> None:
        """Publish where the run is.

        Args:
            current_bar: Bars done, 0..total_bars.
            total_bars: Bars in the range.
            current_date: Opening of the latest bar, int64 ns UTC.
            current_pnl: Equity less initial capital, account currency.
            total_trades: Closed trades.
            win_rate: Fraction of the closed trades that won; any number before the first one.
            positions: Open positions, 0 or 1.
        """
        self.publish(current_bar, total_bars, (current_date, current_pnl, total_trades, win_rate, positions))

    def report_trade(
        self,
        *,
        trade_type: str,
        entry_time: int,
        exit_time: int,
        entry_price: float,
        exit_price: float,
        quantity: float,
        pnl: float,
        return_: float,
        exit_reason: str = "signal",
    ) -> None:
        """Publish a closed trade: times int64 ns UTC, net pnl in account currency, return on entry notional."""
        side, reason = _SIDE_CODES[trade_type], _REASON_CODES[exit_reason]
        self.record(TRADES.name, side, reason, entry_time, exit_time, entry_price, exit_price, quantity, pnl, return_)

    def describe(self, step: int, total: int, fields: tuple[Any, ...]) -> tuple[str, dict[str, Any]]:
        """Return the message and context that clients see."""
        context: dict[str, Any] = {"symbol": self.symbol, "timeframe": self.timeframe}
        message = f"Backtesting {self.symbol} {self.timeframe}"
        if not fields:
            return message, context
        date, pnl, trades, win_rate, _ = fields
        stamp = format_stamp(int(date))
        context |= {
            "current_date": stamp,
            "current_pnl": float(pnl),
            "total_trades": int(trades),
            "win_rate": float(win_rate) if trades else None,
        }
        return f"{message} [{stamp[:16].replace('T', ' ')}]", context
