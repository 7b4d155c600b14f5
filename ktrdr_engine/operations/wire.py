"""Replies that exist on the wire only, read and written by both of its ends: `http` and `proxy`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from ktrdr_engine.operations.models import ErrorInfo

API = "/api/v1"


class StartedReply(BaseModel):
    """The handle of an operation that was accepted."""

    operation_id: str
    status: Literal["started"] = "started"
    message: str


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
