from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from ktrdr_engine.operations.addresses import is_literal, is_loopback
from ktrdr_engine.operations.http import operation_routes
from ktrdr_engine.operations.http_hosts import KnownHosts
from ktrdr_engine.operations.service import OperationsService
from tests.operations.serving import client_of, error_of


async def _ask(headers: list[tuple[str, str]], *, pages: bool) -> httpx.Response:
    async with OperationsService() as service:
        guard = Middleware(KnownHosts, is_known=is_loopback, refusal="Ask as localhost.", pages=pages)
        app = Starlette(routes=operation_routes(service, service="test"), middleware=[guard])
        async with client_of(app) as client:
            return await client.get("/health", headers=headers)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:5003", "127.0.0.1", "127.9.9.9:1", "[::1]", "[::1]:5003"])
async def test_a_known_host_is_answered(host: str) -> None:
    assert (await _ask([("Host", host)], pages=False)).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "localhost:80:80",
        "localhost:x",
        "192.0.2.1",
        "[::2]",
        "",
        "::1",
        "a@b",
    ],
)
async def test_any_other_is_refused_with_the_repair(host: str) -> None:
    error = error_of(await _ask([("Host", host)], pages=False), 403)
    assert (error["code"], error["message"]) == ("forbidden", "Ask as localhost.")


@pytest.mark.parametrize("origin", ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:8000"])
async def test_pages_on_known_hosts_are_answered_where_pages_may_ask(origin: str) -> None:
    headers = [("Host", "localhost"), ("Origin", origin)]
    assert (await _ask(headers, pages=True)).status_code == 200
    assert (await _ask(headers, pages=False)).status_code == 403


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost.evil.example", "file://localhost", "", "http://"]
)
async def test_pages_elsewhere_never_are(origin: str) -> None:
    assert (await _ask([("Host", "localhost"), ("Origin", origin)], pages=True)).status_code == 403


async def test_a_header_given_twice_does_not_smuggle_a_second_value() -> None:
    assert (await _ask([("Host", "localhost"), ("Host", "evil.example")], pages=True)).status_code == 403
    origins = [("Host", "localhost"), ("Origin", "http://localhost"), ("Origin", "http://evil.example")]
    assert (await _ask(origins, pages=True)).status_code == 403


@pytest.mark.parametrize(("host", "literal"), [("192.0.2.1", True), ("::", True), ("127.1", False), ("name", False)])
def test_names_are_told_from_addresses(host: str, literal: bool) -> None:
    assert is_literal(host) is literal
