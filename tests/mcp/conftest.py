"""A client in memory, in both protocol eras, over an engine whose operations a test holds and lets go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from mcp import Client
from mcp_types import CallToolResult, TextContent

from ktrdr_mcp.server import create_server
from tests.mcp.held import HeldApplication, HeldBacktesting, open_held

MAIN_JOB = ("start_backtest", "get_operation", "get_metrics", "cancel", "list_operations")
TOOLS = [
    *MAIN_JOB,
    "start_training",
    "load_data",
    "list_datasets",
    "list_strategies",
    "get_strategy",
    "save_strategy",
    "validate_strategy",
    "list_models",
    "manage_library",
    "describe_indicators",
    "compare_operations",
    "plot_operation",
]
"""As the server lists them."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Session:
    """A connected client and the application behind it."""

    def __init__(self, client: Client, application: HeldApplication) -> None:
        self.client = client
        self.application = application

    @property
    def engine(self) -> HeldBacktesting:
        return self.application.backtesting

    async def call(self, tool: str, **arguments: Any) -> CallToolResult:
        return await self.client.call_tool(tool, arguments)

    async def answer(self, tool: str, **arguments: Any) -> dict[str, Any]:
        result = await self.call(tool, **arguments)
        assert not result.is_error, text_of(result)
        assert result.structured_content is not None
        assert_both_halves_say_what_comes_next(result)
        return dict(result.structured_content)

    async def refusal(self, tool: str, **arguments: Any) -> str:
        result = await self.call(tool, **arguments)
        assert result.is_error, text_of(result)
        return text_of(result)

    async def start(self, symbol: str = "HELD", **arguments: Any) -> str:
        return str((await self.answer("start_backtest", **backtest_of(symbol, **arguments)))["operation_id"])


def backtest_of(symbol: str, **arguments: Any) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "timeframe": "1h",
        "strategy_config_path": "strategies/rsi_mean_reversion.yaml",
        "start_date": "2017-01-02",
        "end_date": "2017-12-29",
        **arguments,
    }


def rows_of(page: Mapping[str, Any], bucket: str) -> list[dict[str, Any]]:
    """Return the rows of one table of a page of metrics as mappings."""
    table = page["metrics"].get(bucket, {"columns": [], "rows": []})
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]


def text_of(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def assert_both_halves_say_what_comes_next(result: CallToolResult) -> None:
    """The structured half as a call of a tool there is, the text in its last line."""
    following = (result.structured_content or {})["next"]
    last = text_of(result).splitlines()[-1]
    assert last.startswith("Next: ")
    assert following.keys() == {"tool", "arguments"}
    assert following["tool"] in TOOLS
    assert following["tool"] in last


@pytest.fixture(params=["auto", "legacy"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def session(mode: str) -> AsyncIterator[Session]:
    async with open_held() as application, Client(create_server(application.as_application()), mode=mode) as client:
        yield Session(client, application)
