"""Work and clocks that tests hold in their hands."""

from __future__ import annotations

import threading

import anyio
import anyio.to_thread

from ktrdr_engine.errors import OperationCancelled
from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.cancellation import CancellationToken
from ktrdr_engine.operations.models import MetricsPage, Operation, OperationType, Outcome, TablePage
from ktrdr_engine.operations.service import OperationsService

PATIENCE = 8.0


class Clock:
    """A monotonic clock that stands still until moved."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


class Gate:
    """Work that reports a step, stops at a gate, and ends as told once it is opened."""

    def __init__(self, outcome: Outcome | BaseException | None = None) -> None:
        self.outcome = outcome if outcome is not None else Outcome({"answer": 42})
        self.reached = threading.Event()
        self.opened = threading.Event()
        self.runs = 0

    def __call__(self, bridge: ProgressBridge, token: CancellationToken) -> Outcome:
        self.runs += 1
        bridge.update(3, 10)
        self.reached.set()
        assert self.opened.wait(PATIENCE)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        if token.is_cancelled:
            raise OperationCancelled(partial=self.outcome)
        bridge.update(9, 10)
        return self.outcome

    def open(self) -> None:
        """Let the work go on."""
        self.opened.set()

    async def until_reached(self) -> None:
        """Return once the work stands at the gate."""
        assert await anyio.to_thread.run_sync(self.reached.wait, PATIENCE)


async def start(service: OperationsService, work: Gate, **options: str) -> str:
    """Create an operation, give it work and return its id."""
    operation = await service.create_operation(OperationType.TRAINING, {"n": 1}, kind_word="training", **options)  # type: ignore[arg-type]  # options are str
    service.run_local(operation.operation_id, work, ProgressBridge(operation.operation_id))
    return operation.operation_id


async def ended(service: OperationsService, operation_id: str) -> Operation:
    """Return the operation once it has ended."""
    operation = await service.get_operation(operation_id, wait_seconds=PATIENCE)
    assert operation.status.is_final
    return operation


class InMemoryProxy:
    """A connection to another service of the same process; can be cut, and counts what passes."""

    base_url = "memory://worker"

    def __init__(self, worker: OperationsService) -> None:
        self.worker = worker
        self.fails_with: Exception | None = None
        self.gets = 0
        self.waits: list[float] = []

    async def get_operation(self, operation_id: str, force_refresh: bool = False, wait_seconds: float = 0) -> Operation:
        self._pass()
        self.gets += 1
        self.waits.append(wait_seconds)
        operation = await self.worker.get_operation(operation_id, force_refresh, wait_seconds)
        return Operation.model_validate_json(operation.model_dump_json())

    async def get_metrics(self, operation_id: str, cursor: int = 0, limit: int = 50) -> MetricsPage:
        self._pass()
        page = await self.worker.get_operation_metrics(operation_id, cursor, limit)
        return MetricsPage.model_validate_json(page.model_dump_json())

    async def get_table(self, operation_id: str, name: str, offset: int = 0, limit: int = 100) -> TablePage:
        self._pass()
        return await self.worker.get_operation_table(operation_id, name, offset, limit)

    async def cancel_operation(self, operation_id: str, reason: str | None = None) -> Operation:
        self._pass()
        return await self.worker.cancel_operation(operation_id, reason)

    def _pass(self) -> None:
        if self.fails_with is not None:
            raise self.fails_with
