"""The live state of the operations of this process; only the event loop's thread touches it."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import anyio

from ktrdr_engine.operations.archive import Artefacts, CancelRequest
from ktrdr_engine.operations.cancellation import CancellationToken
from ktrdr_engine.operations.models import Operation, OperationStatus
from ktrdr_engine.operations.sources import OperationSource
from ktrdr_engine.operations.tally import Tally


@dataclass(slots=True, eq=False)
class Record:
    """One operation that has not ended, or whose end is not safely stored yet.

    Attributes:
        operation: The newest known state; replaced, never changed.
        token: The operation's only cancellation token.
        source: Where to pull from; None until something is registered.
        pulled_at: Monotonic time of the last pull.
        pulls_started: Number of the newest pull.
        pull_finished: Number of the newest pull that succeeded.
        failed_pulls: Failures in a row,
        silent_since: and when the first of them was.
        pulling: Held by the one reader that pulls.
        writing: Held by the one transition that is being stored.
        waiting: Held by the one reader that waits on a worker.
        history_kept_at: Monotonic time of the last copy of the metrics to the archive.
        wishes_stamp: The archive's change stamp when another process's wish to cancel was last looked for.
        wishes_read_at: Monotonic time of that.
        unheard: A wish to cancel that the worker has not heard yet.
        ended: Set when the operation is final.
        is_claimed: Work was given to it; it can be given only once.
        run_scope: Cancels the task that waits for a slot or for the work.
        unsaved: The artefacts of an end that could not be stored.
    """

    operation: Operation
    token: CancellationToken = field(default_factory=CancellationToken)
    source: OperationSource | None = None
    pulled_at: float = -math.inf
    pulls_started: int = 0
    pull_finished: int = 0
    failed_pulls: int = 0
    silent_since: float = 0.0
    pulling: anyio.Lock = field(default_factory=lambda: anyio.Lock(fast_acquire=True))
    writing: anyio.Lock = field(default_factory=lambda: anyio.Lock(fast_acquire=True))
    waiting: anyio.Lock = field(default_factory=anyio.Lock)
    history_kept_at: float = -math.inf
    wishes_stamp: object = None
    wishes_read_at: float = -math.inf
    unheard: CancelRequest | None = None
    ended: anyio.Event = field(default_factory=anyio.Event)
    is_claimed: bool = False
    run_scope: anyio.CancelScope | None = None
    unsaved: Artefacts | None = None

    @property
    def operation_id(self) -> str:
        """The operation's id."""
        return self.operation.operation_id

    @property
    def is_final(self) -> bool:
        """Whether the operation has ended."""
        return self.operation.status.is_final


class Records:
    """All records of the process: the live ones, the newest finished operations without their machinery, the counts."""

    def __init__(self, retained: int) -> None:
        self._retained = retained
        self.live: dict[str, Record] = {}
        self.finished: OrderedDict[str, Operation] = OrderedDict()
        self.tally = Tally()
        self._tokens: WeakValueDictionary[str, CancellationToken] = WeakValueDictionary()

    def add(self, record: Record) -> None:
        """Take in a new operation."""
        self.live[record.operation_id] = record

    def remove(self, record: Record) -> None:
        """Forget an operation that never came to be."""
        self.live.pop(record.operation_id, None)

    def retire(self, record: Record) -> None:
        """Keep only the final state of a stored operation, and of the oldest not even that."""
        self.remove(record)
        self._tokens[record.operation_id] = record.token
        self.remember(record.operation)

    def remember(self, operation: Operation) -> None:
        """Keep a final state at hand; it can be read again from the archive once it falls out."""
        self.finished[operation.operation_id] = operation
        self.finished.move_to_end(operation.operation_id)
        while len(self.finished) > self._retained:
            self.finished.popitem(last=False)

    def token_of_finished(self, operation: Operation) -> CancellationToken:
        """Return the token of an ended operation while anyone holds it, else one that tells the same."""
        token = self._tokens.get(operation.operation_id)
        if token is None:
            token = CancellationToken()
            if operation.status is OperationStatus.CANCELLED:
                token.cancel(operation.progress.message)
            self._tokens[operation.operation_id] = token
        return token

    def unfinished_local(self) -> list[Record]:
        """Return the operations that hold or await a slot of this process, oldest first."""
        return [r for r in self.live.values() if r.operation.execution == "local" and not r.is_final]

    def ahead_of(self, record: Record) -> int:
        """Return how many operations hold or await a slot before this one."""
        return self.unfinished_local().index(record)
