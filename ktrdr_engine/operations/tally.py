"""What a service has done since it began, as plain numbers: read by `exposition`, added to where it happens."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import NamedTuple

from ktrdr_engine.operations.models import Execution, Operation, OperationStatus, OperationType

DURATION_BOUNDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)
"""Seconds; a duration counts in the first bucket that it does not exceed."""


class Kind(NamedTuple):
    """What operations are told apart by."""

    operation_type: OperationType
    execution: Execution


class Durations:
    """How long operations ran.

    Attributes:
        counts: How many in each bucket alone; the last is for those beyond all bounds.
        total_seconds: All of them together.
    """

    def __init__(self) -> None:
        self.counts = [0] * (len(DURATION_BOUNDS) + 1)
        self.total_seconds = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(DURATION_BOUNDS, seconds)] += 1
        self.total_seconds += seconds


class Tally:
    """Counts only go up. Belongs to the event loop's thread; adding costs nanoseconds.

    Attributes:
        accepted: Operations created, by kind.
        ended: Operations that ended here, by kind and final status.
        durations: From their start to their end, for those that ran.
        local_pulls: Looks at a bridge of this process.
        remote_pulls: Questions to a worker about an operation's state.
        cache_hits: Reads that needed no pull of their own.
        proxy_errors: Calls to a worker that failed, by the error's code.
    """

    def __init__(self) -> None:
        self.accepted: Counter[Kind] = Counter()
        self.ended: Counter[tuple[Kind, OperationStatus]] = Counter()
        self.durations: dict[tuple[Kind, OperationStatus], Durations] = {}
        self.local_pulls = 0
        self.remote_pulls = 0
        self.cache_hits = 0
        self.proxy_errors: Counter[str] = Counter()

    def accept(self, operation: Operation) -> None:
        """Count an operation that was created."""
        self.accepted[kind_of(operation)] += 1

    def end(self, operation: Operation) -> None:
        """Count an operation that ended."""
        key = kind_of(operation), operation.status
        self.ended[key] += 1
        if operation.started_at is not None and operation.completed_at is not None:
            seconds = (operation.completed_at - operation.started_at).total_seconds()
            self.durations.setdefault(key, Durations()).add(max(0.0, seconds))

    def pull(self, *, is_remote: bool) -> None:
        """Count a pull."""
        if is_remote:
            self.remote_pulls += 1
        else:
            self.local_pulls += 1


def kind_of(operation: Operation) -> Kind:
    """Return what an operation is counted under."""
    return Kind(operation.operation_type, operation.execution)
