"""MCP over stdin and stdout: one client, whose end is the server's. Nothing but the protocol goes to stdout."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ktrdr_mcp.process import SIGNAL_EXIT_BASE
from ktrdr_mcp.server import create_server

if TYPE_CHECKING:
    from ktrdr_engine.composition import Application
    from ktrdr_mcp.process import Ending

logger = logging.getLogger(__name__)


class Stdio:
    """Speaks until EOF, or until the client stops reading."""

    async def speak(self, application: Application, ending: Ending) -> None:
        """Serve the one client."""
        server = create_server(application, on_disconnect=ending.begin)
        try:
            await server.run_stdio_async()
        except* OSError as broken:
            logger.warning("The client stopped reading: %s", broken.exceptions[0])
        finally:
            ending.begin()

    async def part(self) -> None:
        """Nothing is left to say: each reply was written when it was made."""

    def exit_code(self, number: int) -> int:
        """Return what a shell makes of a program that this signal ended."""
        return SIGNAL_EXIT_BASE + number
