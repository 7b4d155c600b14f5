"""The registry of operations: create, look, wait, cancel, list.

It knows no kind of work and no transport. Records live in memory while they run (`records`); pulls, status
changes and threads have modules of their own; what outlives the process is in the archive (`store`).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio
import anyio.abc

from ktrdr_engine.errors import InvalidRequest, OperationConflict, OperationNotFound, QueueFull
from ktrdr_engine.operations.archive import Archive, MemoryArchive, Query, Stored
from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.cancellation import CancellationToken
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
    TablePage,
    checked_operation_id,
    new_operation_id,
    to_json,
    utc_now,
)
from ktrdr_engine.operations.pulls import Pulls
from ktrdr_engine.operations.records import Ending, Record, Records
from ktrdr_engine.operations.runs import LocalRuns
from ktrdr_engine.operations.sources import LocalSource
from ktrdr_engine.operations.transitions import Transitions

BridgeT = TypeVar("BridgeT", bound=ProgressBridge)
_SHUTDOWN = "the server is shutting down"


class OperationsService:
    """All operations this process runs, and those it can read from the archive.

    Belongs to one event loop: only that loop's thread calls it. Enter it (`async with`) before running work.

    Args:
        store: Where operations are remembered; None: in memory only.
        cache_ttl: Seconds a pulled state stays fresh.
        max_concurrent: Local operations that run at once.
        max_queued: Local operations that may wait besides.
        health: Judges on each pull.
        retained: Finished operations kept at hand in memory.
        grace_seconds: How long `close` lets running work stop by itself.
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
        self._archive = store if store is not None else MemoryArchive(limit=retained)
        self._records = Records(retained)
        self._transitions = Transitions(self._archive, self._records, now)
        self._pulls = Pulls(
            self._transitions,
            self._records,
            self._archive,
            health or HealthService(),
            cache_ttl=cache_ttl,
            clock=clock,
            now=now,
        )
        self._runs = LocalRuns(self._transitions, max_concurrent=max_concurrent)
        self._room = max_concurrent + max_queued
        self._grace_seconds = grace_seconds
        self._now = now
        self._tasks: anyio.abc.TaskGroup | None = None

    async def __aenter__(self) -> Self:
        tasks = anyio.create_task_group()
        self._tasks = await tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks, self._tasks = self._tasks, None
        assert tasks is not None
        with anyio.CancelScope(shield=True):
            await self._stop_all()
            await self._transitions.stored(self._archive.close)
        tasks.cancel_scope.cancel()
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
            OperationConflict: The key was used for another request.
            QueueFull: Too many operations wait.
            StorageError: The operation cannot be recorded.
        """
        fingerprint = fingerprint or hashlib.sha256(to_json(metadata).encode()).hexdigest()
        if idempotency_key is not None:
            earlier = await self.find_repeat(idempotency_key, fingerprint)
            if earlier is not None:
                return earlier
        record = self._reserve(operation_type, metadata, kind_word, execution)
        try:
            recorded_id = await self._transitions.stored(
                self._archive.create, record.operation, idempotency_key=idempotency_key, fingerprint=fingerprint
            )
        except BaseException:
            self._records.remove(record)
            raise
        if recorded_id != record.operation_id:
            self._records.remove(record)
            return await self.get_operation(recorded_id)
        return record.operation

    async def find_repeat(self, idempotency_key: str, fingerprint: str) -> Operation | None:
        """Return the operation an idempotency key started before.

        Raises:
            OperationConflict: It was another request.
        """
        use = await self._transitions.stored(self._archive.find_key, idempotency_key)
        return await self.get_operation(use.check(idempotency_key, fingerprint)) if use else None

    def register_local_bridge(self, operation_id: str, bridge: ProgressBridge) -> None:
        """Say that work of this process reports on `bridge` and runs now.

        The caller runs the work and says `complete_operation` or `fail_operation`; `run_local` does all of it.

        Raises:
            OperationNotFound: This process has no such unfinished operation.
            OperationConflict: It was given work before.
        """
        record = self._claim(operation_id)
        record.source = LocalSource(bridge, record.token)
        self._task_group().start_soon(self._transitions.begin, record)

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
        self._task_group().start_soon(self._runs.run, record, lambda: work(bridge, record.token))

    def get_cancellation_token(self, operation_id: str) -> CancellationToken:
        """Return the operation's token: the same one for its whole life.

        Raises:
            OperationNotFound: This process does not know the operation.
        """
        if record := self._records.live.get(operation_id):
            return record.token
        if operation := self._records.finished.get(operation_id):
            return self._records.token_of_finished(operation)
        raise _not_found(operation_id)

    async def get_operation(self, operation_id: str, force_refresh: bool = False, wait_seconds: float = 0) -> Operation:
        """Return the operation, at most the cache's time-to-live old.

        Args:
            operation_id: Which.
            force_refresh: Pull even if the known state is fresh.
            wait_seconds: Return as soon as the operation ends, at the latest after so long (0..25).

        Raises:
            OperationNotFound: There is none.
            InvalidRequest: The wait is out of range.
        """
        if (finished := self._records.finished.get(operation_id)) is not None:
            return finished
        record = self._records.live.get(operation_id)
        if record is None:
            return (await self._load(operation_id)).operation
        if wait_seconds:
            await self._wait(record, wait_seconds)
        elif not force_refresh and self._pulls.is_fresh(record):
            return record.operation
        return await self._pulls.refresh(record, force_refresh=force_refresh or wait_seconds > 0)

    async def get_operation_metrics(self, operation_id: str, cursor: int = 0, limit: int = 50) -> MetricsPage:
        """Return metrics history after `cursor`: live while the operation runs, stored afterwards.

        Raises:
            OperationNotFound: There is no such operation.
            InvalidRequest: The cursor or the limit is out of range.
        """
        record = self._records.live.get(operation_id)
        if record is not None and record.source is not None:
            return await record.source.metrics(cursor, limit)
        if record is None:
            await self._load(operation_id)
        history = await self._transitions.stored(self._archive.metrics, operation_id)
        return (
            history.page(cursor, limit) if history else MetricsPage(metrics={}, new_cursor=0, has_more=False, dropped=0)
        )

    async def get_operation_table(self, operation_id: str, name: str, offset: int = 0, limit: int = 100) -> TablePage:
        """Return rows of a result table, such as the trades.

        Raises:
            OperationNotFound: There is no such operation.
            OperationConflict: The operation has no such table, or not yet.
            InvalidRequest: The offset or the limit is out of range.
        """
        operation = await self.get_operation(operation_id)
        page = await self._transitions.stored(self._archive.table, operation_id, name, offset, limit)
        if page is None:
            raise OperationConflict(f"{operation_id} ({operation.status}) has no table {name!r}.")
        return page

    async def cancel_operation(self, operation_id: str, reason: str | None = None) -> Operation:
        """Ask an operation to stop and return it as it is then; a finished one is returned unchanged.

        Raises:
            OperationNotFound: There is no such operation.
            WorkerUnavailable: The worker that runs it did not answer; it goes on.
        """
        record = self._records.live.get(operation_id)
        if record is None:
            return (await self._load(operation_id)).operation
        if not record.is_final:
            await self._transitions.cancel(record, reason)
        return record.operation

    async def complete_operation(
        self,
        operation_id: str,
        results: Mapping[str, Any],
        *,
        tables: Mapping[str, Any] | None = None,
        headline: str | None = None,
    ) -> Operation:
        """Say that the work is done; after a cancellation it ends CANCELLED, with the results marked partial.

        Raises:
            OperationNotFound: This process runs no such operation.
        """
        return await self._end(
            operation_id, Ending(OperationStatus.COMPLETED, Outcome(results, tables or {}, headline))
        )

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
        """Return operations newest first, of this and of earlier processes.

        Raises:
            InvalidRequest: The limit (1..500) or the offset is out of range.
        """
        if not 1 <= limit <= 500 or offset < 0:
            raise InvalidRequest(
                f"limit={limit}, offset={offset}: the limit is 1 to 500, the offset 0 or more.",
                details={"limit": limit, "offset": offset},
            )
        live = list(self._records.live.values())
        query = Query(status, operation_type, offset + limit, {record.operation_id for record in live})
        rows, total = await self._transitions.stored(self._archive.page, query)
        own = [r.operation.summary() for r in live if r.operation.matches(status, operation_type)]
        merged = sorted([*rows, *own], key=lambda row: row.age_key, reverse=True)[offset : offset + limit]
        return OperationPage(operations=tuple(merged), total=total + len(own), returned=len(merged))

    def _reserve(
        self, operation_type: OperationType, metadata: Mapping[str, Any], kind_word: str, execution: Execution
    ) -> Record:
        waiting = self._records.unfinished_local()
        if execution == "local" and len(waiting) >= self._room:
            raise QueueFull(
                f"{len(waiting)} operations run or wait, as many as may: wait for one to end, or cancel one.",
                details={"unfinished": len(waiting), "limit": self._room},
            )
        now = self._now()
        plain: dict[str, Any] = json.loads(to_json(metadata, what="metadata"))
        record = Record(
            Operation(
                operation_id=new_operation_id(kind_word, now),
                operation_type=operation_type,
                status=OperationStatus.PENDING,
                metadata=plain,
                execution=execution,
                created_at=now,
                updated_at=now,
            )
        )
        self._records.add(record)
        return record

    def _claim(self, operation_id: str) -> Record:
        record = self._records.live.get(operation_id)
        if record is None or record.is_final:
            raise _not_found(operation_id)
        if record.is_claimed:
            raise OperationConflict(f"{operation_id} was given work before.")
        record.is_claimed = True
        return record

    async def _end(self, operation_id: str, ending: Ending) -> Operation:
        if record := self._records.live.get(operation_id):
            return await self._transitions.finish(record, ending)
        if operation := self._records.finished.get(operation_id):
            return operation
        raise _not_found(operation_id)

    async def _load(self, operation_id: str) -> Stored:
        checked_operation_id(operation_id)
        stored = await self._transitions.stored(self._archive.load, operation_id)
        if stored is None:
            raise _not_found(operation_id)
        if stored.operation.status.is_final:
            self._records.remember(stored.operation)
        return stored

    async def _wait(self, record: Record, wait_seconds: float) -> None:
        if not 0 <= wait_seconds <= 25:
            raise InvalidRequest(
                f"wait_seconds={wait_seconds} is out of range: 0 to 25.", details={"wait_seconds": wait_seconds}
            )
        with anyio.move_on_after(wait_seconds):
            await record.ended.wait()

    async def _stop_all(self) -> None:
        running = [record for record in self._records.live.values() if not record.is_final]
        for record in running:
            await self._transitions.cancel(record, _SHUTDOWN)
        with anyio.move_on_after(self._grace_seconds):
            for record in running:
                await record.ended.wait()
        for record in running:
            await self._transitions.finish(record, Ending(OperationStatus.CANCELLED))
            if record.run_scope is not None:
                record.run_scope.cancel()

    def _task_group(self) -> anyio.abc.TaskGroup:
        if self._tasks is None:
            raise RuntimeError("Enter the OperationsService (async with) before giving it work.")
        return self._tasks


def _not_found(operation_id: str) -> OperationNotFound:
    return OperationNotFound(
        f"No operation {operation_id!r}. List the operations to see what exists.",
        details={"operation_id": operation_id},
    )
