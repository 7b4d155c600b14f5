"""How the event loop reports: simulation on one side, bridge and token on the other. Neither knows the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ktrdr_engine.backtesting.progress_bridge import BacktestProgressBridge
from ktrdr_engine.operations.cancellation import CancellationToken

if TYPE_CHECKING:
    from ktrdr_engine.bars.window import BarWindow
    from ktrdr_engine.simulation.trades import TradeTable


class BridgeObserver:
    """An `Observer` of a simulation that writes to a bridge and asks a token.

    Args:
        bridge: Takes progress and trades.
        token: Tells whether to stop.
        window: The bars simulated; their stamps date the progress.
    """

    def __init__(self, bridge: BacktestProgressBridge, token: CancellationToken, window: BarWindow) -> None:
        self._update = bridge.update_progress
        self._record_all = bridge.record_all
        self._token = token
        self._first = window.start
        self._total = len(window.series) - window.start
        # A memoryview hands out plain integers, several times faster than an array hands out scalars.
        self._stamps = window.series.timestamp.data

    def on_block(self, bar: int, pnl: float, trades: int, wins: int, position: int) -> None:
        """Publish where the run is."""
        win_rate = wins / trades if trades else 0.0
        done = bar - self._first + 1
        self._update(done, self._total, self._stamps[bar], pnl, trades, win_rate, 1 if position else 0)

    def on_trades(self, trades: TradeTable) -> None:
        """Publish the trades that were closed."""
        self._record_all("trades", map(self._entry, trades.records.tolist()))

    def is_cancelled(self) -> bool:
        """Tell whether somebody asked to stop."""
        return self._token.is_cancelled

    def _entry(self, trade: tuple[int, int, float, float, float, float, float, float, int]) -> tuple[float, ...]:
        entry, exit_, entry_price, exit_price, units, net, _mae, _mfe, reason = trade
        size, stamps = abs(units), self._stamps
        gain = net / (size * entry_price)
        return units < 0, reason, stamps[entry], stamps[exit_], entry_price, exit_price, size, net, gain
