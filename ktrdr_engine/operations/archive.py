"""What the service needs of a place that remembers operations, and the one that remembers in memory.

The durable one is `store`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from ktrdr_engine.errors import OperationConflict
from ktrdr_engine.operations.history import FinishedHistory
from ktrdr_engine.operations.models import (
    Listed,
    Operation,
    OperationStatus,
    OperationType,
    Table,
    TablePage,
)
from ktrdr_engine.operations.tables import table_page


class KeyUse(NamedTuple):
    """Which operation an idempotency key started, and for which request."""

    operation_id: str
    fingerprint: str

    def check(self, key: str, fingerprint: str) -> str:
        """Return the operation's id.

        Raises:
            OperationConflict: The key was used for another request.
        """
        if fingerprint != self.fingerprint:
            raise OperationConflict(
                f"idempotency_key={key!r} already started {self.operation_id} with another request: "
                "repeat that request unchanged, or use a new key.",
                details={"idempotency_key": key, "operation_id": self.operation_id},
            )
        return self.operation_id


class Artefacts(NamedTuple):
    """What is kept beside a finished operation."""

    history: Callable[[], FinishedHistory]
    tables: dict[str, Table]
    headline: str | None


class Stored(NamedTuple):
    """An operation as recorded.

    Attributes:
        operation: The last recorded state.
        is_foreign: Another live process runs it.
        cancel_reason: Why somebody asked to cancel it.
    """

    operation: Operation
    is_foreign: bool = False
    cancel_reason: str | None = None


class CancelRequest(NamedTuple):
    """A wish to cancel, as another process recorded it."""

    reason: str | None


class WorkerLink(NamedTuple):
    """On which worker, and under which id there, a remote operation runs."""

    worker_url: str
    remote_id: str


class Adopted(NamedTuple):
    """A remote operation that this process follows from now on, since the one that did has ended.

    Attributes:
        operation: Its last recorded state.
        link: Where it runs.
        cancel_reason: Why somebody asked to cancel it.
    """

    operation: Operation
    link: WorkerLink
    cancel_reason: str | None


class Query(NamedTuple):
    """Which operations to list, newest first.

    Attributes:
        status: Only these; None: all.
        operation_type: Only these; None: all.
        limit: Most rows.
        offset: Rows to skip.
        live: Ids whose recorded status does not count, since the asking process knows better,
        matching: and those of them that it says match `status`.
    """

    status: OperationStatus | None
    operation_type: OperationType | None
    limit: int
    offset: int
    live: Collection[str] = ()
    matching: Collection[str] = ()

    def admits(self, operation: Operation) -> bool:
        """Return whether the operation belongs on the list."""
        if self.operation_type not in (None, operation.operation_type):
            return False
        if operation.operation_id in self.live and self.status is not None:
            return operation.operation_id in self.matching
        return self.status in (None, operation.status)


class Archive(Protocol):
    """Remembers operations; every call may block and is made in a thread."""

    def create(
        self, operation: Operation, *, idempotency_key: str | None, fingerprint: str, link: WorkerLink | None = None
    ) -> str:
        """Record a new operation, with where it runs; return its id, or that of the one the key started before.

        Raises:
            OperationConflict: The key was used for another request.
            StorageError: It cannot be recorded.
        """
        ...

    def find_key(self, key: str) -> KeyUse | None:
        """Return what the key was used for.

        Raises:
            StorageError: It cannot be read.
        """
        ...

    def advance(self, operation: Operation, *, cancel_reason: str | None = None) -> Stored:
        """Record a step to RUNNING or CANCELLING, unless a later state is recorded; return what is.

        Raises:
            StorageError: It cannot be recorded.
        """
        ...

    def finish(self, operation: Operation, artefacts: Artefacts, *, over_cancel: bool) -> Stored:
        """Record the end, files first, unless an end is recorded; return what is.

        A COMPLETED one does not replace CANCELLING unless `over_cancel`, which also completes an end that was noted.

        Raises:
            StorageError: It cannot be recorded.
        """
        ...

    def note_end(self, operation: Operation, headline: str | None) -> None:
        """Record an end without what the operation left, where there is no room for that; `finish` may follow.

        Raises:
            StorageError: Not even that can be recorded.
        """
        ...

    def keep_history(self, operation_id: str, history: FinishedHistory) -> None:
        """Keep what there is of the metrics of an operation that has not ended, in case its process is killed.

        Raises:
            StorageError: It cannot be kept.
        """
        ...

    def link(self, operation_id: str, worker_url: str, remote_id: str) -> None:
        """Record on which worker, and under which id there, a remote operation runs.

        Raises:
            StorageError: It cannot be recorded.
        """
        ...

    def find_link(self, operation_id: str) -> WorkerLink | None:
        """Return where a remote operation runs, or ran.

        Raises:
            StorageError: It cannot be read.
        """
        ...

    def adopt(self, operation_id: str) -> Adopted | None:
        """Take over an unfinished remote operation from a process that has ended; None: there is nothing to take.

        Raises:
            StorageError: It cannot be read, or the change cannot be recorded.
        """
        ...

    def request_cancel(self, operation_id: str, reason: str | None) -> Stored | None:
        """Ask the process that runs an operation to stop it; return what is recorded then.

        Raises:
            StorageError: It cannot be recorded.
        """
        ...

    def cancel_request(self, operation_id: str) -> CancelRequest | None:
        """Return the wish to cancel that is recorded for an unfinished operation."""
        ...

    def change_stamp(self) -> object:
        """Return something cheap that differs after a write by anyone; None when that cannot be told.

        Called on the event loop: must not wait.
        """
        ...

    def load(self, operation_id: str) -> Stored | None:
        """Return what is recorded.

        Raises:
            StorageError: It cannot be read.
        """
        ...

    def page(self, query: Query) -> tuple[list[Listed], int]:
        """Return the newest matching rows, and how many match in all.

        Raises:
            StorageError: They cannot be read.
        """
        ...

    def count_finished(self, operation_type: OperationType, metadata: Mapping[str, str]) -> int:
        """Return how many ended operations have results and these values in their metadata; 0 if it cannot be read."""
        ...

    def metrics(self, operation_id: str) -> FinishedHistory | None:
        """Return the history kept beside a finished operation."""
        ...

    def table(self, operation_id: str, name: str, offset: int, limit: int) -> TablePage | None:
        """Return rows of a table kept beside a finished operation; None without such a table."""
        ...

    def columns(self, operation_id: str, name: str) -> Table | None:
        """Return a whole table kept beside a finished operation, as columns; None without such a table."""
        ...

    def close(self) -> None:
        """Let go of everything held open."""
        ...


@dataclass(slots=True)
class _Kept:
    operation: Operation
    history: FinishedHistory | None = None
    tables: dict[str, Table] = field(default_factory=dict)
    headline: str | None = None
    link: WorkerLink | None = None


_TABLES_KEPT = 32


class MemoryArchive:
    """Remembers until the process ends: the newest `limit` finished operations, and the tables of the newest 32."""

    def __init__(self, *, limit: int = 1_000) -> None:
        self._limit = limit
        self._kept: dict[str, _Kept] = {}
        self._keys: dict[str, KeyUse] = {}
        self._with_tables: deque[_Kept] = deque()
        self._lock = threading.Lock()

    def create(
        self, operation: Operation, *, idempotency_key: str | None, fingerprint: str, link: WorkerLink | None = None
    ) -> str:
        """Record a new operation, or find the one the key started."""
        with self._lock:
            if idempotency_key is not None:
                use = self._keys.setdefault(idempotency_key, KeyUse(operation.operation_id, fingerprint))
                if use.check(idempotency_key, fingerprint) != operation.operation_id:
                    return use.operation_id
            self._kept[operation.operation_id] = _Kept(operation, link=link)
            self._forget_oldest()
            return operation.operation_id

    def find_key(self, key: str) -> KeyUse | None:
        """Return what the key was used for."""
        return self._keys.get(key)

    def advance(self, operation: Operation, *, cancel_reason: str | None = None) -> Stored:
        """Record a step."""
        kept = self._kept[operation.operation_id]
        kept.operation = operation
        return Stored(operation)

    def finish(self, operation: Operation, artefacts: Artefacts, *, over_cancel: bool) -> Stored:
        """Record the end."""
        kept = _Kept(operation, artefacts.history(), dict(artefacts.tables), artefacts.headline)
        with self._lock:
            earlier = self._kept.get(operation.operation_id)
            kept.link = earlier.link if earlier else None
            self._kept[operation.operation_id] = kept
            self._with_tables.append(kept)
            if len(self._with_tables) > _TABLES_KEPT:
                self._with_tables.popleft().tables.clear()
        return Stored(operation)

    def note_end(self, operation: Operation, headline: str | None) -> None:
        """Do nothing: who runs the operation remembers it as well."""

    def keep_history(self, operation_id: str, history: FinishedHistory) -> None:
        """Do nothing: this memory is killed along with its process."""

    def link(self, operation_id: str, worker_url: str, remote_id: str) -> None:
        """Record where a remote operation runs."""
        if kept := self._kept.get(operation_id):
            kept.link = WorkerLink(worker_url, remote_id)

    def find_link(self, operation_id: str) -> WorkerLink | None:
        """Return where a remote operation runs, or ran."""
        kept = self._kept.get(operation_id)
        return kept.link if kept else None

    def adopt(self, operation_id: str) -> Adopted | None:
        """Return None: there is no other process to take over from."""
        return None

    def request_cancel(self, operation_id: str, reason: str | None) -> Stored | None:
        """Return what is recorded: no other process runs anything of this."""
        return self.load(operation_id)

    def cancel_request(self, operation_id: str) -> CancelRequest | None:
        """Return None: no other process can ask."""
        return None

    def change_stamp(self) -> object:
        return None

    def load(self, operation_id: str) -> Stored | None:
        """Return what is recorded."""
        kept = self._kept.get(operation_id)
        return Stored(kept.operation) if kept else None

    def page(self, query: Query) -> tuple[list[Listed], int]:
        """Return the newest matching rows."""
        with self._lock:
            rows = [Listed(k.operation, k.headline) for k in self._kept.values() if query.admits(k.operation)]
        rows.sort(key=lambda row: row.age_key, reverse=True)
        return rows[query.offset : query.offset + query.limit], len(rows)

    def count_finished(self, operation_type: OperationType, metadata: Mapping[str, str]) -> int:
        """Return how many ended operations have results and these values in their metadata."""
        with self._lock:
            known = [kept.operation for kept in self._kept.values()]
        return sum(
            one.operation_type is operation_type
            and one.status.is_final
            and one.results is not None
            and metadata.items() <= {name: one.metadata.get(name) for name in metadata}.items()
            for one in known
        )

    def metrics(self, operation_id: str) -> FinishedHistory | None:
        """Return the history of a finished operation."""
        kept = self._kept.get(operation_id)
        return kept.history if kept else None

    def table(self, operation_id: str, name: str, offset: int, limit: int) -> TablePage | None:
        """Return rows of a table."""
        kept = self._kept.get(operation_id)
        return table_page(kept.tables[name], offset, limit) if kept and name in kept.tables else None

    def columns(self, operation_id: str, name: str) -> Table | None:
        """Return a whole table."""
        kept = self._kept.get(operation_id)
        return kept.tables.get(name) if kept else None

    def close(self) -> None:
        """Do nothing."""

    def _forget_oldest(self) -> None:
        finished = [key for key, kept in self._kept.items() if kept.operation.status.is_final]
        for operation_id in finished[: max(0, len(finished) - self._limit)]:
            del self._kept[operation_id]
            self._keys = {key: use for key, use in self._keys.items() if use.operation_id != operation_id}
