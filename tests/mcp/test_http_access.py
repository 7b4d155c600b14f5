"""Who may ask over HTTP, on which names, and with which token."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from ktrdr_mcp.main import main
from tests.mcp.conftest import TOOLS
from tests.worker_app.process import Worker, worker_process

TOKEN = "s3cret"
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}
DOORS = ("/mcp", "/sse", "/messages/", "/api/v1/operations", "/backtests/start", "/openapi.json", "/nowhere")


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with worker_process(tmp_path_factory.mktemp("a") / "home", "http", module="tests.mcp.held_server") as server:
        yield server
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


@pytest.fixture(scope="module")
def closed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    home = tmp_path_factory.mktemp("b") / "home"
    with worker_process(home, "http", module="tests.mcp.held_server", KTRDR_SERVER_TOKEN=TOKEN) as server:
        yield server
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


def status_of(server: Worker, path: str, headers: Mapping[str, str]) -> int:
    """Return the status alone: a stream that was let in has no end."""
    method = "POST" if path.endswith(("/mcp", "/start", "/messages/")) else "GET"
    with httpx.stream(method, server.url + path, headers=headers) as reply:
        return reply.status_code


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "192.0.2.1"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "ktrdr.example"},
    ],
)
def test_without_a_token_only_this_machine_is_answered(open_server: Worker, path: str, headers: dict[str, str]) -> None:
    assert status_of(open_server, path, headers) == 403


def test_a_page_on_this_machine_is_answered(open_server: Worker) -> None:
    headers = {"Origin": "http://localhost:6274"}
    assert status_of(open_server, "/api/v1/operations", headers) == 200
    assert status_of(open_server, "/sse", headers) == 200


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}])
def test_with_a_token_nobody_gets_by_without_it(closed_server: Worker, path: str, headers: dict[str, str]) -> None:
    assert status_of(closed_server, path, headers) == 401


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
def test_the_token_does_not_open_it_to_foreign_names(closed_server: Worker, path: str, headers: dict[str, str]) -> None:
    assert status_of(closed_server, path, {**WITH_TOKEN, **headers}) == 403


@pytest.mark.parametrize(
    "host", ["ktrdr.example", "KTRDR.example:8000", "192.0.2.1:8000", "[2001:db8::1]", "localhost"]
)
def test_with_the_token_addresses_and_the_named_hosts_are_answered(closed_server: Worker, host: str) -> None:
    assert status_of(closed_server, "/api/v1/operations", {**WITH_TOKEN, "Host": host}) == 200


def test_health_is_for_everyone_who_knows_the_name(closed_server: Worker) -> None:
    assert httpx.get(f"{closed_server.url}/health").json()["service"] == "ktrdr-mcp"
    assert status_of(closed_server, "/health", {"Host": "evil.example"}) == 403


def test_the_refusal_says_how_to_repair(open_server: Worker, closed_server: Worker) -> None:
    evil = {"Host": "evil.example"}
    assert "KTRDR_SERVER_TOKEN" in httpx.get(open_server.url, headers=evil).json()["error"]["message"]
    assert "--allow-host" in httpx.get(closed_server.url, headers=evil).json()["error"]["message"]
    assert "Authorization: Bearer" in httpx.get(closed_server.url).json()["error"]["message"]


async def test_a_client_with_the_token_speaks_both_transports(closed_server: Worker, mode: str) -> None:
    async with (
        httpx2.AsyncClient(headers=WITH_TOKEN) as http,
        Client(streamable_http_client(f"{closed_server.url}/mcp", http_client=http), mode=mode) as client,
    ):
        assert len((await client.list_tools()).tools) == len(TOOLS)
    async with Client(sse_client(f"{closed_server.url}/sse", headers=WITH_TOKEN), mode=mode) as client:
        assert len((await client.list_tools()).tools) == len(TOOLS)


@pytest.mark.parametrize("transport", ["streamable-http", "sse"])
@pytest.mark.parametrize("arguments", [["--host", "0.0.0.0"], ["--host", "::"], ["--allow-host", "ktrdr.example"]])
@pytest.mark.parametrize("token", ["", "123456789012345"])
def test_nobody_elsewhere_may_ask_without_a_token_or_with_one_that_can_be_guessed(
    token: str,
    transport: str,
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KTRDR_SERVER_TOKEN", token)
    assert main(["--transport", transport, *arguments]) == 2
    shown = capsys.readouterr()
    assert "KTRDR_SERVER_TOKEN" in shown.err
    assert arguments[1] in shown.err
    assert not token or token not in shown.err
    assert shown.out == ""


@pytest.mark.parametrize("arguments", [["--port", "9000"], ["--host", "::1"], ["--allow-host", "ktrdr.example"]])
def test_stdio_does_not_listen(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "--transport streamable-http" in capsys.readouterr().err
