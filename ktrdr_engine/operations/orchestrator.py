"""What every kind of operation shares: check the request, create the operation, run it somewhere.

A kind is one subclass. Which kinds exist is `composition`'s business.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Generic, TypeVar

import anyio
import anyio.to_thread
from pydantic import BaseModel

from ktrdr_engine.errors import WorkerUnavailable
from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.cancellation import CancellationToken
from ktrdr_engine.operations.models import Operation, OperationType, Outcome
from ktrdr_engine.operations.service import OperationsService

RequestT = TypeVar("RequestT", bound=BaseModel)
JobT = TypeVar("JobT")
BridgeT = TypeVar("BridgeT", bound=ProgressBridge)


class ServiceOrchestrator(ABC, Generic[RequestT, JobT, BridgeT]):
    """Turn requests of one kind into operations.

    A subclass sets `operation_type` and `kind_word`, and implements `prepare`, `describe`, `make_bridge` and `run`.

    Args:
        operations: Where the operations live.
        use_remote: Whether this kind runs on a worker.
    """

    operation_type: ClassVar[OperationType]
    kind_word: ClassVar[str]

    def __init__(self, operations: OperationsService, *, use_remote: bool = False) -> None:
        self._operations = operations
        self._use_remote = use_remote
        self._starting: dict[str, anyio.Lock] = {}

    async def start(self, request: RequestT, *, idempotency_key: str | None = None) -> Operation:
        """Check everything that can be checked, then start and return at once.

        A repeated `idempotency_key` returns the operation it started first; nothing is checked or run again.
        Once the request is found good, the start completes even if the caller goes away.

        Raises:
            InputError: The request cannot work; no operation exists.
            OperationConflict: The key was used for another request.
            QueueFull: Too many operations wait.
            StorageError: The operation cannot be recorded.
            WorkerUnavailable: The kind is to run remotely and cannot.
        """
        fingerprint = self._fingerprint(request)
        if idempotency_key is None:
            return await self._start_new(request, None, fingerprint)
        async with self._one_at_a_time(idempotency_key):
            earlier = await self._operations.find_repeat(idempotency_key, fingerprint)
            return earlier or await self._start_new(request, idempotency_key, fingerprint)

    @abstractmethod
    def prepare(self, request: RequestT) -> JobT:
        """Check the request and gather what the run needs; called in a thread.

        Raises:
            InputError: What is wrong, the value, the repair.
        """

    @abstractmethod
    def describe(self, job: JobT) -> dict[str, Any]:
        """Return the request as understood, defaults filled in: the operation's metadata."""

    @abstractmethod
    def make_bridge(self, operation_id: str, job: JobT) -> BridgeT:
        """Return the bridge the run will write to."""

    @abstractmethod
    def run(self, job: JobT, bridge: BridgeT, token: CancellationToken) -> Outcome:
        """Do the work; called in its own thread.

        Raises:
            OperationCancelled: The token was cancelled; `partial` is an `Outcome` or None.
            KtrdrError: The work failed; clients see code, message and details.
        """

    async def start_remote(self, job: JobT, metadata: Mapping[str, Any], idempotency_key: str | None) -> Operation:
        """Start the job on a worker; a kind that can do that overrides this.

        Raises:
            WorkerUnavailable: This version has no worker.
        """
        raise WorkerUnavailable(
            "Remote execution is not available in this version: unset USE_REMOTE_BACKTEST_SERVICE to run locally."
        )

    async def _start_new(self, request: RequestT, idempotency_key: str | None, fingerprint: str) -> Operation:
        # Nothing exists yet: a caller that goes away need not wait for the thread.
        job = await anyio.to_thread.run_sync(self.prepare, request, abandon_on_cancel=True)
        with anyio.CancelScope(shield=True):
            operation = await self._start_prepared(job, idempotency_key, fingerprint)
        return operation

    async def _start_prepared(self, job: JobT, idempotency_key: str | None, fingerprint: str) -> Operation:
        metadata = self.describe(job)
        if self._use_remote:
            return await self.start_remote(job, metadata, idempotency_key)
        operation = await self._operations.create_operation(
            self.operation_type,
            metadata,
            kind_word=self.kind_word,
            idempotency_key=idempotency_key,
            fingerprint=fingerprint,
        )
        bridge = self.make_bridge(operation.operation_id, job)
        self._operations.run_local(operation.operation_id, lambda b, token: self.run(job, b, token), bridge)
        return operation

    def _fingerprint(self, request: RequestT) -> str:
        return hashlib.sha256(f"{self.kind_word} {request.model_dump_json()}".encode()).hexdigest()

    @asynccontextmanager
    async def _one_at_a_time(self, key: str) -> AsyncIterator[None]:
        """Let equal keys pass one after the other, so that a repeat finds the operation of the first."""
        lock = self._starting.setdefault(key, anyio.Lock())
        try:
            async with lock:
                yield
        finally:
            statistics = lock.statistics()
            if not statistics.locked and not statistics.tasks_waiting:
                self._starting.pop(key, None)
