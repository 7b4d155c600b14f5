"""Replies that exist on the wire only, read and written by both of its ends: `http` and `proxy`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from ktrdr_engine.operations.models import ErrorInfo, Operation

API = "/api/v1"
_LONGEST_REASON = 300


class StartedReply(BaseModel):
    """The handle of an operation that was accepted; a kind adds fields of its metadata by a subclass."""

    model_config = ConfigDict(protected_namespaces=())

    operation_id: str
    status: Literal["started"] = "started"
    message: str

    @classmethod
    def of(cls, operation: Operation, message: str) -> Self:
        """Return the reply to a start, with what the metadata says of the fields a kind adds."""
        added = set(cls.model_fields) - set(StartedReply.model_fields)
        told = {name: value for name in added if (value := operation.metadata.get(name)) is not None}
        return cls(operation_id=operation.operation_id, message=message, **told)

    @classmethod
    def remark(cls, metadata: Mapping[str, Any]) -> str:
        """Return what whoever starts the kind should know of the request as understood; empty: nothing."""
        return ""

    @classmethod
    def doubts(cls, metadata: Mapping[str, Any]) -> Sequence[str]:
        """Return in a sentence each what is done as asked for, but was probably meant otherwise."""
        return ()


def ended_before(operation: Operation) -> str:
    """Return what it means that a start led to this operation, where it is over; empty: it is not.

    Work that was just started is never over, so an idempotency key was used again.
    """
    if not operation.status.is_final:
        return ""
    reason = operation.error.message if operation.error else operation.progress.message
    told = f" ({reason[:_LONGEST_REASON].removesuffix('.')})" if reason else ""
    return (
        f"This idempotency_key started {operation.operation_id} before, which is {operation.status}{told}: nothing was "
        "started now. Give a new key to run it again."
    )


class HealthReply(BaseModel):
    """How a deployable is; `capacity` operations can run at once."""

    status: Literal["ok", "stopping"]
    service: str
    version: str
    running: int
    queued: int
    capacity: int


class ErrorReply(BaseModel):
    """Every reply that is not a success."""

    error: ErrorInfo
