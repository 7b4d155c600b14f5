"""MCP over HTTP: Streamable HTTP at /mcp, SSE at /sse, the engine's REST routes and the dashboard at /, in one app.

All connections share the application of the process. Neighbours: `process` opens and ends it, `access` says who may
ask. This module is imported only when HTTP is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette

from ktrdr_engine.operations.http import ERROR_HANDLERS, operation_routes
from ktrdr_engine.operations.http_requests import MAX_BODY_BYTES
from ktrdr_engine.operations.http_serving import make_server
from ktrdr_mcp.access import Access
from ktrdr_mcp.dashboard.routes import dashboard_routes
from ktrdr_mcp.process import DEFECT
from ktrdr_mcp.server import create_server

if TYPE_CHECKING:
    from mcp.server import MCPServer
    from uvicorn import Server

    from ktrdr_engine.composition import Application
    from ktrdr_mcp.process import Ending

SERVICE = "ktrdr-mcp"
ADDRESSES = {
    "Dashboard": "/",
    "MCP (Streamable HTTP)": "/mcp",
    "MCP (SSE)": "/sse",
    "REST": "/openapi.json",
}
"""What is where; logged when the server listens."""
_PARTING_SECONDS = 0.4
# Access checks Host and Origin before anything else, by rules that these settings cannot say.
_CHECKED_BEFORE = TransportSecuritySettings(enable_dns_rebinding_protection=False)


class Web:
    """Listens until a signal comes.

    Args:
        access: Who may ask, and under which names.
        host: Where to listen.
        port: Likewise; 0: any free port. The log says which.
    """

    def __init__(self, access: Access, host: str, port: int) -> None:
        self._access = access
        self._host = host
        self._port = port
        self._server: Server | None = None
        self._is_parted = anyio.Event()

    async def speak(self, application: Application, ending: Ending) -> None:
        """Load what runs need, then serve every client that comes."""
        await anyio.to_thread.run_sync(application.warm_up, abandon_on_cancel=True)
        mcp = create_server(application)
        app = create_app(application, mcp, self._access)
        self._server = make_server(app, self._host, self._port, ADDRESSES)
        async with mcp.session_manager.run():
            await self._server.serve()
            self._is_parted.set()
        ending.begin(DEFECT)

    async def part(self) -> None:
        """Let the replies that are on their way arrive; streams without an end are cut."""
        if self._server is None:
            return
        self._server.should_exit = True
        with anyio.move_on_after(_PARTING_SECONDS):
            await self._is_parted.wait()

    def exit_code(self, number: int) -> int:
        """Return success: a signal is how a service is asked to end."""
        return 0


def create_app(application: Application, mcp: MCPServer[Application], access: Access) -> Starlette:
    """Return the app; `mcp.session_manager.run()` must be entered while it is served."""
    streamable = mcp.streamable_http_app(transport_security=_CHECKED_BEFORE, max_request_body_size=MAX_BODY_BYTES)
    sse = mcp.sse_app(transport_security=_CHECKED_BEFORE, max_request_body_size=MAX_BODY_BYTES)
    rest = operation_routes(application.operations, application.start_routes, service=SERVICE)
    pages = dashboard_routes(application, access.session)
    return Starlette(
        routes=[*rest, *pages, *streamable.routes, *sse.routes],
        middleware=access.middleware(),
        exception_handlers=ERROR_HANDLERS,
    )
