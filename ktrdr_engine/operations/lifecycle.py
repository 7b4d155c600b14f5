"""The parts of an operations service, put together, opened and closed.

What can be asked of it: `client_calls` and `service`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import NamedTuple, Self

import anyio
import anyio.abc

from ktrdr_engine.operations.admission import Admission
from ktrdr_engine.operations.archive import Archive, MemoryArchive
from ktrdr_engine.operations.endings import Ending
from ktrdr_engine.operations.following import Connect, Following
from ktrdr_engine.operations.health import HealthService
from ktrdr_engine.operations.models import Descriptions, Headlines, Operation, OperationStatus, utc_now
from ktrdr_engine.operations.pulls import Pulls
from ktrdr_engine.operations.reading import Reading
from ktrdr_engine.operations.records import Records
from ktrdr_engine.operations.runs import LocalRuns
from ktrdr_engine.operations.tally import Tally
from ktrdr_engine.operations.transitions import Transitions

SHUTDOWN_REASON = "the server is shutting down"
_STORING_SECONDS = 0.4
_SETTLING_SECONDS = 0.25


class Load(NamedTuple):
    """How busy a service is: local operations that run, that wait, and how many can run at once."""

    running: int
    queued: int
    capacity: int


class Lifecycle:
    """Belongs to one process and one event loop, not to a connection.

    On the way out it lets what is about to end do so, cancels what else runs, records that, and returns within
    `grace_seconds` and two thirds of a second.

    Args:
        store: Where operations are remembered; None: in memory only.
        cache_ttl: Seconds a pulled state stays fresh.
        max_concurrent: Local operations that run at once.
        max_queued: Local operations that may wait besides.
        health: Judges on each pull.
        retained: Finished operations kept at hand in memory.
        grace_seconds: How long running work may take to stop when the service ends.
        connect: Returns the connection to a worker; None: remote operations of earlier processes stay as they are.
        headlines: Makes a line for lists out of results that come from a worker.
        descriptions: Says for lists what an operation is about.
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
        grace_seconds: float = 0.8,
        connect: Connect | None = None,
        headlines: Headlines | None = None,
        descriptions: Descriptions | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        archive = store if store is not None else MemoryArchive(limit=retained)
        self._archive = archive
        self._records = Records(retained)
        self._transitions = Transitions(archive, self._records, now)
        room = max_concurrent + max_queued
        self._admission = Admission(archive, self._records, self._transitions, room=room, now=now)
        self._following = Following(archive, self._records, self._transitions, connect)
        self._reading = Reading(archive, self._records, self._transitions, self._following, descriptions or {})
        self._runs = LocalRuns(self._transitions, max_concurrent=max_concurrent)
        judge = health or HealthService()
        self._pulls = Pulls(
            self._transitions,
            self._records,
            archive,
            judge,
            cache_ttl=cache_ttl,
            clock=clock,
            now=now,
            headlines=headlines,
        )
        self._grace_seconds = grace_seconds
        self._max_concurrent = max_concurrent
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

    @property
    def load(self) -> Load:
        """How busy it is now."""
        unfinished = self._records.unfinished_local()
        queued = sum(record.operation.status is OperationStatus.PENDING for record in unfinished)
        return Load(len(unfinished) - queued, queued, self._max_concurrent)

    @property
    def tally(self) -> Tally:
        """What it has done since it began."""
        return self._records.tally

    def unfinished(self) -> list[Operation]:
        """Return the operations of this process that have not ended, as last seen."""
        return [record.operation for record in self._records.live.values() if not record.is_final]

    def is_stored(self, operation_id: str) -> bool:
        """Return whether all that is known of an operation is where a later process finds it."""
        record = self._records.live.get(operation_id)
        return record is None or record.unsaved is None

    @property
    def is_closing(self) -> bool:
        """Whether no new work is taken any more."""
        return self._admission.is_closed

    async def drain(self, seconds: float) -> None:
        """Take no new work, give what runs here `seconds` to end, then cancel it; everything stays readable."""
        self._admission.is_closed = True
        unfinished = self._records.unfinished_local()
        with anyio.move_on_after(seconds):
            for record in unfinished:
                await record.ended.wait()
        with anyio.move_on_after(self._grace_seconds):
            for record in unfinished:
                await self._transitions.cancel(record, SHUTDOWN_REASON)
            for record in unfinished:
                await record.ended.wait()

    async def _stop_all(self) -> None:
        """Cancel what runs here, wait a little, then record what did not stop as cancelled all the same."""
        unfinished = self._records.unfinished_local()
        # A client that starts a run of milliseconds and leaves shall find its results, not a cancellation.
        with anyio.move_on_after(_SETTLING_SECONDS):
            for record in unfinished:
                await record.ended.wait()
        self._transitions.is_closing = True
        for record in unfinished:
            record.token.cancel(SHUTDOWN_REASON)
        with anyio.move_on_after(self._grace_seconds):
            for record in unfinished:
                await self._transitions.cancel(record, SHUTDOWN_REASON)
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
