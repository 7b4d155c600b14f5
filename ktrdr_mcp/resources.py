"""Resources: what is too long for a reply, read by address and in pages.

The tables come as JSON with their columns named once, so that a page is small and says where the next one is.
Neighbours: `completions` finishes the ids and names in the addresses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import anyio.to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError

from ktrdr_engine.errors import InvalidRequest, KtrdrError, ModelError, OperationNotFound, StrategyError
from ktrdr_engine.operations.models import TablePage
from ktrdr_mcp.addresses import EQUITY, MODEL, REPORT, RESULTS, STRATEGY, TRADES

if TYPE_CHECKING:
    from ktrdr_engine.composition import Application
    from ktrdr_engine.operations.service import OperationsService

_JSON: Final = "application/json"
_MAX_ROWS: Final = 500
_MOST_DIGITS: Final = 18
_TRADES_ROWS: Final = "50"
_EQUITY_ROWS: Final = "200"
_MOST_ROWS_AT_ONCE: Final = 10_000


def add_resources(server: MCPServer[Any], application: Application) -> None:
    """Register every resource over the application."""
    _add_operation_resources(server, application.operations)

    @server.resource(REPORT, mime_type="text/html", title="Report of an operation")
    async def report(operation_id: str) -> str:
        """An operation as one page for a browser: numbers, curves, trades, strategy, model; 5 to 8 MB, for saving.

        It is complete in itself. `plot_operation` and the other resources are what fits into a conversation.
        """
        from ktrdr_engine.reports.gathering import gather_report
        from ktrdr_engine.reports.page import render

        with _failures():
            material = await gather_report(application, operation_id)
        return await anyio.to_thread.run_sync(render, material)

    @server.resource(STRATEGY, mime_type="application/yaml", title="Strategy file")
    async def strategy(name: str) -> str:
        """The text of a strategy file, as `start_backtest` takes it in strategy_config_path."""
        with _failures():
            return (await anyio.to_thread.run_sync(lambda: application.strategies.load(name))).text

    @server.resource(MODEL, mime_type=_JSON, title="Model card")
    async def model(name: str) -> str:
        """All a model says of itself but its weights: training range, labels, numbers per split, its strategy."""
        from ktrdr_engine.authoring.models import model_card

        with _failures():
            return _compact(await anyio.to_thread.run_sync(lambda: model_card(application.shelves, name)))


def _add_operation_resources(server: MCPServer[Any], operations: OperationsService) -> None:
    @server.resource(RESULTS, mime_type=_JSON, title="Results of an operation")
    async def results(operation_id: str) -> str:
        """All results of a finished operation with notes and provenance."""
        with _failures():
            operation = await operations.get_operation(operation_id)
        if operation.results is None:
            raise ResourceError(
                f"{operation_id} is {operation.status} and has no results. Call get_operation with wait_seconds=20."
            )
        return _compact(operation.results)

    @server.resource(TRADES, mime_type=_JSON, title="Trades of a backtest")
    async def trades(operation_id: str, offset: str = "0", limit: str = _TRADES_ROWS) -> str:
        """The closed trades in order, `limit` (50, at most 500) from `offset` on; `next` is the following page."""
        with _failures():
            page = await _page(operations, operation_id, "trades", _number("offset", offset), _rows(limit))
            return _table(page, f"ktrdr://operations/{operation_id}/trades")

    @server.resource(EQUITY, mime_type=_JSON, title="Equity curve of a backtest")
    async def equity(operation_id: str, offset: str = "", limit: str = _EQUITY_ROWS) -> str:
        """The equity curve thinned to `limit` points (200, at most 500), first and last kept.

        With `offset` instead every bar from there on, a page at a time.
        """
        with _failures():
            if not offset:
                return await _thinned(operations, operation_id, "equity", _rows(limit))
            page = await _page(operations, operation_id, "equity", _number("offset", offset), _rows(limit))
            return _table(page, f"ktrdr://operations/{operation_id}/equity")


async def _page(operations: OperationsService, operation_id: str, name: str, offset: int, limit: int) -> TablePage:
    return await operations.get_operation_table(operation_id, name, offset, limit)


async def _thinned(operations: OperationsService, operation_id: str, name: str, points: int) -> str:
    page = await _page(operations, operation_id, name, 0, _MOST_ROWS_AT_ONCE)
    stride = max(1, -(-(page.total - 1) // max(1, points - 1)))
    wanted = sorted({*range(0, page.total, stride), max(0, page.total - 1)}) if page.total else []
    rows = [page.rows[index] for index in wanted if index < page.returned]
    for index in wanted[len(rows) :]:
        rows += (await _page(operations, operation_id, name, index, 1)).rows
    return _compact({"total": page.total, "returned": len(rows), "every": stride, **_columns(rows)})


def _table(page: TablePage, address: str) -> str:
    after = page.offset + page.returned
    following = f"{address}?offset={after}&limit={page.returned}" if after < page.total else None
    counts = {"total": page.total, "returned": page.returned, "offset": page.offset, "next": following}
    return _compact({**counts, **_columns(page.rows)})


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"columns": list(rows[0]) if rows else [], "rows": [list(row.values()) for row in rows]}


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _rows(text: str) -> int:
    wanted = _number("limit", text)
    if not 1 <= wanted <= _MAX_ROWS:
        raise InvalidRequest(f"limit={wanted} is out of range: ask for 1 to {_MAX_ROWS} rows.")
    return wanted


def _number(name: str, text: str) -> int:
    if not text.isdecimal() or len(text) > _MOST_DIGITS:
        raise InvalidRequest(
            f"{name}={text[:40]!r} is not a whole number of at most {_MOST_DIGITS} digits, for example ?{name}=100."
        )
    return int(text)


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except OperationNotFound as error:
        raise ResourceNotFoundError(f"{error.message} Call list_operations to see the ids.") from error
    except (StrategyError, ModelError) as error:
        raise ResourceNotFoundError(error.message) from error
    except KtrdrError as error:
        raise ResourceError(f"{error.message} Call get_operation to see its state.") from error
