"""Every change of an operation's status: decided here, one at a time for each operation, and stored.

Progress is no transition (`pulls`). A final status is never left again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from ktrdr_engine.errors import EngineError, KtrdrError, OperationNotFound, StorageError, WorkerUnavailable
from ktrdr_engine.operations.archive import Archive, Artefacts, Stored
from ktrdr_engine.operations.history import FinishedHistory
from ktrdr_engine.operations.models import ErrorInfo, Operation, OperationStatus, Outcome, Progress, to_json
from ktrdr_engine.operations.records import Ending, Record, Records

T = TypeVar("T")
_UNSAVED = "Not stored yet, kept in memory and tried again at the next query: "
_NO_HISTORY = FinishedHistory(0, {})


class Transitions:
    """Moves records from status to status.

    Guarantees:
        - Per operation, transitions happen one after the other; different operations never wait for each other
          (but for the archive itself).
        - Work that ends well after a cancellation was asked for ends CANCELLED.
        - An end that cannot be stored is shown all the same, with a warning, and is not forgotten.
    """

    def __init__(self, archive: Archive, records: Records, now: Callable[[], datetime]) -> None:
        self._archive = archive
        self._records = records
        self._now = now
        self._limiter = anyio.CapacityLimiter(4)

    async def stored(self, call: Callable[..., T], *args: object, **options: object) -> T:
        """Call the archive in a thread; a caller that goes away does not interrupt it."""
        with anyio.CancelScope(shield=True):
            result = await anyio.to_thread.run_sync(partial(call, *args, **options), limiter=self._limiter)
        return result

    async def begin(self, record: Record) -> bool:
        """Move PENDING to RUNNING; return whether the work may start."""
        with anyio.CancelScope(shield=True):
            async with record.writing:
                may_start = record.operation.status is OperationStatus.PENDING
                if may_start:
                    now = self._now()
                    await self._advance(record, status=OperationStatus.RUNNING, started_at=now, updated_at=now)
        return may_start

    async def cancel(self, record: Record, reason: str | None) -> None:
        """Ask running work to stop, or end what only waits; repeated or late, it changes nothing."""
        record.token.cancel(reason)
        with anyio.CancelScope(shield=True):
            async with record.writing:
                status = record.operation.status
                if status is OperationStatus.PENDING:
                    await self._finish(record, Ending(OperationStatus.CANCELLED))
                elif status is OperationStatus.RUNNING:
                    await self._advance(record, reason, status=OperationStatus.CANCELLING, updated_at=self._now())

    async def finish(self, record: Record, ending: Ending) -> Operation:
        """End the operation as `ending` says, unless it has ended."""
        with anyio.CancelScope(shield=True):
            async with record.writing:
                if not record.is_final:
                    await self._finish(record, ending)
        return record.operation

    async def retry_save(self, record: Record) -> None:
        """Try again to store an end that could not be stored."""
        with anyio.CancelScope(shield=True):
            async with record.writing:
                if record.unsaved is not None:
                    clean = _without_storage_warning(record.operation)
                    await self._save(record, clean, record.unsaved, over_cancel=True)

    async def _advance(self, record: Record, cancel_reason: str | None = None, **changes: object) -> None:
        record.operation = record.operation.model_copy(update=changes)
        try:
            stored = await self.stored(self._archive.advance, record.operation, cancel_reason=cancel_reason)
        except StorageError as error:
            record.operation = _with_warning(record.operation, f"This step could not be stored: {error.message}")
            return
        self._heed(record, stored)

    def _heed(self, record: Record, stored: Stored) -> None:
        """Follow a cancellation that another process wrote into the archive."""
        if stored.operation.status is OperationStatus.CANCELLING:
            record.token.cancel(stored.cancel_reason)
            record.operation = record.operation.model_copy(update={"status": OperationStatus.CANCELLING})

    async def _finish(self, record: Record, ending: Ending) -> None:
        operation = await self._last_look(record)
        history = await self._history(record)
        while True:
            final = _concluded(operation, ending, record, self._now())
            outcome = ending.outcome or Outcome({})
            artefacts = Artefacts(history, dict(outcome.tables), outcome.headline)
            if await self._save(record, final, artefacts, over_cancel=False):
                break
        if record.run_scope is not None and not record.operation.started_at:
            record.run_scope.cancel()

    async def _save(self, record: Record, final: Operation, artefacts: Artefacts, *, over_cancel: bool) -> bool:
        """Store an end and show it; return False if a cancellation from another process came first."""
        try:
            stored = await self.stored(self._archive.finish, final, artefacts, over_cancel=over_cancel)
        except StorageError as error:
            record.operation = _with_warning(final, _UNSAVED + error.message)
            record.unsaved = artefacts
        else:
            if not stored.operation.status.is_final:
                record.token.cancel(stored.cancel_reason)
                return False
            record.operation = stored.operation
            record.unsaved = None
            self._records.retire(record)
        record.source = None
        record.ended.set()
        return True

    async def _last_look(self, record: Record) -> Operation:
        if record.source is None or record.source.is_remote:
            return record.operation
        return record.operation.model_copy(update={"progress": (await record.source.pull()).progress})

    async def _history(self, record: Record) -> Callable[[], FinishedHistory]:
        if record.source is None:
            return lambda: _NO_HISTORY
        try:
            return await record.source.history()
        except (WorkerUnavailable, OperationNotFound):
            return lambda: _NO_HISTORY


def error_info(error: KtrdrError) -> ErrorInfo:
    """Return an error of ours as clients see it."""
    return ErrorInfo(code=error.code, message=error.message, details=_plain(error.details))


def _plain(details: Mapping[str, Any]) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = json.loads(to_json(details))
    except EngineError:
        plain = {key: str(value) for key, value in details.items()}
    return plain


def _concluded(operation: Operation, ending: Ending, record: Record, now: datetime) -> Operation:
    """Return the final state that follows from how the work ended and what was asked meanwhile."""
    status, error = ending.status, ending.error
    results = None
    try:
        results = _plain_results(ending.outcome)
    except EngineError as defect:
        status, error = OperationStatus.FAILED, error_info(defect)
    if status is OperationStatus.COMPLETED and record.token.is_cancelled:
        status = OperationStatus.CANCELLED
    if status is OperationStatus.CANCELLED and results is not None:
        results = {**results, "partial": True}
    return operation.model_copy(
        update={
            "status": status,
            "progress": _last_progress(operation.progress, status, error, record.token.reason),
            "results": results,
            "error": error,
            "warnings": operation.warnings + ending.warnings,
            "stale": False,
            "updated_at": now,
            "completed_at": now,
        }
    )


def _plain_results(outcome: Outcome | None) -> dict[str, Any] | None:
    """Return the results exactly as they will read from the archive."""
    if outcome is None:
        return None
    results: dict[str, Any] = json.loads(to_json(outcome.results))
    return results


def _last_progress(
    progress: Progress, status: OperationStatus, error: ErrorInfo | None, reason: str | None
) -> Progress:
    if status is OperationStatus.COMPLETED:
        return progress.model_copy(update={"percentage": 100.0, "message": "Completed."})
    if status is OperationStatus.CANCELLED:
        return progress.model_copy(update={"message": f"Cancelled: {reason}" if reason else "Cancelled."})
    return progress.model_copy(update={"message": f"Failed: {error.message}" if error else "Failed."})


def _with_warning(operation: Operation, warning: str) -> Operation:
    return operation.model_copy(update={"warnings": (*operation.warnings, warning)})


def _without_storage_warning(operation: Operation) -> Operation:
    kept = tuple(warning for warning in operation.warnings if not warning.startswith(_UNSAVED))
    return operation.model_copy(update={"warnings": kept})
