"""Replies that exist on the wire only, read and written by both of its ends: `http` and `proxy`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from ktrdr_engine.operations.models import ErrorInfo, Operation

API = "/api/v1"


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
