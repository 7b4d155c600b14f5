"""What every kind of operation shares: check the request, create the operation, run it somewhere.

A kind is one subclass. Which kinds exist is `composition`'s business.
"""

from __future__ import annotations

import hashlib
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar, Generic, TypeVar

import anyio
import anyio.to_thread

from ktrdr_engine.errors import KtrdrError, OperationConflict, OperationNotFound, WorkerUnavailable
from ktrdr_engine.operations.archive import WorkerLink
from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.cancellation import CancellationToken
from ktrdr_engine.operations.models import Operation, OperationType, Outcome
from ktrdr_engine.operations.requests import OperationRequest
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.operations.sources import Worker
from ktrdr_engine.operations.starting import StartRoute
from ktrdr_engine.operations.turns import Turns
from ktrdr_engine.operations.wire import StartedReply

RequestT = TypeVar("RequestT", bound=OperationRequest)
JobT = TypeVar("JobT")
BridgeT = TypeVar("BridgeT", bound=ProgressBridge)


class ServiceOrchestrator(ABC, Generic[RequestT, JobT, BridgeT]):
    """Turn requests of one kind into operations.

    A subclass sets `operation_type`, `kind_word`, `start_path`, `start_summary` and `request_model`, and implements
    `prepare`, `describe`, `make_bridge` and `run`; for lists `headline`, where a line can come from results alone,
    and `about`; `reply_model` where the reply to a start says more than the id.

    Args:
        operations: Where the operations live.
        worker: Where this kind runs, if not here.
    """

    operation_type: ClassVar[OperationType]
    kind_word: ClassVar[str]
    start_path: ClassVar[str]
    start_summary: ClassVar[str]
    request_model: type[RequestT]
    reply_model: ClassVar[type[StartedReply]] = StartedReply

    def __init__(self, operations: OperationsService, *, worker: Worker | None = None) -> None:
        self._operations = operations
        self._worker = worker
        self._turns = Turns()

    async def start(self, request: RequestT, *, idempotency_key: str | None = None) -> Operation:
        """Check everything that can be checked, then start and return at once.

        A repeated `idempotency_key` returns the operation it started first; nothing is checked or run again.
        Once the request is found good, the start completes even if the caller goes away.

        Raises:
            InputError: The request cannot work; no operation exists.
            OperationConflict: The key was used for another request.
            QueueFull: Too many operations wait.
            StorageError: The operation cannot be recorded.
            WorkerUnavailable: The kind runs on a worker that does not answer; no operation exists.
        """
        fingerprint = self._fingerprint(request)
        if idempotency_key is None:
            return await self._start_new(request, None, fingerprint)
        # A repeat that comes while the first is being started has to find what that made.
        async with self._turns.of(idempotency_key):
            earlier = await self._operations.find_repeat(idempotency_key, fingerprint)
            return earlier or await self._start_new(request, idempotency_key, fingerprint)

    @property
    def start_route(self) -> StartRoute:
        """Return the entrance of this kind over HTTP."""

        async def start_from(arguments: Mapping[str, Any], idempotency_key: str | None) -> Operation:
            return await self.start(self.request_model.parse(arguments), idempotency_key=idempotency_key)

        return StartRoute(self.start_path, self.start_summary, self.request_model, start_from, self.reply_model)

    @staticmethod
    def headline(results: Mapping[str, Any]) -> str | None:
        """Return the line that stands for results in a list; None: there is none."""
        return None

    @staticmethod
    def about(metadata: Mapping[str, Any]) -> dict[str, str]:
        """Return what tells an operation from others in a list, out of what `describe` made once."""
        return {}

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

    async def start_remote(
        self, request: RequestT, worker: Worker, idempotency_key: str | None, fingerprint: str
    ) -> Operation:
        """Have the worker check the request and start it, then record the operation that follows it from here.

        The worker comes first: when it refuses or cannot be reached, nothing has to be taken back.

        Raises:
            InputError: The worker refused the request.
            QueueFull: Too many operations wait there.
            WorkerUnavailable: It cannot be reached.
            KtrdrError: The operation cannot be recorded here.
        """
        key = _worker_key(idempotency_key, fingerprint)
        remote_id = await worker.start(self.start_path, request.model_dump(mode="json"), key)
        try:
            operation = await self._operations.create_operation(
                self.operation_type,
                await _as_understood(request, worker, remote_id),
                kind_word=self.kind_word,
                execution="remote",
                idempotency_key=idempotency_key,
                fingerprint=fingerprint,
                link=WorkerLink(worker.base_url, remote_id),
            )
        except KtrdrError:
            # With a key the caller can repeat, and finds the work it started.
            if idempotency_key is None:
                with suppress(KtrdrError):
                    await worker.cancel_operation(remote_id, "The server could not record it.")
            raise
        # A repeat that came first, here or in another process of this home, follows the same work already.
        with suppress(OperationNotFound, OperationConflict):
            self._operations.register_remote_proxy(remote_id, worker, operation.operation_id)
        return operation

    async def _start_new(self, request: RequestT, idempotency_key: str | None, fingerprint: str) -> Operation:
        if self._worker is not None:
            with anyio.CancelScope(shield=True):
                remote = await self.start_remote(request, self._worker, idempotency_key, fingerprint)
            return remote
        # Nothing exists yet: a caller that goes away need not wait for the thread.
        job = await anyio.to_thread.run_sync(self.prepare, request, abandon_on_cancel=True)
        with anyio.CancelScope(shield=True):
            operation = await self._start_prepared(job, idempotency_key, fingerprint)
        return operation

    async def _start_prepared(self, job: JobT, idempotency_key: str | None, fingerprint: str) -> Operation:
        metadata = self.describe(job)
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


async def _as_understood(request: OperationRequest, worker: Worker, remote_id: str) -> dict[str, Any]:
    """Return what the worker made of a request: names resolved, defaults filled in."""
    try:
        return (await worker.get_operation(remote_id)).metadata
    except (WorkerUnavailable, OperationNotFound):
        return request.model_dump(mode="json")


def _worker_key(idempotency_key: str | None, fingerprint: str) -> str:
    """Return the key under which the worker knows a start.

    Without one of the client's it is used once, so that a reply that got lost can be asked for again. The client's
    own is not passed on as it is: on the worker, keys of different servers meet.
    """
    if idempotency_key is None:
        return secrets.token_hex(16)
    return hashlib.sha256(f"{fingerprint} {idempotency_key}".encode()).hexdigest()
