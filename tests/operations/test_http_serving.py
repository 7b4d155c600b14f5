"""What a server says of itself when it listens."""

from __future__ import annotations

import logging

import anyio
import pytest
from starlette.applications import Starlette

from ktrdr_engine.operations.http_serving import base_url, make_server


async def test_a_server_logs_where_what_it_serves_is_once_it_listens(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    server = make_server(Starlette(), "127.0.0.1", 0, {"Dashboard": "/", "MCP": "/mcp"})
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve)
        while not server.started:
            await anyio.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        server.should_exit = True
    assert f"Dashboard: http://127.0.0.1:{port}/" in caplog.messages
    assert f"MCP: http://127.0.0.1:{port}/mcp" in caplog.messages


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("::1", "http://[::1]:80"),
        ("0.0.0.0", "http://localhost:80"),
        ("::", "http://localhost:80"),
    ],
)
def test_an_address_is_one_that_can_be_asked(host: str, url: str) -> None:
    assert base_url(host, 80) == url
