"""`python -m tests.browser.paced_server`: the real server and engine; a run with PACED_CAPITAL waits for signals.

Engines are too fast to be watched: such a run goes on by one step of its bars each time the process gets SIGUSR1.
"""

from __future__ import annotations

import signal
import sys
import threading

from ktrdr_engine.backtesting import engine, service
from ktrdr_engine.backtesting.models import BacktestResults
from ktrdr_engine.backtesting.progress_bridge import BacktestProgressBridge
from ktrdr_engine.operations.cancellation import CancellationToken
from ktrdr_mcp.main import main

PACED_CAPITAL = 50_000.0
_REPORTS_PER_STEP = 12
_LOOK_SECONDS = 0.005

steps = threading.Semaphore(0)


class PacedBridge(BacktestProgressBridge):
    """Takes reports at once, unless it has a token: then every few only when there is a step to take."""

    token: CancellationToken | None = None
    reports = 0

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
        super().update_progress(current_bar, total_bars, current_date, current_pnl, total_trades, win_rate, positions)
        self.reports += 1
        if self.token is not None and self.reports % _REPORTS_PER_STEP == 0:
            while not self.token.is_cancelled and not steps.acquire(timeout=_LOOK_SECONDS):
                pass


class PacedEngine(engine.BacktestingEngine):
    """The real one, held back where the capital says so."""

    def run(
        self, bridge: BacktestProgressBridge | None = None, cancellation_token: CancellationToken | None = None
    ) -> BacktestResults:
        """Run, step by step or at once."""
        if isinstance(bridge, PacedBridge) and self._job.request.initial_capital == PACED_CAPITAL:
            while steps.acquire(blocking=False):
                pass  # what was left over by the run before
            bridge.token = cancellation_token
        return super().run(bridge, cancellation_token)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, lambda _number, _frame: steps.release())
    # Their speed is what cannot be had from outside.
    engine.BacktestingEngine = PacedEngine  # type: ignore[misc]
    service.BacktestProgressBridge = PacedBridge  # type: ignore[attr-defined]
    sys.exit(main())
