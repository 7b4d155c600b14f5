"""A client over the real application, with a home of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp import Client

from ktrdr_engine.composition import open_application
from ktrdr_engine.settings import Settings
from ktrdr_mcp.server import create_server
from tests.mcp.conftest import assert_both_halves_say_what_comes_next, text_of


class Agent:
    """Calls tools as an agent does: sees texts and structured content, and nothing of the inside."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def does(self, tool: str, **arguments: Any) -> tuple[dict[str, Any], str]:
        result = await self.client.call_tool(tool, arguments)
        assert not result.is_error, text_of(result)
        assert result.structured_content is not None
        assert_both_halves_say_what_comes_next(result)
        return dict(result.structured_content), text_of(result)

    async def asks(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return (await self.does(tool, **arguments))[0]

    async def reads(self, tool: str, **arguments: Any) -> str:
        return (await self.does(tool, **arguments))[1]

    async def is_refused(self, tool: str, **arguments: Any) -> str:
        result = await self.client.call_tool(tool, arguments)
        assert result.is_error, text_of(result)
        return text_of(result)


@asynccontextmanager
async def agent_at(home: Path, mode: str = "auto") -> AsyncIterator[Agent]:
    """Open an application in this process and connect a client to it."""
    async with (
        open_application(Settings(ktrdr_home=home, _env_file=None)) as application,
        Client(create_server(application), mode=mode) as client,
    ):
        yield Agent(client)
