"""The HTTP face of an `OperationsService`: Starlette routes that any deployable mounts.

Kind-blind: what can be started comes as `StartRoute`s. Requests are read in `http_requests`, replies made in
`http_replies`, described in `http_openapi`; who may ask is `http_token`'s business. The other end is `proxy`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ExceptionHandler

from ktrdr_engine import __version__
from ktrdr_engine.errors import InvalidRequest
from ktrdr_engine.operations.exposition import CONTENT_TYPE, Exposition
from ktrdr_engine.operations.http_openapi import describe
from ktrdr_engine.operations.http_replies import (
    Answer,
    answered,
    data_reply,
    defect_reply,
    http_exception_reply,
    model_reply,
)
from ktrdr_engine.operations.http_requests import (
    CancelQuery,
    ListQuery,
    MetricsQuery,
    NoQuery,
    OperationQuery,
    TableQuery,
    read_object,
    read_query,
    require_own_page,
)
from ktrdr_engine.operations.models import NumberedPage, Operation
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.operations.starting import StartRoute
from ktrdr_engine.operations.wire import API, HealthReply, StartedReply, ended_before

ERROR_HANDLERS: dict[Any, ExceptionHandler] = {HTTPException: http_exception_reply, Exception: defect_reply}
"""For the app that mounts the routes: refusals by the framework itself, in our form."""


def operation_routes(
    operations: OperationsService, starts: Sequence[StartRoute] = (), *, service: str
) -> list[BaseRoute]:
    """Return all routes over `operations`.

    Args:
        operations: Whose operations are shown; open while the routes are served.
        starts: What can be started; each also has an alias under `/api/v1`.
        service: The deployable's name, for /health.
    """
    face = _Face(operations, service)
    one = f"{API}/operations/{{operation_id}}"
    description = describe(starts)

    async def openapi(request: Request) -> Response:
        return data_reply(description)

    routes: list[BaseRoute] = []
    for start in starts:
        routes += [_route(path, "POST", face.starting(start)) for path in (start.path, API + start.path)]
    return [
        *routes,
        _route(f"{API}/operations", "GET", face.list),
        _route(one, "GET", face.operation),
        _route(f"{one}/metrics", "GET", face.metrics),
        _route(f"{one}/tables/{{name}}", "GET", face.table),
        _route(f"{one}/cancel", "DELETE", face.cancel),
        _route("/health", "GET", face.health),
        _route("/metrics", "GET", face.exposition),
        _route("/openapi.json", "GET", openapi),
    ]


class _Face:
    """The endpoints: read the request, make one call, reply."""

    def __init__(self, operations: OperationsService, service: str) -> None:
        self._operations = operations
        self._service = service
        self._exposition = Exposition(operations, service=service)

    def starting(self, start: StartRoute) -> Answer:
        async def started(request: Request) -> Response:
            require_own_page(request)
            read_query(request, NoQuery)
            arguments = await read_object(request)
            operation = await start.start(arguments, _key(request, arguments))
            message = _start_message(start.reply, operation)
            return model_reply(start.reply.of(operation, message), 202)

        return started

    async def list(self, request: Request) -> Response:
        query = read_query(request, ListQuery)
        page = await self._operations.list_operations(query.status, query.operation_type, query.limit, query.offset)
        return model_reply(page)

    async def operation(self, request: Request) -> Response:
        query = read_query(request, OperationQuery)
        return model_reply(await self._operations.get_operation(_id(request), query.force_refresh, query.wait))

    async def metrics(self, request: Request) -> Response:
        query = read_query(request, MetricsQuery)
        page = await self._operations.get_operation_metrics(_id(request), query.cursor, query.limit)
        if query.numbered and isinstance(page, NumberedPage):
            return data_reply({**page.model_dump(mode="json"), "numbers": page.numbers})
        return model_reply(page)

    async def table(self, request: Request) -> Response:
        query = read_query(request, TableQuery)
        name = request.path_params["name"]
        return model_reply(await self._operations.get_operation_table(_id(request), name, query.offset, query.limit))

    async def cancel(self, request: Request) -> Response:
        require_own_page(request)
        query = read_query(request, CancelQuery)
        return model_reply(await self._operations.cancel_operation(_id(request), query.reason))

    async def exposition(self, request: Request) -> Response:
        return Response(self._exposition.text(), headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})

    async def health(self, request: Request) -> Response:
        load = self._operations.load
        return model_reply(
            HealthReply(
                status="stopping" if self._operations.is_closing else "ok",
                service=self._service,
                version=__version__,
                running=load.running,
                queued=load.queued,
                capacity=load.capacity,
            )
        )


def _start_message(reply: type[StartedReply], operation: Operation) -> str:
    address = f"GET {API}/operations/{operation.operation_id}"
    if repeated := ended_before(operation):
        return f"{repeated} {address} has what came of it."
    remark = reply.remark(operation.metadata)
    told = f"Started, {remark}" if remark else "Started"
    return " ".join([f"{told}: {address}?wait=20 waits for its end.", *reply.doubts(operation.metadata)])


def _route(path: str, method: str, answer: Answer) -> Route:
    return Route(path, answered(answer), methods=[method])


def _id(request: Request) -> str:
    operation_id: str = request.path_params["operation_id"]
    return operation_id


def _key(request: Request, arguments: dict[str, Any]) -> str | None:
    """Return the idempotency key of a start, taken out of the arguments where it stands there as well.

    Raises:
        InvalidRequest: It is not text, or said twice and differently.
    """
    header = request.headers.get("Idempotency-Key")
    field = arguments.pop("idempotency_key", None)
    if field is None:
        return header
    if not isinstance(field, str) or header not in (None, field):
        raise InvalidRequest(
            f"idempotency_key={str(field)[:80]!r} is not text, or differs from the header Idempotency-Key: "
            "send one text, in one place.",
            details={"field": "idempotency_key", "value": str(field)[:80], "header": header},
        )
    return field
