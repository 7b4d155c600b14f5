from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from ktrdr_engine.operations.http import operation_routes
from ktrdr_engine.operations.http_token import BearerToken
from ktrdr_engine.operations.service import OperationsService
from tests.operations.serving import client_of, error_of


async def _ask(path: str, headers: list[tuple[str, str]]) -> httpx.Response:
    async with OperationsService() as service:
        routes = operation_routes(service, service="test")
        app = Starlette(routes=routes, middleware=[Middleware(BearerToken, token="s3cret")])
        async with client_of(app) as client:
            return await client.get(path, headers=headers)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_who_has_the_token_is_let_in(scheme: str) -> None:
    assert (await _ask("/api/v1/operations", [("Authorization", f"{scheme} s3cret")])).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", "Bearer wrong")],
        [("Authorization", "Bearer ")],
        [("Authorization", "Basic s3cret")],
        [("Authorization", "s3cret")],
        [("Authorization", "Bearer s3cret"), ("Authorization", "Bearer wrong")],
    ],
)
async def test_without_it_nothing_is_said(headers: list[tuple[str, str]]) -> None:
    for path in ("/api/v1/operations", "/nowhere", "/openapi.json"):
        reply = await _ask(path, headers)
        assert error_of(reply, 401)["code"] == "unauthorized"
        assert reply.headers["www-authenticate"] == "Bearer"


async def test_health_needs_none() -> None:
    assert (await _ask("/health", [])).status_code == 200


def test_an_empty_token_is_a_defect() -> None:
    with pytest.raises(ValueError, match="empty"):
        BearerToken(Starlette(), "")
