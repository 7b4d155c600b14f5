"""What the tools that start work have in common: the key against repeats, the annotations, the reply."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from ktrdr_engine.operations.wire import StartedReply
from ktrdr_mcp.views import reply

IdempotencyKey = Annotated[
    str | None,
    Field(min_length=1, max_length=200, description="Any text; a repeat with the same key starts nothing new"),
]

STARTS_WORK = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
)


def started(what: str, operation_id: str) -> CallToolResult:
    """Return the reply that hands out the id of what was started, and says how to follow it."""
    way_on = f"Next: get_operation(operation_id={operation_id!r}, wait_seconds=20) waits for the result."
    message = f"{what}, started: {operation_id}\n{way_on}"
    return reply(message, StartedReply(operation_id=operation_id, message=message))
