"""MCP over stdin and stdout: one client, whose end is the server's. Nothing but the protocol goes to stdout."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, cast

from mcp.server.stdio import stdio_server

from ktrdr_mcp.process import SIGNAL_EXIT_BASE
from ktrdr_mcp.server import create_server

if TYPE_CHECKING:
    from anyio import AsyncFile
    from mcp.server import MCPServer

    from ktrdr_engine.composition import Application
    from ktrdr_mcp.process import Ending

logger = logging.getLogger(__name__)


class Stdio:
    """Speaks until EOF, or until the client stops reading."""

    async def speak(self, application: Application, ending: Ending) -> None:
        """Serve the one client."""
        server = create_server(application, on_disconnect=ending.begin)
        try:
            await _serve(server)
        except* OSError as broken:
            logger.warning("The client stopped reading: %s", broken.exceptions[0])
        finally:
            ending.begin()

    async def part(self) -> None:
        """Nothing is left to say: each reply was written when it was made."""

    def exit_code(self, number: int) -> int:
        """Return what a shell makes of a program that this signal ended."""
        return SIGNAL_EXIT_BASE + number


async def _serve(server: MCPServer[Application]) -> None:
    """Do what `MCPServer.run_stdio_async` does, where the system allows it without a thread for each read and write."""
    if sys.platform == "win32":
        await server.run_stdio_async()
        return
    from ktrdr_mcp.pipes import LinesIn, LinesOut, MessagesIn, take_standard_streams

    wire_in, wire_out = take_standard_streams()
    # Files, to the SDK, which takes lines from one and writes and flushes the other.
    answers = LinesOut(wire_out)
    messages = MessagesIn(LinesIn(wire_in), answers)
    files = cast("AsyncFile[str]", messages), cast("AsyncFile[str]", answers)
    # Its own client in memory reaches past the missing public name in the same way.
    lowlevel = server._lowlevel_server
    async with stdio_server(*files) as (incoming, outgoing):
        await lowlevel.run(incoming, outgoing, lowlevel.create_initialization_options())
