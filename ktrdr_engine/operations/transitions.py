"""Every change of an operation's status: decided here, one at a time for each operation, and stored.

Progress is no transition (`pulls`). A final status is never left again. What a final state looks like: `endings`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread

from ktrdr_engine.errors import EngineError, StorageError
from ktrdr_engine.operations.archive import Archive, Artefacts, Stored
from ktrdr_engine.operations.endings import Ending, concluded, failed
from ktrdr_engine.operations.history import NO_HISTORY, FinishedHistory
from ktrdr_engine.operations.models import Operation, OperationStatus, Outcome
from ktrdr_engine.operations.records import Record, Records

logger = logging.getLogger(__name__)
T = TypeVar("T")
_UNSAVED = (
    "Not stored: what this operation left is in the memory of its process alone, which tries again at each query of it "
    "until it ends; once that is over, start the operation again. "
)


class Transitions:
    """Moves records from status to status.

    Guarantees:
        - Per operation, transitions happen one after the other; different operations never wait for each other
          (but for the archive itself).
        - Work that ends well after a cancellation was asked for ends CANCELLED.
        - An end that cannot be stored is shown all the same, with a warning, and is not forgotten.

    Attributes:
        is_closing: Whether callers may now interrupt what is being stored, because the process has no more time.
    """

    def __init__(self, archive: Archive, records: Records, now: Callable[[], datetime]) -> None:
        self._archive = archive
        self._records = records
        self._now = now
        self._limiter = anyio.CapacityLimiter(4)
        self.is_closing = False

    async def stored(self, call: Callable[..., T], *args: object, **options: object) -> T:
        """Call the archive in a thread; a caller that goes away does not interrupt it."""
        with self._shield():
            result = await anyio.to_thread.run_sync(
                partial(call, *args, **options), limiter=self._limiter, abandon_on_cancel=self.is_closing
            )
        return result

    async def begin(self, record: Record) -> bool:
        """Move PENDING to RUNNING; return whether the work may start."""
        async with self._exclusive(record):
            if record.operation.status is OperationStatus.PENDING and not record.token.is_cancelled:
                now = self._now()
                await self._advance(record, status=OperationStatus.RUNNING, started_at=now, updated_at=now)
                extra = {"operation_id": record.operation_id}
                logger.info("Operation %s runs (%s)", record.operation_id, record.operation.execution, extra=extra)
        return record.operation.status is OperationStatus.RUNNING

    async def link(self, record: Record, worker_url: str, remote_id: str) -> None:
        """Record where a remote operation runs."""
        try:
            await self.stored(self._archive.link, record.operation_id, worker_url, remote_id)
        except StorageError as error:
            record.operation = _with_warning(record.operation, f"The worker could not be recorded: {error.message}")

    async def follow(self, record: Record, status: OperationStatus) -> None:
        """Take over the unfinished status a worker reports."""
        if status is OperationStatus.RUNNING:
            await self.begin(record)
        elif status is OperationStatus.CANCELLING:
            async with self._exclusive(record):
                await self._mark_cancelling(record, None)

    async def cancel(self, record: Record, reason: str | None) -> None:
        """Ask running work to stop, or end what only waits; repeated or late, it changes nothing."""
        record.token.cancel(reason)
        async with self._exclusive(record):
            if record.operation.status is OperationStatus.PENDING:
                await self._finish(record, Ending(OperationStatus.CANCELLED))
            else:
                await self._mark_cancelling(record, reason)

    async def finish(self, record: Record, ending: Ending) -> Operation:
        """End the operation as `ending` says, unless it has ended."""
        async with self._exclusive(record):
            if not record.is_final:
                await self._finish(record, ending)
        return record.operation

    async def keep_history(self, record: Record) -> None:
        """Keep the metrics of running work where they are found if this process is killed; or let it be."""
        async with self._exclusive(record):
            if record.source is not None and not record.is_final:
                history = await record.source.history()
                with suppress(StorageError):
                    await self.stored(lambda: self._archive.keep_history(record.operation_id, history()))

    async def retry_save(self, record: Record) -> None:
        """Try again to store an end that could not be stored."""
        async with self._exclusive(record):
            if record.unsaved is not None:
                await self._save(record, _without_storage_warning(record.operation), record.unsaved, over_cancel=True)

    @asynccontextmanager
    async def _exclusive(self, record: Record) -> AsyncIterator[None]:
        """Hold the operation's right to change; a caller that goes away does not leave a change half done."""
        with self._shield():
            async with record.writing:
                yield

    def _shield(self) -> anyio.CancelScope:
        return anyio.CancelScope(shield=not self.is_closing)

    async def _mark_cancelling(self, record: Record, reason: str | None) -> None:
        if record.operation.status in (OperationStatus.PENDING, OperationStatus.RUNNING):
            await self._advance(record, reason, status=OperationStatus.CANCELLING, updated_at=self._now())

    async def _advance(self, record: Record, cancel_reason: str | None = None, **changes: object) -> None:
        record.operation = record.operation.model_copy(update=changes)
        try:
            stored = await self.stored(self._archive.advance, record.operation, cancel_reason=cancel_reason)
        except StorageError as error:
            record.operation = _with_warning(record.operation, f"This step could not be stored: {error.message}")
        else:
            self._heed(record, stored)

    def _heed(self, record: Record, stored: Stored) -> None:
        """Follow a cancellation that another process wrote into the archive."""
        if stored.operation.status is OperationStatus.CANCELLING:
            record.token.cancel(stored.cancel_reason)
            record.operation = record.operation.model_copy(update={"status": OperationStatus.CANCELLING})

    async def _finish(self, record: Record, ending: Ending) -> None:
        operation = await _last_look(record)
        history = await _whole_history(record)
        while not await self._end(record, operation, ending, history):
            pass
        if ending.status is not OperationStatus.COMPLETED:
            record.token.cancel(record.operation.progress.message)
        if record.run_scope is not None and record.operation.started_at is None:
            record.run_scope.cancel()

    async def _end(
        self, record: Record, operation: Operation, ending: Ending, history: Callable[[], FinishedHistory]
    ) -> bool:
        """Store the end and show it; return False if a cancellation came first and it must be told otherwise."""
        outcome = ending.outcome or Outcome({})
        artefacts = Artefacts(history, dict(outcome.tables), outcome.headline)
        try:
            final = concluded(operation, ending, record.token, self._now())
            return await self._save(record, final, artefacts, over_cancel=False)
        except EngineError as defect:
            final = concluded(operation, failed(defect), record.token, self._now())
            return await self._save(record, final, Artefacts(history, {}, None), over_cancel=False)

    async def _save(self, record: Record, final: Operation, artefacts: Artefacts, *, over_cancel: bool) -> bool:
        try:
            stored = await self.stored(self._archive.finish, final, artefacts, over_cancel=over_cancel)
        except StorageError as error:
            record.operation = _with_warning(final, _UNSAVED + error.message)
            record.unsaved = artefacts
            await self._note_end(record, artefacts.headline)
        else:
            if not stored.operation.status.is_final:
                record.token.cancel(stored.cancel_reason)
                return False
            record.operation = stored.operation
            record.unsaved = None
            self._records.retire(record)
        record.source = None
        if not record.ended.is_set():
            self._records.tally.end(record.operation)
            _log_end(record.operation)
        record.ended.set()
        return True

    async def _note_end(self, record: Record, headline: str | None) -> None:
        """Record how it ended all the same: otherwise a later process takes it for interrupted."""
        told = f"{headline} (not stored)" if headline else None
        with suppress(StorageError):
            await self.stored(self._archive.note_end, record.operation, told)


async def _last_look(record: Record) -> Operation:
    """Return the operation with the progress as the work left it."""
    if record.source is None or record.source.is_remote:
        return record.operation
    return record.operation.model_copy(update={"progress": (await record.source.pull()).progress})


async def _whole_history(record: Record) -> Callable[[], FinishedHistory]:
    return (lambda: NO_HISTORY) if record.source is None else await record.source.history()


def _log_end(operation: Operation) -> None:
    extra = {"operation_id": operation.operation_id}
    logger.info("Operation %s ended %s", operation.operation_id, operation.status, extra=extra)


def _with_warning(operation: Operation, warning: str) -> Operation:
    return operation.model_copy(update={"warnings": (*operation.warnings, warning)})


def _without_storage_warning(operation: Operation) -> Operation:
    kept = tuple(warning for warning in operation.warnings if not warning.startswith(_UNSAVED))
    return operation.model_copy(update={"warnings": kept})
