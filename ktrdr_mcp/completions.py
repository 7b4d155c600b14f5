"""Completion of what stands in resource addresses: ids of operations, names of strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import anyio.to_thread
from mcp.server import MCPServer
from mcp_types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)

if TYPE_CHECKING:
    from ktrdr_engine.composition import Application

_MOST_VALUES: Final = 100
_SEARCHED_OPERATIONS: Final = 500


def add_completions(server: MCPServer[Any], application: Application) -> None:
    """Answer completion requests from the operations and the strategies there are."""

    @server.completion()  # type: ignore[no-untyped-call, untyped-decorator]  # the SDK leaves it untyped
    async def complete(
        _reference: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        _context: CompletionContext | None,
    ) -> Completion | None:
        if argument.name == "operation_id":
            page = await application.operations.list_operations(limit=_SEARCHED_OPERATIONS)
            return _beginning_with(argument.value, [row.operation_id for row in page.operations])
        if argument.name == "name":
            names = await anyio.to_thread.run_sync(lambda: application.strategies.names())
            return _beginning_with(argument.value, names)
        return None


def _beginning_with(text: str, known: list[str]) -> Completion:
    values = [value for value in known if value.startswith(text)]
    return Completion(values=values[:_MOST_VALUES], total=len(values), has_more=len(values) > _MOST_VALUES)
