"""Loads of prices as operations. Light to import: arrays and client libraries arrive with the first request."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ktrdr_engine.datasets.models import LoadRequest, LoadResults
from ktrdr_engine.datasets.progress_bridge import LoadProgressBridge
from ktrdr_engine.errors import KtrdrError
from ktrdr_engine.fields import request_subject
from ktrdr_engine.operations.models import OperationType, Outcome
from ktrdr_engine.operations.orchestrator import ServiceOrchestrator

if TYPE_CHECKING:
    from ktrdr_engine.bars.store import BarStore
    from ktrdr_engine.datasets.job import LoadJob
    from ktrdr_engine.datasets.sources.finding import Sources
    from ktrdr_engine.operations.cancellation import CancellationToken
    from ktrdr_engine.operations.service import OperationsService
    from ktrdr_engine.operations.sources import Worker


def default_sources(home: Path, bars: BarStore) -> Sources:
    """Return the sources as they are, over the network where they are networks."""
    from ktrdr_engine.datasets.sources.finding import Sources

    return Sources(home, bars)


class DataLoadingService(ServiceOrchestrator[LoadRequest, "LoadJob", LoadProgressBridge]):
    """Start loads.

    Args:
        operations: Where the operations live.
        home: The user's folder: `imports/` is read, `data/` is written.
        bars: Returns the prices that are there; called in a thread, with the first request.
        worker: Where loads run, if not here; the bars then go into the worker's home.
        sources: Returns where bars come from.
        now: Nanoseconds since 1970 UTC: a bar that has not closed by then is not loaded.
    """

    operation_type = OperationType.DATA_LOADING
    kind_word = "data"
    start_path = "/data/start"
    start_summary = "Load prices from a file, Yahoo, a crypto exchange or a shorter timeframe"
    request_model = LoadRequest
    about = staticmethod(request_subject)

    def __init__(
        self,
        operations: OperationsService,
        *,
        home: Path,
        bars: Callable[[], BarStore],
        worker: Worker | None = None,
        sources: Callable[[Path, BarStore], Sources] = default_sources,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        super().__init__(operations, worker=worker)
        self._home = home
        self._bars = bars
        self._sources = sources
        self._now = now

    async def load_data(self, request: LoadRequest, *, idempotency_key: str | None = None) -> str:
        """Check `request`, start it and return the operation's id at once.

        Raises:
            InputError: The request cannot work; the message says what to repair. No operation exists.
            KtrdrError: As `start`.
        """
        operation = await self.start(request, idempotency_key=idempotency_key)
        return operation.operation_id

    def prepare(self, request: LoadRequest) -> LoadJob:
        """Find the source and check what can be checked without a network."""
        from ktrdr_engine.datasets.job import prepare

        bars = self._bars()
        return prepare(request, self._sources(self._home, bars), bars, self._home, self._now)

    def describe(self, job: LoadJob) -> dict[str, Any]:
        """Return the request as understood, with the symbol the bars are stored under."""
        return {**job.request.model_dump(mode="json"), "stored_symbol": job.symbol}

    def make_bridge(self, operation_id: str, job: LoadJob) -> LoadProgressBridge:
        """Return the bridge for one run."""
        return LoadProgressBridge(operation_id, job.symbol, job.timeframe, job.source.label)

    def run(self, job: LoadJob, bridge: LoadProgressBridge, token: CancellationToken) -> Outcome:
        """Load in this thread.

        Raises:
            OperationCancelled: The token was cancelled; `partial` is the outcome so far, or None.
            KtrdrError: The source, the bars or the disk failed; `partial` likewise.
        """
        from ktrdr_engine.datasets.loading import Load

        try:
            return _outcome(Load(job, bridge, token).run())
        except KtrdrError as stop:
            stop.partial = _outcome(stop.partial) if isinstance(stop.partial, LoadResults) else None
            raise

    @staticmethod
    def headline(results: Mapping[str, Any]) -> str | None:
        """Return the line that stands for results in a list; None where they are not those of a load."""
        bars, new, gaps = (results.get(name) for name in ("bars", "new_bars", "gaps"))
        if not (isinstance(bars, int) and isinstance(new, int) and isinstance(gaps, int)):
            return None
        return f"{results.get('symbol')} {results.get('timeframe')}: {new} new bars, {bars} in all, {gaps} gaps"


def _outcome(results: LoadResults) -> Outcome:
    plain = results.to_json()
    return Outcome(plain, headline=DataLoadingService.headline(plain))
