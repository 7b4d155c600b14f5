"""Where the state of a running operation is pulled from: this process, or a worker.

The service treats both alike. No transport here: `RemoteProxy` says what one must offer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.cancellation import CancellationToken
from ktrdr_engine.operations.history import FinishedHistory
from ktrdr_engine.operations.models import MetricsPage, Operation, Progress


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

    async def pull(self, *, force_refresh: bool = False) -> SourceState:
        """Return the present state.

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

    async def pull(self, *, force_refresh: bool = False) -> SourceState:
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
