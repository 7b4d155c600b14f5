"""A service behind its routes, spoken to without a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from pydantic import BaseModel
from starlette.applications import Starlette

from ktrdr_engine.errors import DataError
from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.http import ERROR_HANDLERS, operation_routes
from ktrdr_engine.operations.models import Operation, OperationType
from ktrdr_engine.operations.proxy import OperationServiceProxy
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.operations.starting import StartRoute
from tests.operations.work import Gate

START_PATH = "/countings/start"


class CountingRequest(BaseModel):
    n: int = 1


class Countings:
    """A kind that exists only here: every start is given the next piece of work."""

    def __init__(self, service: OperationsService, *work: Gate) -> None:
        self.service = service
        self.work = list(work)
        self.keys: list[str | None] = []

    async def start(self, arguments: Mapping[str, Any], key: str | None) -> Operation:
        self.keys.append(key)
        if arguments.get("n", 1) < 0:
            raise DataError(f"n={arguments['n']} is negative.", details={"field": "n"})
        operation = await self.service.create_operation(
            OperationType.TRAINING, dict(arguments), kind_word="training", idempotency_key=key
        )
        if self.work:
            self.service.run_local(operation.operation_id, self.work[0], ProgressBridge(operation.operation_id))
        return operation

    @property
    def route(self) -> StartRoute:
        return StartRoute(START_PATH, "Count", CountingRequest, self.start)


def app_over(service: OperationsService, *starts: StartRoute) -> Starlette:
    return Starlette(routes=operation_routes(service, starts, service="test"), exception_handlers=ERROR_HANDLERS)


@asynccontextmanager
async def client_of(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:5003") as client:
        yield client


@asynccontextmanager
async def proxy_to(app: Any, **options: Any) -> AsyncIterator[OperationServiceProxy]:
    """A connection to an app of this process."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    proxy = OperationServiceProxy("http://localhost:5003/", transport=transport, **options)
    try:
        yield proxy
    finally:
        await proxy.aclose()


def error_of(reply: httpx.Response, status: int) -> dict[str, Any]:
    assert reply.status_code == status, reply.text
    body = reply.json()
    assert list(body) == ["error"]
    assert list(body["error"]) == ["code", "message", "details"]
    error: dict[str, Any] = body["error"]
    return error
