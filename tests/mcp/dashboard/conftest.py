"""The pages over an engine that tests hold, spoken to without a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette

from ktrdr_engine.composition import Application
from ktrdr_engine.operations.service import OperationsService
from ktrdr_mcp.access import Access
from ktrdr_mcp.dashboard.routes import dashboard_routes
from tests.mcp.held import HeldApplication

TOKEN = "s3cret"
HERE = {"Origin": "http://localhost:8000"}
PAGE = {"Accept": "text/html"}


@asynccontextmanager
async def browsing(
    application: HeldApplication | Application, token: str | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a browser's cookies, in front of the dashboard."""
    access = Access(token)
    shown = application.as_application() if isinstance(application, HeldApplication) else application
    app = Starlette(routes=dashboard_routes(shown, access.session), middleware=access.middleware())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000", headers=PAGE) as client:
        yield client


async def text_at(client: httpx.AsyncClient, address: str, status: int = 200) -> str:
    reply = await client.get(address)
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    return reply.text


async def until_running(operations: OperationsService, operation_id: str) -> None:
    while (await operations.get_operation(operation_id, force_refresh=True)).progress.percentage == 0:
        pass
