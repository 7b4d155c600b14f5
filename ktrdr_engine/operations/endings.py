"""What a client will read for ever, derived from how work ended and what was asked meanwhile. Pure functions."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NamedTuple

from ktrdr_engine.errors import EngineError, KtrdrError
from ktrdr_engine.operations.cancellation import CancellationToken
from ktrdr_engine.operations.models import ErrorInfo, Operation, OperationStatus, Outcome, Progress, to_json


class Ending(NamedTuple):
    """How work ended, as whoever ran it says.

    Attributes:
        status: One of the final ones.
        outcome: What was computed.
        error: Why it failed.
        warnings: What else to know.
        progress: Replaces what is known, words included.
        started_at: For work that nobody looked at before it ended.
        completed_at: When it ended, if that was not now.
    """

    status: OperationStatus
    outcome: Outcome | None = None
    error: ErrorInfo | None = None
    warnings: tuple[str, ...] = ()
    progress: Progress | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None


OUT_OF_MEMORY = ErrorInfo(
    code="out_of_memory", message="The machine ran out of memory: use a shorter range, or run fewer operations at once."
)
DEFECT = ErrorInfo(
    code="engine_error",
    message="The computation failed for a reason inside ktrdr; the server's log has the details under this id.",
)
WORKER_LOST = ErrorInfo(
    code="worker_lost",
    message="The worker no longer knows this operation: it was restarted or lost its data. Start the operation again.",
)
INTERRUPTED = ErrorInfo(
    code="interrupted",
    message="The process that ran this operation ended before it did, or could not write down how it ended. "
    "Start the operation again, with a new idempotency_key if it had one.",
)


def failed(error: KtrdrError) -> Ending:
    """Return the ending that an error of ours means; it may carry what was done before."""
    done = error.partial if isinstance(error.partial, Outcome) else None
    return Ending(OperationStatus.FAILED, done, error=error_info(error))


def error_info(error: KtrdrError) -> ErrorInfo:
    """Return an error of ours as clients see it."""
    try:
        details: dict[str, Any] = json.loads(to_json(error.details))
    except EngineError:
        details = {key: str(value) for key, value in error.details.items()}
    return ErrorInfo(code=error.code, message=error.message, details=details)


def concluded(operation: Operation, ending: Ending, token: CancellationToken, now: datetime) -> Operation:
    """Return the final state of `operation`.

    Work that ended well after its token was cancelled is CANCELLED; results of what did not end well are marked
    partial.

    Raises:
        EngineError: The results are not JSON.
    """
    status = ending.status
    if status is OperationStatus.COMPLETED and token.is_cancelled:
        status = OperationStatus.CANCELLED
    # A worker's clock is another clock, and its work began before it was recorded here.
    started_at = operation.started_at or (ending.started_at and max(ending.started_at, operation.created_at))
    return operation.model_copy(
        update={
            "status": status,
            "progress": ending.progress or _last_progress(operation.progress, status, ending.error, token.reason),
            "results": _results(ending.outcome, is_partial=status is not OperationStatus.COMPLETED),
            "error": ending.error,
            "warnings": operation.warnings + ending.warnings,
            "stale": False,
            "started_at": started_at,
            "updated_at": now,
            "completed_at": max(ending.completed_at or now, started_at or operation.created_at),
        }
    )


def interrupted(operation: Operation, now: datetime) -> Operation:
    """Return the final state of an operation whose process died."""
    return concluded(operation, Ending(OperationStatus.FAILED, error=INTERRUPTED), CancellationToken(), now)


def _results(outcome: Outcome | None, *, is_partial: bool) -> dict[str, Any] | None:
    """Return the results exactly as they will read from the archive."""
    if outcome is None:
        return None
    results: dict[str, Any] = json.loads(to_json(outcome.results))
    return {**results, "partial": True} if is_partial else results


def _last_progress(
    progress: Progress, status: OperationStatus, error: ErrorInfo | None, reason: str | None
) -> Progress:
    if status is OperationStatus.COMPLETED:
        return progress.model_copy(update={"percentage": 100.0, "message": "Completed."})
    if status is OperationStatus.CANCELLED:
        return progress.model_copy(update={"message": f"Cancelled: {reason}" if reason else "Cancelled."})
    return progress.model_copy(update={"message": f"Failed: {error.message}" if error else "Failed."})
