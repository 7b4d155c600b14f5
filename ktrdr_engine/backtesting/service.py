"""Backtests as operations. Light to import: arrays, networks and kernels arrive with the first request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ktrdr_engine.backtesting.job import BacktestJob, prepare
from ktrdr_engine.backtesting.models import BacktestRequest, BacktestResults, BacktestStarted
from ktrdr_engine.backtesting.progress_bridge import BacktestProgressBridge
from ktrdr_engine.errors import OperationCancelled
from ktrdr_engine.fields import request_subject
from ktrdr_engine.number_format import change, decimal, typed
from ktrdr_engine.operations.models import OperationType, Outcome
from ktrdr_engine.operations.orchestrator import ServiceOrchestrator

if TYPE_CHECKING:
    from ktrdr_engine.bars.store import BarStore
    from ktrdr_engine.inference.library import ModelLibrary
    from ktrdr_engine.operations.cancellation import CancellationToken
    from ktrdr_engine.operations.service import OperationsService
    from ktrdr_engine.operations.sources import Worker
    from ktrdr_engine.strategy.library import StrategyLibrary


class BacktestingService(ServiceOrchestrator[BacktestRequest, BacktestJob, BacktestProgressBridge]):
    """Start backtests.

    Args:
        operations: Where the operations live.
        strategies: Returns the strategies; called in a thread, with the first request.
        models: The same for models.
        bars: The same for prices.
        worker: Where backtests run, if not here.
    """

    operation_type = OperationType.BACKTESTING
    kind_word = "backtest"
    start_path = "/backtests/start"
    start_summary = "Start a backtest"
    request_model = BacktestRequest
    about = staticmethod(request_subject)
    reply_model = BacktestStarted

    def __init__(
        self,
        operations: OperationsService,
        *,
        strategies: Callable[[], StrategyLibrary],
        models: Callable[[], ModelLibrary],
        bars: Callable[[], BarStore],
        worker: Worker | None = None,
    ) -> None:
        super().__init__(operations, worker=worker)
        self._strategies = strategies
        self._models = models
        self._bars = bars

    async def run_backtest(self, request: BacktestRequest, *, idempotency_key: str | None = None) -> str:
        """Check `request`, start it and return the operation's id at once.

        Raises:
            InputError: The request cannot work; the message says what to repair. No operation exists.
            KtrdrError: As `start`.
        """
        operation = await self.start(request, idempotency_key=idempotency_key)
        return operation.operation_id

    def prepare(self, request: BacktestRequest) -> BacktestJob:
        """Find and check everything the request names, and load what its run needs.

        The first request of a process pays for the imports here; a handle that was given out then stands for a run
        of milliseconds, not of seconds.
        """
        job = prepare(request, self._strategies(), self._models(), self._bars())
        from ktrdr_engine.backtesting.engine import warm_up

        warm_up()
        return job

    def describe(self, job: BacktestJob) -> dict[str, Any]:
        """Return the request as understood: the model found and whether it has seen the bars, the range as bars."""
        understood = {"model_path": job.model_path, "model_relation": job.relation.kind.value, "bars": job.bars}
        return {**job.request.model_dump(mode="json"), **understood}

    def make_bridge(self, operation_id: str, job: BacktestJob) -> BacktestProgressBridge:
        """Return the bridge for one run."""
        return BacktestProgressBridge(operation_id, job.request.symbol, job.request.timeframe, job.bars)

    def run(self, job: BacktestJob, bridge: BacktestProgressBridge, token: CancellationToken) -> Outcome:
        """Run the engine in this thread.

        Raises:
            OperationCancelled: The token was cancelled; `partial` is the outcome so far, or None.
            EngineError: The computation failed.
        """
        from ktrdr_engine.backtesting.engine import BacktestingEngine

        try:
            return _outcome(BacktestingEngine(job).run(bridge, token))
        except OperationCancelled as stop:
            partial = _outcome(stop.partial) if isinstance(stop.partial, BacktestResults) else None
            raise OperationCancelled(stop.message, partial=partial) from None

    @staticmethod
    def headline(results: Mapping[str, Any]) -> str | None:
        """Return the line that stands for results in a list; None where they are not those of a backtest."""
        total_return, sharpe, trades = (results.get(name) for name in ("total_return", "sharpe_ratio", "total_trades"))
        if not isinstance(trades, int):
            return None
        parts = [f"return {typed(change(total_return, 2))}"] if isinstance(total_return, float | int) else []
        if isinstance(sharpe, float | int):
            parts.append(f"Sharpe {typed(decimal(sharpe, 2, 3))}")
        return ", ".join([*parts, f"{trades} trade{'s' * (trades != 1)}"])


def _outcome(results: BacktestResults) -> Outcome:
    plain = results.to_json()
    return Outcome(plain, results.tables, BacktestingService.headline(plain))
