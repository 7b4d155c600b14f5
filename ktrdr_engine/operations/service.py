"""The registry of operations: create, look, wait, cancel, list.

It knows no kind of work and no transport. Each thing it does has a module: `admission`, `runs`, `pulls`,
`transitions`, `reading`; the live state is in `records`, what outlives the process in an `Archive`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio
import anyio.abc

from ktrdr_engine.errors import InvalidRequest, OperationConflict
from ktrdr_engine.operations.admission import Admission, Draft
from ktrdr_engine.operations.archive import Archive, MemoryArchive, Query
from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.cancellation import CancellationToken
from ktrdr_engine.operations.endings import Ending
from ktrdr_engine.operations.health import HealthService
from ktrdr_engine.operations.models import (
    ErrorInfo,
    Execution,
    MetricsPage,
    Operation,
    OperationPage,
    OperationStatus,
    OperationType,
    Outcome,
    Table,
    TablePage,
    utc_now,
)
from ktrdr_engine.operations.pulls import Pulls
from ktrdr_engine.operations.reading import Reading, not_found
from ktrdr_engine.operations.records import Record, Records
from ktrdr_engine.operations.runs import LocalRuns
from ktrdr_engine.operations.sources import LocalSource, RemoteProxy, RemoteSource
from ktrdr_engine.operations.transitions import Transitions

BridgeT = TypeVar("BridgeT", bound=ProgressBridge)
_SHUTDOWN = "the server is shutting down"
_STORING_SECONDS = 0.4
_REASON_LENGTH = 500


class OperationsService:
    """All operations this process runs, and those it can read from the archive.

    Belongs to one event loop: only that loop's thread calls it. Enter it (`async with`) before running work; on the
    way out it cancels what runs, records that, and returns within `grace_seconds` and half a second.

    Args:
        store: Where operations are remembered; None: in memory only.
        cache_ttl: Seconds a pulled state stays fresh.
        max_concurrent: Local operations that run at once.
        max_queued: Local operations that may wait besides.
        health: Judges on each pull.
        retained: Finished operations kept at hand in memory.
        grace_seconds: How long running work may take to stop when the service ends.
        clock: Seconds, monotonic.
        now: The time of day, UTC.
    """

    def __init__(
        self,
        store: Archive | None = None,
        *,
        cache_ttl: float = 1.0,
        max_concurrent: int = 2,
        max_queued: int = 100,
        health: HealthService | None = None,
        retained: int = 1_000,
        grace_seconds: float = 0.9,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        archive = store if store is not None else MemoryArchive(limit=retained)
        self._archive = archive
        self._records = Records(retained)
        self._transitions = Transitions(archive, self._records, now)
        room = max_concurrent + max_queued
        self._admission = Admission(archive, self._records, self._transitions, room=room, now=now)
        self._reading = Reading(archive, self._records, self._transitions)
        self._runs = LocalRuns(self._transitions, max_concurrent=max_concurrent)
        judge = health or HealthService()
        self._pulls = Pulls(self._transitions, self._records, archive, judge, cache_ttl=cache_ttl, clock=clock, now=now)
        self._grace_seconds = grace_seconds
        self._tasks: anyio.abc.TaskGroup | None = None

    async def __aenter__(self) -> Self:
        self._tasks = await anyio.create_task_group().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = self._task_group()
        self._admission.is_closed = True
        with anyio.CancelScope(shield=True):
            await self._stop_all()
        tasks.cancel_scope.cancel()
        self._tasks = None
        await tasks.__aexit__(None, None, None)

    async def create_operation(
        self,
        operation_type: OperationType,
        metadata: Mapping[str, Any],
        *,
        kind_word: str,
        execution: Execution = "local",
        idempotency_key: str | None = None,
        fingerprint: str | None = None,
    ) -> Operation:
        """Record a PENDING operation and return it.

        With an `idempotency_key` that was used before, return the operation it created then. `fingerprint` tells
        equal requests from different ones; by default it follows from the metadata.

        Raises:
            OperationConflict: The key was used for another request, or the service is closing.
            QueueFull: Too many operations wait.
            StorageError: The operation cannot be recorded.
            InvalidRequest: The metadata is not JSON, or the key is empty or too long.
        """
        draft = Draft(operation_type, kind_word, metadata, execution)
        operation_id = await self._admission.admit(draft, idempotency_key, fingerprint)
        record = self._records.live.get(operation_id)
        if record is not None and not record.is_claimed:
            return record.operation
        return await self.get_operation(operation_id)

    async def find_repeat(self, idempotency_key: str, fingerprint: str) -> Operation | None:
        """Return the operation an idempotency key started before, in whichever process.

        Raises:
            OperationConflict: It was another request.
            InvalidRequest: The key is empty or too long.
        """
        earlier = await self._admission.find(idempotency_key, fingerprint)
        return await self.get_operation(earlier) if earlier else None

    def register_local_bridge(self, operation_id: str, bridge: ProgressBridge) -> None:
        """Say that work of this process reports on `bridge` and runs now.

        The caller runs the work and says `complete_operation` or `fail_operation`; `run_local` does all of it.

        Raises:
            OperationNotFound: This process has no such unfinished operation.
            OperationConflict: It was given work before.
        """
        record = self._claim(operation_id)
        record.source = LocalSource(bridge, record.token)
        bridge.touch()
        self._task_group().start_soon(self._transitions.begin, record)

    def register_remote_proxy(self, backend_operation_id: str, proxy: RemoteProxy, host_operation_id: str) -> None:
        """Say that the operation runs on a worker, under an id of its own there; its state follows the worker's.

        Raises:
            OperationNotFound: This process has no such unfinished operation.
            OperationConflict: It was given work before.
        """
        record = self._claim(host_operation_id)
        record.source = RemoteSource(proxy, backend_operation_id)
        self._task_group().start_soon(self._transitions.link, record, proxy.base_url, backend_operation_id)

    def run_local(
        self, operation_id: str, work: Callable[[BridgeT, CancellationToken], Outcome], bridge: BridgeT
    ) -> None:
        """Run `work(bridge, token)` in a thread as soon as there is a slot, and end the operation as it ends.

        Does nothing if the operation was given work before, or ended, or belongs to another process: so work runs
        at most once for an operation, however often a start is repeated.
        """
        record = self._records.live.get(operation_id)
        if record is None or record.is_claimed or record.is_final:
            return
        record.is_claimed = True
        record.source = LocalSource(bridge, record.token)
        self._task_group().start_soon(self._runs.run, record, bridge, lambda: work(bridge, record.token))

    def get_cancellation_token(self, operation_id: str) -> CancellationToken:
        """Return the operation's token: the same one for its whole life.

        Raises:
            OperationNotFound: This process does not know the operation.
        """
        if record := self._records.live.get(operation_id):
            return record.token
        if operation := self._records.finished.get(operation_id):
            return self._records.token_of_finished(operation)
        raise not_found(operation_id)

    async def get_operation(self, operation_id: str, force_refresh: bool = False, wait_seconds: float = 0) -> Operation:
        """Return the operation, at most the cache's time-to-live old.

        Args:
            operation_id: Which.
            force_refresh: Pull even if the known state is fresh.
            wait_seconds: Return as soon as the operation ends, at the latest after so long (0..25).

        Raises:
            OperationNotFound: There is none.
            InvalidRequest: The wait is out of range.
            StorageError: It is not one that runs here, and the store cannot be read.
        """
        if wait_seconds:
            _check_wait(wait_seconds)
        if (finished := self._records.finished.get(operation_id)) is not None:
            return finished
        if (record := self._records.live.get(operation_id)) is None:
            return await self._reading.load(operation_id)
        if wait_seconds:
            await self._pulls.wait(record, wait_seconds)
        if force_refresh or not self._pulls.is_fresh(record):
            await self._pulls.refresh(record, force_refresh=force_refresh)
        return record.operation

    async def get_operation_metrics(self, operation_id: str, cursor: int = 0, limit: int = 50) -> MetricsPage:
        """Return metrics history after `cursor`: live while the operation runs, stored afterwards.

        Raises:
            OperationNotFound: There is no such operation.
            InvalidRequest: The cursor or the limit (1..500) is out of range.
        """
        record = self._records.live.get(operation_id)
        if record is not None and record.source is not None:
            return await record.source.metrics(cursor, limit)
        if record is not None and record.unsaved is not None:
            return record.unsaved.history().page(cursor, limit)
        await self.get_operation(operation_id)
        return await self._reading.metrics(operation_id, cursor, limit)

    async def get_operation_table(self, operation_id: str, name: str, offset: int = 0, limit: int = 100) -> TablePage:
        """Return rows of a result table, such as the trades.

        Raises:
            OperationNotFound: There is no such operation.
            OperationConflict: The operation has no such table, or not yet.
            InvalidRequest: The offset or the limit (1..10,000) is out of range.
        """
        return await self._reading.table(await self.get_operation(operation_id), name, offset, limit)

    async def cancel_operation(self, operation_id: str, reason: str | None = None) -> Operation:
        """Ask an operation to stop and return it as it is then; a finished one is returned unchanged.

        An operation of another process gets the wish recorded; that process heeds it when it is next asked about
        the operation, at the latest when the work ends.

        Raises:
            OperationNotFound: There is no such operation.
            WorkerUnavailable: The worker that runs it did not answer; it goes on.
            StorageError: The wish for another process cannot be recorded.
        """
        reason = reason[:_REASON_LENGTH] if reason else None
        if (finished := self._records.finished.get(operation_id)) is not None:
            return finished
        if (record := self._records.live.get(operation_id)) is None:
            return await self._reading.request_cancel(operation_id, reason)
        if not record.is_final:
            await self._pulls.cancel(record, reason)
        return record.operation

    async def complete_operation(
        self,
        operation_id: str,
        results: Mapping[str, Any],
        *,
        tables: Mapping[str, Table] | None = None,
        headline: str | None = None,
    ) -> Operation:
        """Say that the work is done; after a cancellation it ends CANCELLED, with the results marked partial.

        Raises:
            OperationNotFound: This process runs no such operation.
        """
        outcome = Outcome(results, tables or {}, headline)
        return await self._end(operation_id, Ending(OperationStatus.COMPLETED, outcome))

    async def fail_operation(self, operation_id: str, error: ErrorInfo) -> Operation:
        """Say that the work failed.

        Raises:
            OperationNotFound: This process runs no such operation.
        """
        return await self._end(operation_id, Ending(OperationStatus.FAILED, error=error))

    async def finish_cancelled(self, operation_id: str, partial: Outcome | None = None) -> Operation:
        """Say that the work stopped because it was asked to, with what it had so far.

        Raises:
            OperationNotFound: This process runs no such operation.
        """
        return await self._end(operation_id, Ending(OperationStatus.CANCELLED, partial))

    async def list_operations(
        self,
        status: OperationStatus | None = None,
        operation_type: OperationType | None = None,
        limit: int = 20,
        offset: int = 0,
    ) -> OperationPage:
        """Return operations newest first, of this and of all other processes that share the archive.

        Raises:
            InvalidRequest: The limit (1..500) or the offset is out of range.
        """
        for record in self._records.unfinished_local():
            await self._pulls.glance(record)
        return await self._reading.page(Query(status, operation_type, limit, offset))

    def _claim(self, operation_id: str) -> Record:
        record = self._records.live.get(operation_id)
        if record is None or record.is_final:
            raise not_found(operation_id)
        if record.is_claimed:
            raise OperationConflict(
                f"{operation_id} was given work before: create a new operation.",
                details={"operation_id": operation_id},
            )
        record.is_claimed = True
        return record

    async def _end(self, operation_id: str, ending: Ending) -> Operation:
        if record := self._records.live.get(operation_id):
            return await self._transitions.finish(record, ending)
        if operation := self._records.finished.get(operation_id):
            return operation
        raise not_found(operation_id)

    async def _stop_all(self) -> None:
        """Cancel what runs here, wait a little, then record what did not stop as cancelled all the same."""
        unfinished = self._records.unfinished_local()
        self._transitions.is_closing = True
        for record in unfinished:
            record.token.cancel(_SHUTDOWN)
        with anyio.move_on_after(self._grace_seconds):
            for record in unfinished:
                await self._transitions.cancel(record, _SHUTDOWN)
            for record in unfinished:
                await record.ended.wait()
        with anyio.move_on_after(_STORING_SECONDS):
            for record in unfinished:
                await self._transitions.finish(record, Ending(OperationStatus.CANCELLED))
            for record in list(self._records.live.values()):
                await self._transitions.retry_save(record)
            await self._transitions.stored(self._archive.close)
        self._runs.abandon()

    def _task_group(self) -> anyio.abc.TaskGroup:
        if self._tasks is None:
            raise RuntimeError("Enter the OperationsService (async with) before giving it work.")
        return self._tasks


def _check_wait(wait_seconds: float) -> None:
    if not 0 <= wait_seconds <= 25:
        raise InvalidRequest(
            f"wait_seconds={wait_seconds} is out of range: 0 to 25.", details={"wait_seconds": str(wait_seconds)}
        )
