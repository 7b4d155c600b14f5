"""The server over HTTP as a process: both transports and the REST routes, one application behind them all."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client
from mcp.client.sse import sse_client
from mcp_types import TextResourceContents

from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.operations.store import OperationStore
from ktrdr_mcp import demo
from tests.mcp.conftest import TOOLS, backtest_of, text_of
from tests.mcp.wire import LEGACY
from tests.mcp.wire import server as process
from tests.worker_app.process import Worker, worker_process

PATHS = ("/mcp", "/sse")
SPOKEN = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    home = tmp_path_factory.mktemp("server") / "home"
    with worker_process(home, "--transport", "streamable-http", module="ktrdr_mcp.main") as server:
        yield server
        assert ended(server) == 0


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with held_process(tmp_path_factory.mktemp("held") / "home") as server:
        yield server
        assert ended(server) == 0


def ended(server: Worker) -> int:
    server.signal(signal.SIGTERM)
    return server.wait()


def held_process(home: Path, *arguments: str) -> AbstractContextManager[Worker]:
    return worker_process(home, "http", *arguments, module="tests.mcp.held_server")


@asynccontextmanager
async def connected(server: Worker, path: str, mode: str = "auto") -> AsyncIterator[Client]:
    url = server.url + path
    async with Client(url if path == "/mcp" else sse_client(url), mode=mode) as client:
        yield client


async def ask(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    return dict(result.structured_content)


async def start(client: Client, symbol: str) -> str:
    operation_id = str((await ask(client, "start_backtest", **backtest_of(symbol)))["operation_id"])
    while (await ask(client, "get_operation", operation_id=operation_id, force_refresh=True))["status"] == "PENDING":
        pass
    return operation_id


@pytest.mark.parametrize("path", PATHS)
async def test_an_agent_does_the_main_job(real: Worker, path: str, mode: str) -> None:
    async with connected(real, path, mode) as client:
        assert len((await client.list_tools()).tools) == len(TOOLS)
        operation_id = (await ask(client, "start_backtest", **demo.BACKTEST))["operation_id"]
        operation = await ask(client, "get_operation", operation_id=operation_id, wait_seconds=15)
        assert operation["status"] == "COMPLETED"
        assert (await ask(client, "get_metrics", operation_id=operation_id))["metrics"]["bars"]
        (trades,) = (await client.read_resource(f"ktrdr://operations/{operation_id}/trades?limit=1")).contents
        assert isinstance(trades, TextResourceContents)
        assert f'"total":{operation["results"]["total_trades"]}' in trades.text


async def test_a_refusal_repairs_there_too(real: Worker, mode: str) -> None:
    async with connected(real, "/mcp", mode) as client:
        result = await client.call_tool("start_backtest", {**demo.BACKTEST, "symbol": "EURUDS"})
        assert result.is_error
        assert "EURUSD" in text_of(result)


async def test_all_connections_and_the_rest_routes_share_one_service(held: Worker) -> None:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(held, path)) for path in (*PATHS, *PATHS)]
        started = {await start(client, "HELD") for client in clients}
        for client in clients:
            rows = (await ask(client, "list_operations", status="RUNNING"))["operations"]
            assert {row["operation_id"] for row in rows} == started
        assert httpx.get(f"{held.url}/health").json()["running"] == len(started)
        for operation_id in started:
            httpx.delete(f"{held.url}/api/v1/operations/{operation_id}/cancel")
            await must_end_as(clients[0], operation_id, "CANCELLED")


@pytest.mark.parametrize("path", PATHS)
async def test_an_operation_outlives_the_connection_that_started_it(held: Worker, path: str, mode: str) -> None:
    async with connected(held, path, mode) as client:
        operation_id = await start(client, "HELD")
    async with connected(held, path, mode) as client:
        assert (await ask(client, "get_operation", operation_id=operation_id))["status"] == "RUNNING"
        await ask(client, "cancel", operation_id=operation_id)
        await must_end_as(client, operation_id, "CANCELLED")


async def test_one_client_cancels_what_another_waits_for(held: Worker) -> None:
    async with connected(held, "/mcp") as waiting, connected(held, "/sse") as other:
        operation_id = await start(waiting, "HELD")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(must_end_as, waiting, operation_id, "CANCELLED")
            await ask(other, "cancel", operation_id=operation_id, reason="wrong symbol")


async def must_end_as(client: Client, operation_id: str, status: str) -> None:
    operation = await ask(client, "get_operation", operation_id=operation_id, wait_seconds=15)
    assert operation["status"] == status


def test_a_session_lives_from_its_greeting_to_its_end(held: Worker) -> None:
    greeting = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    with httpx.Client(base_url=held.url, headers=SPOKEN) as client:
        opened = client.post("/mcp", json=request("initialize", greeting))
        session = {"Mcp-Session-Id": opened.headers["mcp-session-id"], "MCP-Protocol-Version": LEGACY}
        assert client.post("/mcp", json=request("ping"), headers=session).status_code == 200
        assert client.post("/mcp", json=request("ping")).status_code == 400
        assert client.delete("/mcp", headers=session).status_code == 200
        assert client.post("/mcp", json=request("ping"), headers=session).status_code == 404


def request(method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}


def test_rest_starts_what_mcp_starts(held: Worker) -> None:
    for path in ("/backtests/start", "/api/v1/backtests/start"):
        started = httpx.post(held.url + path, json=backtest_of("QUICK"))
        assert started.status_code == 202
        address = f"{held.url}/api/v1/operations/{started.json()['operation_id']}"
        assert httpx.get(address, params={"wait": 15}, timeout=16).json()["status"] == "COMPLETED"
    description = httpx.get(f"{held.url}/openapi.json").json()
    assert "/backtests/start" in description["paths"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_and_what_ran_is_cancelled_on_disk(tmp_path: Path, how: signal.Signals) -> None:
    home = tmp_path / "home"
    with held_process(home) as server:
        started = await end_amid_work(server, how)
        assert server.wait() == 0
        assert "Traceback" not in "".join(server.log)
        assert server.process.stdout is not None
        assert server.process.stdout.read() == ""
    async with OperationsService(OperationStore(home)) as operations:
        page = await operations.list_operations()
    assert {row.operation_id: row.status for row in page.operations} == dict.fromkeys(started, "CANCELLED")


async def end_amid_work(server: Worker, how: signal.Signals) -> list[str]:
    """Send the signal while one client waits for an end and another is only connected; both get their answers."""
    async with connected(server, "/sse") as idle, connected(server, "/mcp") as client:
        started = [await start(client, "HELD"), await start(idle, "DEAF")]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(must_end_as, client, started[0], "CANCELLED")
            await ask(idle, "list_operations")
            server.signal(how)
        return started


@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_it_before_it_serves(tmp_path: Path, how: str) -> None:
    with process("tests.mcp.held_server", tmp_path, "http", "slow", "--port", "0") as server:
        assert server.process.stderr is not None
        assert server.process.stderr.readline() == "loading\n"
        assert server.end(how) == 0


def test_a_port_that_is_taken_ends_it_with_a_word(held: Worker, tmp_path: Path) -> None:
    port = held.url.rsplit(":", 1)[1]
    with pytest.raises(AssertionError, match="address already in use"), held_process(tmp_path / "home", "--port", port):
        pass


def test_what_is_no_message_is_refused_without_a_traceback(held: Worker) -> None:
    for content in (b"", b"{", b"[]", json.dumps({"jsonrpc": "2.0", "method": "x" * 100, "id": []}).encode()):
        for path in ("/mcp", "/messages/", "/messages/?session_id=1", "/messages/?session_id=" + "0" * 32):
            reply = httpx.post(held.url + path, content=content, headers=SPOKEN)
            assert 400 <= reply.status_code < 500, reply.text
    assert httpx.post(f"{held.url}/mcp", content=b" " * 2_000_000, headers=SPOKEN).status_code == 413
    assert httpx.get(f"{held.url}/nowhere").json()["error"]["code"] == "not_found"
    assert httpx.get(f"{held.url}/health").status_code == 200
    assert "Traceback" not in "".join(held.log)
