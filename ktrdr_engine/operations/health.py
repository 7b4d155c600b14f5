"""Is an operation still alive? A pure judgement, asked on each pull and never by a timer."""

from __future__ import annotations

from dataclasses import dataclass

from ktrdr_engine.operations.models import ErrorInfo, OperationStatus


@dataclass(frozen=True, slots=True)
class HealthService:
    """The limits, and the verdicts that follow from them.

    Args:
        stuck_after_seconds: Running work that made no progress for so long has failed.
        lost_after_seconds: A worker must be silent at least so long to be given up.
        max_failed_pulls: And it must have failed to answer at least so often in a row.
    """

    stuck_after_seconds: float = 600.0
    lost_after_seconds: float = 30.0
    max_failed_pulls: int = 5

    def assess(self, idle_seconds: float, status: OperationStatus) -> ErrorInfo | None:
        """Return why the operation counts as stuck, or None while it is well."""
        working = status in (OperationStatus.RUNNING, OperationStatus.CANCELLING)
        if not working or idle_seconds <= self.stuck_after_seconds:
            return None
        return ErrorInfo(
            code="stuck",
            message=(
                f"No progress for {idle_seconds:.0f} s; the limit is {self.stuck_after_seconds:.0f} s. "
                "Set KTRDR_STUCK_AFTER_SECONDS higher if single steps of this work may take longer."
            ),
            details={"idle_seconds": idle_seconds, "limit_seconds": self.stuck_after_seconds},
        )

    def assess_lost(self, failed_pulls: int, silent_seconds: float) -> ErrorInfo | None:
        """Return why the worker counts as lost, or None while there is hope.

        Both limits must be passed: eager clients alone must not turn a short network failure into a lost run.
        """
        if failed_pulls < self.max_failed_pulls or silent_seconds <= self.lost_after_seconds:
            return None
        return ErrorInfo(
            code="worker_lost",
            message=(
                f"The worker did not answer {failed_pulls} times in a row, for {silent_seconds:.0f} s. "
                "Check that it runs and can be reached, then start the operation again; set "
                "KTRDR_WORKER_LOST_AFTER_SECONDS higher if it may be away for longer."
            ),
            details={"failed_pulls": failed_pulls, "silent_seconds": silent_seconds},
        )
