"""How the event loop reports: simulation on one side, bridge and token on the other. Neither knows the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ktrdr_engine.backtesting.progress_bridge import TRADES, BacktestProgressBridge
from ktrdr_engine.operations.cancellation import CancellationToken
from ktrdr_engine.simulation.simulator import BLOCK

if TYPE_CHECKING:
    from ktrdr_engine.bars.window import BarWindow
    from ktrdr_engine.simulation.trades import TradeTable

_PACKED_TRADE: Final = np.dtype([("number", "<u8"), *((name, f"<{code}") for name, code in TRADES.columns.items())])


class BridgeObserver:
    """An `Observer` of a simulation that writes to a bridge and lends the flag of a token.

    Progress comes every 50 bars as long as the bridge's history keeps each sample. Once it is thinned, only what it
    would keep is reported, and the samples between are counted: they would be thrown away a moment later.

    Args:
        bridge: Takes progress and trades.
        token: Tells whether to stop.
        window: The bars simulated; their stamps date the progress.
    """

    def __init__(self, bridge: BacktestProgressBridge, token: CancellationToken, window: BarWindow) -> None:
        self.cancel_flag = token.flag
        self._bridge = bridge
        self._update = bridge.update_progress
        self._first = window.start
        self._total = len(window.series) - window.start
        self._timestamp = window.series.timestamp
        # A memoryview hands out plain integers, several times faster than an array hands out scalars.
        self._stamps = self._timestamp.data
        self._asked = 1
        self._last = window.start - 1

    def on_block(self, bar: int, pnl: float, trades: int, wins: int, position: int) -> int:
        """Publish where the run is; ask for the next report where the history keeps the next sample."""
        if self._asked > 1:
            self._bridge.skip((bar - self._last - 1) // BLOCK)
        self._last = bar
        win_rate = wins / trades if trades else 0.0
        done = bar - self._first + 1
        self._update(done, self._total, self._stamps[bar], pnl, trades, win_rate, 1 if position else 0)
        self._asked = self._bridge.to_skip + 1
        return self._asked

    def on_trades(self, trades: TradeTable) -> None:
        """Publish the trades that were closed, in one piece."""
        records, first = trades.records, self._bridge.last_number + 1
        packed = np.empty(len(trades), _PACKED_TRADE)
        packed["number"] = np.arange(first, first + len(trades))
        packed["side"] = records["units"] < 0
        packed["exit_reason"] = trades.exit_reason
        packed["entry_time"] = self._timestamp[trades.entry_index]
        packed["exit_time"] = self._timestamp[trades.exit_index]
        packed["entry_price"] = trades.entry_price
        packed["exit_price"] = trades.exit_price
        packed["quantity"] = trades.units
        packed["pnl"] = trades.net_pnl
        packed["return"] = trades.return_
        self._bridge.record_packed(TRADES.name, packed.tobytes())
