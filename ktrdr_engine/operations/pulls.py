"""Pull-through refresh: one pull for all readers that find a record stale, one wait for all that wait.

Asked by `service`; never by a timer.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import anyio

from ktrdr_engine.errors import OperationNotFound, WorkerUnavailable
from ktrdr_engine.operations.archive import Archive, CancelRequest
from ktrdr_engine.operations.endings import WORKER_LOST, Ending
from ktrdr_engine.operations.health import HealthService
from ktrdr_engine.operations.models import ErrorInfo, Headlines, Operation, OperationStatus, Outcome, Progress
from ktrdr_engine.operations.records import Record, Records
from ktrdr_engine.operations.sources import LocalSource, OperationSource, SourceState
from ktrdr_engine.operations.transitions import Transitions

_KEEP_SECONDS = 5.0
_WISHES_SECONDS = 1.0
_KEPT_WISH = "The wish to cancel is kept: the next query passes it on once the worker answers."


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
        headlines: Headlines | None = None,
    ) -> None:
        self._transitions = transitions
        self._records = records
        self._archive = archive
        self._health = health
        self._cache_ttl = cache_ttl
        self._clock = clock
        self._now = now
        self._headlines = headlines or {}

    def is_fresh(self, record: Record) -> bool:
        """Return whether the last pull is recent enough."""
        return self._clock() - record.pulled_at < self._cache_ttl

    async def refresh(self, record: Record, *, force_refresh: bool = False) -> None:
        """Pull if the record is stale or `force_refresh`.

        A forced reader is served by any pull that began after it came: it never waits for a pull of its own when
        another reader's will do.
        """
        newest_when_asked = record.pulls_started
        async with record.pulling:
            shared = record.pull_finished > newest_when_asked
            served = shared if force_refresh else self.is_fresh(record)
            if served:
                self._records.tally.cache_hits += 1
            else:
                record.pulls_started += 1
                await self._pull(record, force_refresh)
                record.pull_finished = record.pulls_started
                record.pulled_at = self._clock()

    async def glance(self, record: Record) -> None:
        """Take over what the bridge of a stale local record says; touches nothing outside memory."""
        if isinstance(record.source, LocalSource) and not self.is_fresh(record):
            record.pulled_at = self._clock()
            self._records.tally.pull(is_remote=False)
            await self.apply(record, await record.source.pull())

    async def keep_history(self, record: Record) -> None:
        """Keep the metrics a reader just saw of local work, at most every few seconds."""
        if isinstance(record.source, LocalSource) and self._clock() - record.history_kept_at >= _KEEP_SECONDS:
            record.history_kept_at = self._clock()
            await self._transitions.keep_history(record)

    async def wait(self, record: Record, wait_seconds: float) -> None:
        """Return when the operation ends, or the time is up."""
        with anyio.move_on_after(wait_seconds):
            if record.source is not None and record.source.is_remote:
                await self._wait_remote(record, anyio.current_time() + wait_seconds)
            else:
                await record.ended.wait()

    async def _wait_remote(self, record: Record, deadline: float) -> None:
        """Let one reader ask the worker to answer at the end; who comes second waits for the first."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._ask_to_wait, record, deadline, tasks.cancel_scope)
            await record.ended.wait()
            tasks.cancel_scope.cancel()

    async def _ask_to_wait(self, record: Record, deadline: float, answered: anyio.CancelScope) -> None:
        async with record.waiting:
            if record.source is not None:
                remaining = max(0.0, deadline - anyio.current_time())
                await self._pull_source(record, record.source, wait_seconds=remaining)
                record.pulled_at = self._clock()
        answered.cancel()

    async def _pull(self, record: Record, force_refresh: bool) -> None:
        if record.unsaved is not None:
            await self._transitions.retry_save(record)
        elif (source := record.source) is not None and not record.is_final:
            await self._pass_on_wishes(record)
            await self._pull_source(record, source, force_refresh=force_refresh)

    async def cancel(self, record: Record, reason: str | None) -> None:
        """Ask the work to stop, wherever it runs; believe a worker only its own answer.

        Raises:
            WorkerUnavailable: The worker did not answer; the wish is passed on when it does.
        """
        try:
            answer = await record.source.cancel(reason) if record.source is not None else None
        except WorkerUnavailable as error:
            record.unheard = CancelRequest(reason)
            raise WorkerUnavailable(f"{error.message} {_KEPT_WISH}", details=error.details) from error
        except OperationNotFound:
            await self._lost(record)
            return
        record.unheard = None
        if answer is None:
            await self._transitions.cancel(record, reason)
        else:
            await self.apply(record, answer)

    async def _pass_on_wishes(self, record: Record) -> None:
        """Cancel what another process asked to cancel, or what a worker did not hear of before."""
        if record.unheard is None and record.operation.status is not OperationStatus.CANCELLING:
            await self._look_for_wishes(record)
        if record.unheard is not None:
            with suppress(WorkerUnavailable):
                await self.cancel(record, record.unheard.reason)

    async def _look_for_wishes(self, record: Record) -> None:
        """Read the wish to cancel, unless nobody wrote to the archive since it was read less than a second ago.

        Reading takes a thread, which a busy machine gives late; a forced pull shall not pay for it each time.
        """
        stamp, now = self._archive.change_stamp(), self._clock()
        if stamp is None or stamp != record.wishes_stamp or now - record.wishes_read_at >= _WISHES_SECONDS:
            record.unheard = await self._transitions.stored(self._archive.cancel_request, record.operation_id)
            record.wishes_stamp, record.wishes_read_at = stamp, now

    async def _pull_source(
        self, record: Record, source: OperationSource, *, force_refresh: bool = False, wait_seconds: float = 0
    ) -> None:
        self._records.tally.pull(is_remote=source.is_remote)
        try:
            state = await source.pull(force_refresh=force_refresh, wait_seconds=wait_seconds)
        except WorkerUnavailable:
            await self._unanswered(record)
        except OperationNotFound:
            await self._lost(record)
        else:
            record.failed_pulls = 0
            await self.apply(record, state)

    async def apply(self, record: Record, state: SourceState) -> None:
        """Take over what a source said, and judge it."""
        if record.is_final:
            return
        progress = state.progress
        if state.remote is None and record.operation.status is OperationStatus.PENDING:
            progress = progress.model_copy(update={"message": _queue_message(self._records.ahead_of(record))})
        self._show(record, progress=progress, stale=False, updated_at=self._now())
        if state.remote is not None:
            await self._follow(record, state.remote)
        elif verdict := self._health.assess(state.idle_seconds, record.operation.status):
            await self._give_up(record, verdict)

    async def _follow(self, record: Record, remote: Operation) -> None:
        if not remote.status.is_final:
            await self._transitions.follow(record, remote.status)
            return
        outcome = None if remote.results is None else Outcome(remote.results, headline=self._headline(remote))
        ending = Ending(
            remote.status,
            outcome,
            remote.error,
            remote.warnings,
            remote.progress,
            started_at=remote.started_at,
            completed_at=remote.completed_at,
        )
        await self._transitions.finish(record, ending)

    def _headline(self, remote: Operation) -> str | None:
        headline = self._headlines.get(remote.operation_type)
        return headline(remote.results) if headline is not None and remote.results is not None else None

    async def _unanswered(self, record: Record) -> None:
        if record.failed_pulls == 0:
            record.silent_since = self._clock()
        record.failed_pulls += 1
        if not record.is_final:
            self._show(record, stale=True)
        if verdict := self._health.assess_lost(record.failed_pulls, self._clock() - record.silent_since):
            await self._give_up(record, verdict)

    async def _lost(self, record: Record) -> None:
        await self._give_up(record, WORKER_LOST)

    async def _give_up(self, record: Record, verdict: ErrorInfo) -> None:
        await self._transitions.finish(record, Ending(OperationStatus.FAILED, error=verdict))

    def _show(self, record: Record, **changes: Progress | bool | datetime) -> None:
        record.operation = record.operation.model_copy(update=changes)


def _queue_message(ahead: int) -> str:
    return f"Queued behind {ahead} operation{'' if ahead == 1 else 's'}."
