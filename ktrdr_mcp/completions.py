"""Completion of what stands in resource addresses and prompts: ids of operations, names of files, symbols, bars."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
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

from ktrdr_engine.operations.models import OperationType

if TYPE_CHECKING:
    from ktrdr_engine.composition import Application

_MOST_VALUES: Final = 100
_SEARCHED_OPERATIONS: Final = 500

Chosen = Mapping[str, str]
"""What the client has filled in already."""


def add_completions(server: MCPServer[Any], application: Application) -> None:
    """Answer completion requests from the operations, strategies, models and prices there are."""
    known = _Known(application)

    @server.completion()  # type: ignore[no-untyped-call, untyped-decorator]  # the SDK leaves it untyped
    async def complete(
        reference: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion | None:
        place = reference.uri if isinstance(reference, ResourceTemplateReference) else reference.name
        chosen = (context and context.arguments) or {}
        values = known.about(argument.name)
        return None if values is None else _beginning_with(argument.value, await values(place, chosen))


class _Known:
    """What there is, asked anew each time."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def about(self, argument: str) -> Callable[[str, Chosen], Awaitable[Iterable[str]]] | None:
        """Return who knows the values of an argument, or None."""
        return {
            "operation_id": self._operation_ids,
            "name": self._names,
            "symbol": self._symbols,
            "timeframe": self._timeframes,
        }.get(argument)

    async def _operation_ids(self, place: str, _: Chosen) -> Iterable[str]:
        kind = OperationType.BACKTESTING if place == "explain_backtest" else None
        operations = self._application.operations
        page = await operations.list_operations(operation_type=kind, limit=_SEARCHED_OPERATIONS)
        return [row.operation_id for row in page.operations]

    async def _names(self, place: str, _: Chosen) -> Iterable[str]:
        if place.startswith("ktrdr://models/"):
            return await anyio.to_thread.run_sync(lambda: self._application.models.names())
        return await anyio.to_thread.run_sync(lambda: self._application.strategies.names())

    async def _symbols(self, _: str, chosen: Chosen) -> Iterable[str]:
        wanted = chosen.get("timeframe")
        return [symbol for symbol, timeframe in await self._datasets() if wanted in (None, "", timeframe)]

    async def _timeframes(self, _: str, chosen: Chosen) -> Iterable[str]:
        wanted = chosen.get("symbol")
        return [timeframe for symbol, timeframe in await self._datasets() if wanted in (None, "", symbol)]

    async def _datasets(self) -> list[tuple[str, str]]:
        return await anyio.to_thread.run_sync(lambda: self._application.bars.datasets())


def _beginning_with(text: str, known: Iterable[str]) -> Completion:
    values = list(dict.fromkeys(value for value in known if value.startswith(text)))
    return Completion(values=values[:_MOST_VALUES], total=len(values), has_more=len(values) > _MOST_VALUES)
