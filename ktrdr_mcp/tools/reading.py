"""What the tools that only read have in common: annotations, the arguments of lists, and the thread they read in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

import anyio.to_thread
from mcp_types import ToolAnnotations
from pydantic import BeforeValidator, Field

from ktrdr_engine.operations.requests import refuse_booleans
from ktrdr_mcp.replies import Call

ResultT = TypeVar("ResultT")

EXAMPLE_ID: Final = "op_backtest_20250103_k3v9x2m7qa"
READ_ONLY: Final = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)

OperationId = Annotated[
    str, Field(min_length=1, max_length=100, description="From a start tool or list_operations", examples=[EXAMPLE_ID])
]
ListLimit = Annotated[int, Field(ge=1, le=100, description="Most rows in one reply"), BeforeValidator(refuse_booleans)]
Offset = Annotated[int, Field(ge=0, description="Rows to skip"), BeforeValidator(refuse_booleans)]


def next_page(tool: str, offset: int, total: int, **asked: Any) -> Call | None:
    """Return the call that reads a list on from `offset`, with what was asked for; None: there is no more."""
    return Call.of(tool, **asked, offset=offset) if offset < total else None


async def in_thread(read: Callable[[], ResultT]) -> ResultT:
    """Return what `read` returns, files and imports kept off the event loop."""
    return await anyio.to_thread.run_sync(read)
