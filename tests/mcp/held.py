"""A kind of operation for tests: no prices and no network, its thread does what the symbol says.

QUICK ends at once with results, HELD runs until it is released or cancelled, LOUD also prints, DEAF never looks at its
token, CRASH has a defect, and the check of SLOW lasts until it is released. Everything else is unknown, with the words
the real engine would use.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NoReturn, cast

from ktrdr_engine.backtesting.models import BacktestRequest
from ktrdr_engine.backtesting.progress_bridge import BacktestProgressBridge
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.errors import DataError, OperationCancelled, StrategyError, did_you_mean
from ktrdr_engine.fields import request_subject
from ktrdr_engine.operations.archive import Archive
from ktrdr_engine.operations.cancellation import CancellationToken
from ktrdr_engine.operations.models import OperationType, Outcome
from ktrdr_engine.operations.orchestrator import ServiceOrchestrator
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.training.service import TrainingService

if TYPE_CHECKING:
    from ktrdr_engine.composition import Application

BARS = 1_000
HOUR = 3_600_000_000_000
START = 1_483_315_200_000_000_000
SYMBOLS = ("QUICK", "HELD", "LOUD", "DEAF", "CRASH", "SLOW")

RESULTS: dict[str, Any] = {
    "total_return": 0.0234,
    "annual_return": 0.0241,
    "sharpe_ratio": 1.25,
    "sortino_ratio": None,
    "max_drawdown": 0.031,
    "total_trades": 94,
    "final_value": 102_340.5,
    "initial_capital": 100_000.0,
    "bars": BARS,
    "first_bar": "2017-01-02T00:00:00Z",
    "model_relation": "in_sample",
    "model_beats_majority": False,
    "notes": ["sortino_ratio: no losing day"],
    "provenance": {"engine_version": "0.1.0"},
}
TABLES: dict[str, dict[str, list[Any]]] = {
    "trades": {"side": ["LONG"] * 94, "entry_price": [1.05 + i / 1000 for i in range(94)]},
    "equity": {"bar": list(range(BARS)), "equity": [100_000.0 + i for i in range(BARS)]},
}


class HeldBacktesting(ServiceOrchestrator[BacktestRequest, BacktestRequest, BacktestProgressBridge]):
    """Backtests that a test lets go on."""

    operation_type = OperationType.BACKTESTING
    kind_word = "backtest"
    start_path = "/backtests/start"
    start_summary = "Start a backtest"
    request_model = BacktestRequest
    about = staticmethod(request_subject)

    def __init__(self, operations: OperationsService) -> None:
        super().__init__(operations)
        self.release = threading.Event()
        self.running = threading.Event()

    async def run_backtest(self, request: BacktestRequest, *, idempotency_key: str | None = None) -> str:
        return (await self.start(request, idempotency_key=idempotency_key)).operation_id

    def prepare(self, request: BacktestRequest) -> BacktestRequest:
        request.range_ns()
        if request.symbol not in SYMBOLS:
            raise DataError(
                f"No prices for symbol {request.symbol!r}.{did_you_mean(request.symbol, SYMBOLS)}",
                details={"field": "symbol", "value": request.symbol, "known": SYMBOLS},
            )
        if request.symbol == "SLOW":
            print("checking", file=sys.stderr, flush=True)
            self.release.wait()
        return request

    def describe(self, job: BacktestRequest) -> dict[str, Any]:
        return job.model_dump(mode="json")

    def make_bridge(self, operation_id: str, job: BacktestRequest) -> BacktestProgressBridge:
        return BacktestProgressBridge(operation_id, job.symbol, job.timeframe, BARS)

    def run(self, job: BacktestRequest, bridge: BacktestProgressBridge, token: CancellationToken) -> Outcome:
        if job.symbol == "CRASH":
            raise RuntimeError("a secret of the inside")
        for bar in range(0, 500, 50):
            bridge.update_progress(bar, BARS, START + bar * HOUR, bar * 1.5, bar // 50, 0.5)
        bridge.report_trade(
            trade_type="LONG",
            entry_time=START,
            exit_time=START + HOUR,
            entry_price=1.05,
            exit_price=1.06,
            quantity=1_000.0,
            pnl=10.0,
            return_=0.0095,
        )
        if job.symbol == "LOUD":
            print("this must not reach the wire", flush=True)
        self.running.set()
        if job.symbol == "DEAF":
            threading.Event().wait()
        if job.symbol != "QUICK":
            self._hold(token)
        return Outcome(RESULTS, TABLES, "return +2.34%, 94 trades")

    def _hold(self, token: CancellationToken) -> None:
        while not self.release.wait(0.002):
            if token.is_cancelled:
                raise OperationCancelled(partial=Outcome({"total_return": 0.01}))


class HeldStrategies:
    """Two strategies by name."""

    class _File:
        text = "name: rsi_mean_reversion\n"

    def names(self) -> list[str]:
        return ["rsi_mean_reversion.yaml", "trend.yaml"]

    def load(self, name: str) -> _File:
        if name.removesuffix(".yaml") + ".yaml" not in self.names():
            raise StrategyError(f"No file {name!r} in strategies/.{did_you_mean(name, self.names())}")
        return self._File()


def _nothing() -> NoReturn:
    raise StrategyError("Nothing can be trained here.")


class HeldApplication:
    """What a server needs of an application, over the held engine."""

    def __init__(self, operations: OperationsService) -> None:
        self.operations = operations
        self.backtesting = HeldBacktesting(operations)
        self.training = TrainingService(operations, strategies=_nothing, models=_nothing, bars=_nothing)
        self.strategies = HeldStrategies()
        self.bars = BarStore(())
        self.start_routes = (self.backtesting.start_route,)
        self.loading: Callable[[], object] = lambda: None

    def warm_up(self) -> None:
        self.loading()

    def as_application(self) -> Application:
        return cast("Application", self)


@asynccontextmanager
async def open_held(store: Archive | None = None, *, max_concurrent: int = 4) -> AsyncIterator[HeldApplication]:
    """Open an application whose work is let go only after it has been closed: what runs then must be cancelled."""
    operations = OperationsService(
        store,
        max_concurrent=max_concurrent,
        max_queued=2,
        grace_seconds=0.3,
        descriptions={HeldBacktesting.operation_type: HeldBacktesting.about},
    )
    application = HeldApplication(operations)
    try:
        async with operations:
            yield application
    finally:
        application.backtesting.release.set()
