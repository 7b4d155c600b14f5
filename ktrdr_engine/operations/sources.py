"""Where the state of a running operation is pulled from: this process, or a worker.

The service treats both alike. No transport here: `RemoteProxy` says what one must offer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import anyio

from ktrdr_engine.errors import OperationNotFound, WorkerUnavailable
from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.cancellation import CancellationToken
from ktrdr_engine.operations.history import FinishedHistory
from ktrdr_engine.operations.mirror import Mirror
from ktrdr_engine.operations.models import MetricsPage, Operation, Progress, TablePage

logger = logging.getLogger(__name__)
_PAGES_AT_ONCE = 64


class SourceState(NamedTuple):
    """What one pull found.

    Attributes:
        progress: The newest progress.
        idle_seconds: For how long there was none newer.
        remote: The worker's own view of the operation; None for a local one, whose status the service itself keeps.
    """

    progress: Progress
    idle_seconds: float
    remote: Operation | None = None


class OperationSource(Protocol):
    """One running operation."""

    @property
    def is_remote(self) -> bool:
        """Whether it runs on a worker."""
        ...

    async def pull(self, *, force_refresh: bool = False, wait_seconds: float = 0) -> SourceState:
        """Return the present state; a worker is given `wait_seconds` to come to an end first.

        Raises:
            WorkerUnavailable: The worker did not answer.
            OperationNotFound: The worker does not know the operation.
        """
        ...

    async def metrics(self, cursor: int, limit: int) -> MetricsPage:
        """Return history after `cursor`.

        Raises:
            InvalidRequest: The cursor or the limit is out of range.
        """
        ...

    async def history(self) -> Callable[[], FinishedHistory]:
        """Return what yields the whole history, to be called in a thread, once the operation has ended."""
        ...

    async def cancel(self, reason: str | None) -> SourceState | None:
        """Pass on the wish to stop; return the worker's answer, or None where there is no worker.

        Raises:
            WorkerUnavailable: The worker did not answer; nothing was cancelled.
        """
        ...


class LocalSource:
    """An operation whose worker thread lives in this process."""

    is_remote = False

    def __init__(self, bridge: ProgressBridge, token: CancellationToken) -> None:
        self.bridge = bridge
        self._token = token

    async def pull(self, *, force_refresh: bool = False, wait_seconds: float = 0) -> SourceState:
        """Return the bridge's newest sample; it is always fresh."""
        return SourceState(*self.bridge.get_status())

    async def metrics(self, cursor: int, limit: int) -> MetricsPage:
        """Return the bridge's history after `cursor`."""
        return self.bridge.get_metrics(cursor, limit)

    async def history(self) -> Callable[[], FinishedHistory]:
        """Return the bridge's own reader."""
        return self.bridge.history

    async def cancel(self, reason: str | None) -> SourceState | None:
        """Set the token."""
        self._token.cancel(reason)
        return None


class RemoteProxy(Protocol):
    """What a connection to a worker offers; each call may raise `WorkerUnavailable` or `OperationNotFound`."""

    @property
    def base_url(self) -> str:
        """Where the worker is."""
        ...

    async def get_operation(self, operation_id: str, force_refresh: bool = False, wait_seconds: float = 0) -> Operation:
        """Return the worker's view, after a wait for the end if so asked."""
        ...

    async def get_metrics(self, operation_id: str, cursor: int = 0, limit: int = 50) -> MetricsPage:
        """Return the worker's history after `cursor`."""
        ...

    async def get_table(self, operation_id: str, name: str, offset: int = 0, limit: int = 100) -> TablePage:
        """Return rows of a result table of the worker's.

        Raises:
            OperationConflict: There is no such table, or not yet.
        """
        ...

    async def cancel_operation(self, operation_id: str, reason: str | None = None) -> Operation:
        """Ask the worker to stop; return its view afterwards."""
        ...


class Worker(RemoteProxy, Protocol):
    """A connection over which work can be started, too."""

    async def start(self, path: str, body: Mapping[str, Any], idempotency_key: str) -> str:
        """Start work and return its id on the worker.

        Raises:
            InputError: The worker refused the request.
            QueueFull: Too much waits there.
            WorkerUnavailable: It cannot be reached.
        """
        ...


class RemoteSource:
    """An operation that runs on a worker, under an id of its own there."""

    is_remote = True

    def __init__(self, proxy: RemoteProxy, remote_id: str) -> None:
        self._proxy = proxy
        self._remote_id = remote_id
        self._mirror = Mirror()
        self._copying = anyio.Lock()

    async def pull(self, *, force_refresh: bool = False, wait_seconds: float = 0) -> SourceState:
        """Ask the worker once."""
        return _remote_state(await self._proxy.get_operation(self._remote_id, force_refresh, wait_seconds))

    async def metrics(self, cursor: int, limit: int) -> MetricsPage:
        """Copy what is new on the worker, then read the copy; without the worker, what was copied before."""
        try:
            await self._copy()
        except (WorkerUnavailable, OperationNotFound):
            logger.info("Metrics of %s as last copied: the worker does not answer", self._remote_id)
            if cursor > self._mirror.last:
                # Given out by an earlier process; it is right as soon as the worker answers.
                return MetricsPage(metrics={}, new_cursor=cursor, has_more=False, dropped=0)
        return self._mirror.page(cursor, limit)

    async def history(self) -> Callable[[], FinishedHistory]:
        """Copy the rest, or what can still be had of it."""
        try:
            await self._copy()
        except (WorkerUnavailable, OperationNotFound):
            logger.warning("Metrics of %s end early: the worker does not answer", self._remote_id)
        return self._mirror.history

    async def cancel(self, reason: str | None) -> SourceState:
        """Ask the worker, and believe only its answer."""
        return _remote_state(await self._proxy.cancel_operation(self._remote_id, reason))

    async def _copy(self) -> None:
        async with self._copying:
            for _ in range(_PAGES_AT_ONCE):
                page = await self._proxy.get_metrics(self._remote_id, self._mirror.remote_cursor, 500)
                self._mirror.add(page)
                if not page.has_more:
                    return


def _remote_state(operation: Operation) -> SourceState:
    return SourceState(operation.progress, 0.0, operation)
