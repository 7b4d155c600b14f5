"""What clients see of an operation: frozen, JSON-ready, the same for every kind and place.

Not the live state (`records`) and not how it is stored (`store`).
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal, NamedTuple, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ktrdr_engine.errors import EngineError

_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_ID_PATTERN = re.compile(r"op_[a-z_]+_[0-9]{8}_[a-z0-9]{10}")

Execution = Literal["local", "remote"]


class Column(Protocol):
    """A numpy array, or a list of plain values."""

    def __len__(self) -> int:
        """Return the number of rows."""
        ...

    def __getitem__(self, rows: slice, /) -> Any:
        """Return some of them."""
        ...


Table = Mapping[str, Column]
"""Equally long columns by name."""


class OperationType(StrEnum):
    """The kinds of work; the engine treats them all alike."""

    BACKTESTING = "BACKTESTING"
    TRAINING = "TRAINING"
    DATA_LOADING = "DATA_LOADING"


class OperationStatus(StrEnum):
    """Where an operation stands; the last three are final and never change."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    CANCELLING = "CANCELLING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_final(self) -> bool:
        """Whether nothing can happen any more."""
        return self in FINAL_STATUSES


FINAL_STATUSES = frozenset({OperationStatus.COMPLETED, OperationStatus.FAILED, OperationStatus.CANCELLED})


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Progress(_Frozen):
    """How far the work is; `percentage` is 0..100, `context` belongs to the kind."""

    percentage: float = Field(0.0, ge=0, le=100)
    message: str = ""
    current_step: int = 0
    total_steps: int = 0
    context: dict[str, Any] = Field(default_factory=dict)


class ErrorInfo(_Frozen):
    """Why an operation failed: a stable word, a sentence that repairs, the same as data."""

    code: str
    message: str
    details: dict[str, Any] = Field(default_factory=dict)


class Operation(_Frozen):
    """One operation as it was at `updated_at`; times are UTC."""

    operation_id: str
    operation_type: OperationType
    status: OperationStatus
    progress: Progress = Progress()
    metadata: dict[str, Any] = Field(default_factory=dict)
    results: dict[str, Any] | None = None
    error: ErrorInfo | None = None
    warnings: tuple[str, ...] = ()
    stale: bool = False
    execution: Execution = "local"
    created_at: AwareDatetime
    started_at: AwareDatetime | None = None
    updated_at: AwareDatetime
    completed_at: AwareDatetime | None = None

    def summary(self, headline: str | None = None, about: Mapping[str, str] | None = None) -> OperationSummary:
        """Return the row that stands for this operation in a list."""
        return OperationSummary(
            operation_id=self.operation_id,
            operation_type=self.operation_type,
            status=self.status,
            about=dict(about or {}),
            percentage=self.progress.percentage,
            message=self.progress.message,
            created_at=self.created_at,
            completed_at=self.completed_at,
            headline=headline or (self.error.message if self.error else None),
        )


class OperationSummary(_Frozen):
    """One row of a list.

    Attributes:
        about: What tells it from others, as its kind names it: `symbol`, `timeframe`, `strategy`, `range` and the like.
        headline: The kind's own one-line result, or the error's message.
    """

    operation_id: str
    operation_type: OperationType
    status: OperationStatus
    about: dict[str, str] = Field(default_factory=dict)
    percentage: float
    message: str
    created_at: datetime
    completed_at: datetime | None = None
    headline: str | None = None

    @property
    def subject(self) -> str:
        """What it is about, in one line."""
        return " ".join(self.about.values())


class OperationPage(_Frozen):
    """Rows newest first; `total` counts all that match, `returned` those on this page."""

    operations: tuple[OperationSummary, ...]
    total: int
    returned: int


class MetricsPage(_Frozen):
    """History after a cursor: entries by bucket, and how to go on.

    `dropped` counts entries between the two cursors that the bound on history no longer holds.
    """

    metrics: dict[str, list[dict[str, Any]]]
    new_cursor: int
    has_more: bool
    dropped: int


class NumberedPage(MetricsPage):
    """A page that also knows each entry's sequence number, for whoever copies a history; clients never see them."""

    numbers: dict[str, list[int]] = Field(exclude=True, repr=False)


class TablePage(_Frozen):
    """Rows of a result table, in order; undefined numbers are null, times ISO-8601 UTC."""

    rows: list[dict[str, Any]]
    total: int
    returned: int
    offset: int


class Outcome(NamedTuple):
    """What finished work hands over.

    Attributes:
        results: JSON-ready; a number that is not finite is the producer's defect.
        tables: Long results by name, each a mapping of equally long columns (numpy arrays).
        headline: One line for lists.
    """

    results: Mapping[str, Any]
    tables: Mapping[str, Table] = {}
    headline: str | None = None


class Listed(NamedTuple):
    """An operation as a list is made of it; `headline` is the recorded line of its results."""

    operation: Operation
    headline: str | None = None

    @property
    def age_key(self) -> tuple[datetime, str]:
        """What lists sort by, newest last; the id breaks ties."""
        return self.operation.created_at, self.operation.operation_id


Headlines = Mapping[OperationType, Callable[[Mapping[str, Any]], str | None]]
"""By kind: what makes one line for lists out of results; for those that come from a worker."""

Descriptions = Mapping[OperationType, Callable[[Mapping[str, Any]], dict[str, str]]]
"""By kind: what finds, in the metadata of an operation, what tells it from others; of records of any age."""


def utc_now() -> datetime:
    """Return the time now, with its zone."""
    return datetime.now(UTC)


def new_operation_id(kind_word: str, now: datetime) -> str:
    """Return an id nobody can guess: `op_<kind_word>_<yyyymmdd>_<10 base32 characters>`."""
    return f"op_{kind_word}_{now:%Y%m%d}_" + "".join(secrets.choice(_ID_ALPHABET) for _ in range(10))


def is_operation_id(text: str) -> bool:
    """Return whether a text has the form of an id; ids become parts of paths."""
    return bool(_ID_PATTERN.fullmatch(text))


def to_json(value: object, *, what: str = "results") -> str:
    """Return compact JSON in which every number is finite.

    Raises:
        EngineError: Something in `value` is not JSON: NaN, infinity, an object.
    """
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise EngineError(
            f"The {what} cannot be written as JSON ({error}). Undefined numbers must be null, with a note.",
            details={"what": what},
        ) from error
