"""The tools that load prices and list those there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from mcp_types import CallToolResult, ToolAnnotations

from ktrdr_engine.datasets.models import (
    DatasetPage,
    DateFormat,
    FileFormat,
    FileZone,
    FromDate,
    ImportPath,
    LoadRequest,
    MarketName,
    OnConflict,
    SourceName,
    SourceSymbol,
    ToDate,
)
from ktrdr_engine.fields import TimeframeName
from ktrdr_engine.operations.wire import StartedReply
from ktrdr_mcp.apps.operation import SHOWN_IN_APP
from ktrdr_mcp.arguments import StrictTool
from ktrdr_mcp.dataset_views import dataset_line, datasets_text
from ktrdr_mcp.replies import Call, reply
from ktrdr_mcp.tools.reading import READ_ONLY, ListLimit, Offset, in_thread, next_page
from ktrdr_mcp.tools.starting import IdempotencyKey, started
from ktrdr_mcp.views import readable

if TYPE_CHECKING:
    from ktrdr_engine.composition import Application

# It may ask a network, and with on_conflict="replace" it overwrites bars.
_LOADS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=True)
_EXAMPLE = 'load_data(symbol="AAPL", timeframe="1d", source="yahoo", start_date="2015-01-01")'


def dataset_tools(application: Application) -> list[StrictTool]:
    """Return the tools over the prices of `application`."""
    return [_load_data(application), _list_datasets(application)]


def _load_data(application: Application) -> StrictTool:
    async def load_data(
        *,
        symbol: SourceSymbol,
        timeframe: TimeframeName,
        source: SourceName,
        start_date: FromDate = None,
        end_date: ToDate = None,
        path: ImportPath = None,
        format: FileFormat = None,
        date_format: DateFormat = None,
        timezone: FileZone = None,
        market: MarketName = None,
        on_conflict: OnConflict = "keep",
        idempotency_key: IdempotencyKey = None,
    ) -> Annotated[CallToolResult, StartedReply]:
        """Loads prices in the background, merges them with those there, and returns its `operation_id` at once.

        Use it to bring or update prices, or to go on with a load that stopped.
        Call `get_operation` next, with wait_seconds=20, until its status is COMPLETED.
        """
        request = LoadRequest.parse(
            {
                "symbol": symbol,
                "timeframe": timeframe,
                "source": source,
                "start_date": start_date,
                "end_date": end_date,
                "path": path,
                "format": format,
                "date_format": date_format,
                "timezone": timezone,
                "market": market,
                "on_conflict": on_conflict,
            }
        )
        operation = await application.datasets.start(request, idempotency_key=idempotency_key)
        return started(f"Load of {symbol} {timeframe} from {path or source}", operation)

    return StrictTool.declare(load_data, title="Load prices", example=_EXAMPLE, annotations=_LOADS, meta=SHOWN_IN_APP)


def _list_datasets(application: Application) -> StrictTool:
    async def list_datasets(limit: ListLimit = 20, offset: Offset = 0) -> Annotated[CallToolResult, DatasetPage]:
        """Lists the prices there are, as `datasets`: market, range, bars, gaps beyond closing hours, and their source.

        Use it to choose symbol, timeframe and dates, and to see after a load what is there.
        Call `start_backtest` next with one of them, or `load_data` to bring others.
        """
        from ktrdr_engine.datasets.listing import dataset_page

        page = await in_thread(lambda: dataset_page(application.bars, limit, offset))
        page = readable(page, "datasets", dataset_line)
        more = next_page("list_datasets", offset + page.returned, page.total, limit=limit)
        usable = [row for row in page.datasets if not row.problem]
        first = [Call.of("start_backtest", symbol=row.symbol, timeframe=row.timeframe) for row in usable[:1]]
        return reply(datasets_text(page, more), page, more or next(iter(first), Call.of("load_data")))

    return StrictTool.declare(
        list_datasets, title="List datasets", example="list_datasets(limit=20)", annotations=READ_ONLY
    )
