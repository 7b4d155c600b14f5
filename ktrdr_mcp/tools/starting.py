"""What the tools that start work have in common: the key against repeats, the annotations, the reply."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from ktrdr_engine.operations.models import Operation
from ktrdr_engine.operations.wire import StartedReply, ended_before
from ktrdr_mcp.following import waiting
from ktrdr_mcp.replies import reply

IdempotencyKey = Annotated[
    str | None,
    Field(min_length=1, max_length=200, description="Any text; a repeat with the same key starts nothing new"),
]

STARTS_WORK = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
)


def started(what: str, operation: Operation, model: type[StartedReply] = StartedReply) -> CallToolResult:
    """Return the reply that hands out the id of what was started, and says how to follow it."""
    remark, repeated = model.remark(operation.metadata), ended_before(operation)
    head = repeated or f"{what}, started: {operation.operation_id}"
    call = waiting(operation.operation_id)
    way_on = f"Next: {call} {'has what came of it' if repeated else 'waits for the result'}."
    # The structured half is read alone by some hosts: its message says as much.
    message = "\n".join([head, *([remark] if remark else []), *model.doubts(operation.metadata)])
    return reply(f"{message}\n{way_on}", model.of(operation, message), call)
