from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.middleware import Middleware

from ktrdr_engine.operations.http import ERROR_HANDLERS, operation_routes
from ktrdr_engine.operations.http_token import BearerToken
from ktrdr_engine.operations.service import OperationsService
from tests.operations.serving import app_over, client_of, error_of
from tests.operations.work import Gate, ended, start


async def test_prometheus_reads_what_the_service_did() -> None:
    work = Gate()
    work.open()
    async with OperationsService() as service, client_of(app_over(service)) as client:
        await ended(service, await start(service, work))
        reply = await client.get("/metrics", params={"name[]": "anything"})
        described = (await client.get("/openapi.json")).json()["paths"]["/metrics"]["get"]
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(reply.text)}
    (sample,) = families["ktrdr_operations_ended"].samples
    assert (sample.labels["status"], sample.value) == ("COMPLETED", 1)
    assert list(described["responses"]["200"]["content"]) == ["text/plain"]


async def test_the_numbers_need_the_token_like_everything_but_health() -> None:
    async with OperationsService() as service:
        app = Starlette(
            routes=operation_routes(service, service="test"),
            middleware=[Middleware(BearerToken, token="secret")],
            exception_handlers=ERROR_HANDLERS,
        )
        async with client_of(app) as client:
            error_of(await client.get("/metrics"), 401)
            assert (await client.get("/metrics", headers={"Authorization": "Bearer secret"})).status_code == 200
            assert (await client.get("/health")).status_code == 200
