"""Pull-through refresh: one pull for all readers that find a record stale.

Asked by `service`; never by a timer.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ktrdr_engine.errors import OperationNotFound, WorkerUnavailable
from ktrdr_engine.operations.archive import Archive
from ktrdr_engine.operations.health import HealthService
from ktrdr_engine.operations.models import ErrorInfo, Operation, OperationStatus
from ktrdr_engine.operations.records import Ending, Record, Records
from ktrdr_engine.operations.sources import SourceState
from ktrdr_engine.operations.transitions import Transitions


class Pulls:
    """Keeps records at most `cache_ttl` seconds old for those who look."""

    def __init__(
        self,
        transitions: Transitions,
        records: Records,
        archive: Archive,
        health: HealthService,
        *,
        cache_ttl: float,
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._transitions = transitions
        self._records = records
        self._archive = archive
        self._health = health
        self._cache_ttl = cache_ttl
        self._clock = clock
        self._now = now

    def is_fresh(self, record: Record) -> bool:
        """Return whether the last good pull is recent enough."""
        return self._clock() - record.pulled_at < self._cache_ttl

    async def refresh(self, record: Record, *, force_refresh: bool) -> Operation:
        """Return the state, pulled if it is stale or `force_refresh`.

        A forced reader is served by any pull that began after it came; it never waits for a pull of its own
        when another reader's will do.
        """
        newest_when_asked = record.pulls_started
        async with record.pulling:
            shared = record.pull_finished > newest_when_asked
            served = shared if force_refresh else self.is_fresh(record)
            if not served:
                await self._pull(record, force_refresh)
        return record.operation

    async def _pull(self, record: Record, force_refresh: bool) -> None:
        if record.unsaved is not None:
            await self._transitions.retry_save(record)
        elif record.source is not None and not record.is_final:
            await self._pull_source(record, force_refresh)
        record.pulls_started += 1
        record.pull_finished = record.pulls_started
        record.pulled_at = self._clock()

    async def _pull_source(self, record: Record, force_refresh: bool) -> None:
        source = record.source
        assert source is not None
        try:
            state = await source.pull(force_refresh=force_refresh)
        except WorkerUnavailable:
            record.failed_pulls += 1
            return
        except OperationNotFound:
            return
        await self.apply(record, state)

    async def apply(self, record: Record, state: SourceState) -> None:
        """Take over what a pull found, and judge it."""
        if record.is_final:
            return
        progress = state.progress
        if record.operation.status is OperationStatus.PENDING:
            ahead = self._records.ahead_of(record)
            waiting = f"Queued behind {ahead} operation{'' if ahead == 1 else 's'}."
            progress = progress.model_copy(update={"message": waiting})
        record.operation = record.operation.model_copy(
            update={"progress": progress, "updated_at": self._now(), "stale": False}
        )
        verdict = self._health.assess(state.idle_seconds, record.operation.status)
        if verdict is not None:
            await self._give_up(record, verdict)

    async def _give_up(self, record: Record, verdict: ErrorInfo) -> None:
        record.token.cancel(verdict.message)
        await self._transitions.finish(record, Ending(OperationStatus.FAILED, error=verdict))
