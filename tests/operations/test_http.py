from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import numpy as np
import pytest

from ktrdr_engine.operations.models import Operation, Outcome
from ktrdr_engine.operations.service import OperationsService
from tests.operations.serving import START_PATH, Countings, app_over, client_of, error_of
from tests.operations.work import Gate, ended

_UNKNOWN = "/api/v1/operations/op_backtest_20250103_k3v9x2m7qa"


@pytest.fixture
async def service() -> AsyncIterator[OperationsService]:
    async with OperationsService(cache_ttl=0, max_concurrent=1, max_queued=1) as made:
        yield made


@pytest.fixture
def work() -> Gate:
    return Gate(Outcome({"answer": 42, "ratio": 0.1}, {"rows": {"x": np.array([1.5, np.nan])}}))


@pytest.fixture
def countings(service: OperationsService, work: Gate) -> Countings:
    return Countings(service, work)


JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def client(service: OperationsService, countings: Countings) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app_over(service, countings.route)) as made:
        yield made


async def _started(client: httpx.AsyncClient) -> str:
    reply = await client.post(START_PATH, json={"n": 3})
    assert reply.status_code == 202
    operation_id: str = reply.json()["operation_id"]
    return operation_id


@pytest.mark.parametrize("path", [START_PATH, f"/api/v1{START_PATH}"])
async def test_a_start_is_accepted_with_a_handle(client: httpx.AsyncClient, work: Gate, path: str) -> None:
    work.open()
    reply = await client.post(path, json={"n": 3})
    body = reply.json()
    assert (reply.status_code, body["status"], list(body)) == (202, "started", ["operation_id", "status", "message"])
    operation = (await client.get(f"/api/v1/operations/{body['operation_id']}", params={"wait": 8})).json()
    assert (operation["status"], operation["results"]) == ("COMPLETED", {"answer": 42, "ratio": 0.1})
    assert operation["metadata"] == {"n": 3}


async def test_an_operation_reads_the_same_over_the_wire(
    client: httpx.AsyncClient, service: OperationsService, work: Gate
) -> None:
    operation_id = await _started(client)
    work.open()
    known = await ended(service, operation_id)
    reply = await client.get(f"/api/v1/operations/{operation_id}")
    assert Operation.model_validate_json(reply.content) == known
    assert reply.json()["created_at"].endswith("Z")
    assert reply.headers["content-type"] == "application/json"


async def test_history_tables_and_lists_are_pages(client: httpx.AsyncClient, work: Gate) -> None:
    operation_id = await _started(client)
    address = f"/api/v1/operations/{operation_id}"
    await work.until_reached()
    assert error_of(await client.get(f"{address}/tables/rows"), 409)["code"] == "conflict"
    work.open()
    await client.get(address, params={"wait": 8})
    page = (await client.get(f"{address}/metrics", params={"limit": 1})).json()
    assert page["metrics"] == {"history": [{"step": 3, "total": 10}]}
    assert page["has_more"]
    rest = (await client.get(f"{address}/metrics", params={"cursor": page["new_cursor"]})).json()
    assert rest == {
        "metrics": {"history": [{"step": 9, "total": 10}]},
        "new_cursor": rest["new_cursor"],
        "has_more": False,
        "dropped": 0,
    }
    table = (await client.get(f"{address}/tables/rows", params={"offset": 1})).json()
    assert table == {"rows": [{"x": None}], "total": 2, "returned": 1, "offset": 1}
    listed = (await client.get("/api/v1/operations", params={"status": "COMPLETED", "limit": 1})).json()
    assert [row["operation_id"] for row in listed["operations"]] == [operation_id]
    assert (listed["total"], listed["returned"]) == (1, 1)
    assert (await client.get("/api/v1/operations", params={"operation_type": "BACKTESTING"})).json()["total"] == 0


async def test_a_cancel_stops_the_work_and_keeps_the_reason(client: httpx.AsyncClient, work: Gate) -> None:
    operation_id = await _started(client)
    await work.until_reached()
    address = f"/api/v1/operations/{operation_id}"
    reply = await client.delete(f"{address}/cancel", params={"reason": "bored & gone"})
    assert reply.json()["status"] == "CANCELLING"
    work.open()
    operation = (await client.get(address, params={"wait": 8})).json()
    assert (operation["status"], operation["results"]["partial"]) == ("CANCELLED", True)
    assert "bored & gone" in operation["progress"]["message"]


async def test_a_key_in_the_header_or_the_body_starts_nothing_twice(
    client: httpx.AsyncClient, countings: Countings, work: Gate
) -> None:
    work.open()
    first = await client.post(START_PATH, json={"n": 1}, headers={"Idempotency-Key": "k"})
    second = await client.post(START_PATH, json={"n": 1, "idempotency_key": "k"})
    assert first.json()["operation_id"] == second.json()["operation_id"]
    assert countings.keys == ["k", "k"]
    await client.get(f"/api/v1/operations/{first.json()['operation_id']}", params={"wait": 8})
    third = await client.post(START_PATH, json={"n": 1}, headers={"Idempotency-Key": "k"})
    assert third.json()["operation_id"] == first.json()["operation_id"]
    assert "which is COMPLETED" in third.json()["message"]
    conflict = await client.post(START_PATH, json={"n": 2}, headers={"Idempotency-Key": "k"})
    assert error_of(conflict, 409)["code"] == "conflict"
    for body, header in (({"idempotency_key": "a"}, "b"), ({"idempotency_key": 7}, None)):
        headers = {"Idempotency-Key": header} if header else {}
        assert error_of(await client.post(START_PATH, json=body, headers=headers), 422)["code"] == "invalid_request"


async def test_health_says_how_busy_the_service_is(
    client: httpx.AsyncClient, service: OperationsService, work: Gate
) -> None:
    await _started(client)
    await work.until_reached()
    await _started(client)
    health = (await client.get("/health")).json()
    assert {name: health[name] for name in ("status", "service", "running", "queued", "capacity")} == {
        "status": "ok",
        "service": "test",
        "running": 1,
        "queued": 1,
        "capacity": 1,
    }
    work.open()


async def test_beyond_the_queue_a_start_is_told_when_to_come_again(client: httpx.AsyncClient, work: Gate) -> None:
    for _ in range(2):
        await _started(client)
    reply = await client.post(START_PATH, json={})
    assert error_of(reply, 429)["code"] == "queue_full"
    assert int(reply.headers["retry-after"]) > 0
    work.open()


async def test_a_service_about_to_end_refuses_new_work_and_stays_readable(
    client: httpx.AsyncClient, service: OperationsService, work: Gate
) -> None:
    operation_id = await _started(client)
    await work.until_reached()
    work.open()
    await service.drain(8)
    reply = await client.post(START_PATH, json={})
    assert error_of(reply, 503)["code"] == "shutting_down"
    assert "retry-after" in reply.headers
    assert (await client.get("/health")).json()["status"] == "stopping"
    assert (await client.get(f"/api/v1/operations/{operation_id}")).json()["status"] == "COMPLETED"


async def test_draining_cancels_what_does_not_end_in_time(service: OperationsService) -> None:
    work = Gate()
    countings = Countings(service, work)
    operation = await countings.start({}, None)
    await work.until_reached()
    await service.drain(0)
    assert service.get_cancellation_token(operation.operation_id).is_cancelled
    work.open()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", _UNKNOWN),
        ("GET", f"{_UNKNOWN}/metrics"),
        ("GET", f"{_UNKNOWN}/tables/trades"),
        ("DELETE", f"{_UNKNOWN}/cancel"),
        ("GET", "/api/v1/operations/..%2f..%2fetc%2fpasswd"),
        ("GET", "/api/v1/operations/%00"),
        ("GET", "/nowhere"),
    ],
)
async def test_what_does_not_exist_is_404(client: httpx.AsyncClient, method: str, path: str) -> None:
    assert "not_found" in error_of(await client.request(method, path), 404)["code"]


async def test_a_wrong_method_is_405_in_our_form(client: httpx.AsyncClient) -> None:
    reply = await client.post("/health")
    assert error_of(reply, 405)["code"] == "method_not_allowed"
    assert "GET" in reply.headers["allow"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[1]", b'"text"', b"\xff\xfe", b'{"n": NaN}', b"[" * 100_000, b'{"n": "\\ud800"}', b"1" * 5_000],
)
async def test_a_body_that_is_no_json_object_is_malformed(client: httpx.AsyncClient, body: bytes) -> None:
    assert error_of(await client.post(START_PATH, content=body, headers=JSON), 400)["code"] == "malformed"


async def test_a_body_beyond_the_bound_is_refused_before_it_is_read_whole(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 100_000
            yield b" " * 100_000

    assert error_of(await client.post(START_PATH, content=endless(), headers=JSON), 413)["code"] == "body_too_large"
    assert sent < 1_500_000


@pytest.mark.parametrize(
    ("query", "words"),
    [("wiat=3", "Did you mean 'wait'"), ("x=1", "Known: force_refresh, wait"), ("wait=1&wait=2", "twice")],
)
async def test_unknown_and_repeated_parameters_are_malformed(client: httpx.AsyncClient, query: str, words: str) -> None:
    error = error_of(await client.get(f"{_UNKNOWN}?{query}"), 400)
    assert error["code"] == "malformed"
    assert words in error["message"]


@pytest.mark.parametrize(
    "address",
    [
        f"{_UNKNOWN}?wait=26",
        f"{_UNKNOWN}?wait=nan",
        f"{_UNKNOWN}?force_refresh=perhaps",
        f"{_UNKNOWN}/metrics?cursor=-1",
        f"{_UNKNOWN}/metrics?limit=501",
        f"{_UNKNOWN}/tables/x?offset=1e9",
        "/api/v1/operations?status=DONE",
        "/api/v1/operations?limit=0",
        f"/api/v1/operations?offset={2**63}",
    ],
)
async def test_parameters_out_of_range_name_field_value_and_problem(client: httpx.AsyncClient, address: str) -> None:
    error = error_of(await client.get(address), 422)
    (mistake,) = error["details"]["errors"]
    assert set(mistake) == {"field", "value", "problem"}


async def test_an_input_error_is_422_with_its_details(client: httpx.AsyncClient) -> None:
    error = error_of(await client.post(START_PATH, json={"n": -1}), 422)
    assert error == {"code": "data_error", "message": "n=-1 is negative.", "details": {"field": "n"}}


async def test_a_defect_is_500_and_keeps_its_secret(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    error = error_of(await client.post(START_PATH, json={"n": {}}), 500)
    assert error["code"] == "internal"
    assert "TypeError" not in str(error)
    assert "TypeError" in caplog.text


async def test_the_description_names_every_route_and_nothing_else(
    client: httpx.AsyncClient, service: OperationsService, countings: Countings
) -> None:
    described = (await client.get("/openapi.json")).json()
    assert described["openapi"] == "3.1.0"
    served = {(route.path, method) for route in app_over(service, countings.route).routes for method in route.methods}  # type: ignore[attr-defined]  # all are plain routes
    told = {(path, verb.upper()) for path, item in described["paths"].items() for verb in item if verb != "parameters"}
    assert {(path, method) for path, method in served if method != "HEAD"} == told


async def test_every_reference_of_the_description_leads_somewhere(client: httpx.AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()
    schemas = described["components"]["schemas"]

    def references(part: object) -> set[str]:
        if isinstance(part, dict):
            own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
            return own.union(*(references(value) for value in part.values()))
        return set().union(*(references(value) for value in part)) if isinstance(part, list) else set()

    assert {reference.rsplit("/", 1)[1] for reference in references(described)} <= set(schemas)
    assert schemas["CountingRequest"]["properties"]["idempotency_key"]["maxLength"] == 200


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_a_body_that_a_page_can_send_unasked_starts_nothing(
    client: httpx.AsyncClient, service: OperationsService, kind: str | None
) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    reply = await client.post(START_PATH, content=b'{"n": 3}', headers=headers)
    assert error_of(reply, 415)["code"] == "not_json"
    assert (await service.list_operations()).total == 0
    assert (
        await client.post(START_PATH, content=b'{"n": 3}', headers={"Content-Type": "Application/JSON; x=y"})
    ).is_success


async def test_only_a_page_of_this_server_may_start_and_cancel(client: httpx.AsyncClient, work: Gate) -> None:
    own = str(client.base_url).rstrip("/")
    foreign = ("http://127.0.0.1:1", "http://localhost:5173", "null", "https://evil.example")
    for origin in foreign:
        refused = await client.post(START_PATH, json={"n": 3}, headers={"Origin": origin})
        assert error_of(refused, 403)["code"] == "forbidden", origin
    started = await client.post(START_PATH, json={"n": 3}, headers={"Origin": own})
    address = f"/api/v1/operations/{started.json()['operation_id']}"
    for origin in foreign:
        assert error_of(await client.delete(f"{address}/cancel", headers={"Origin": origin}), 403)
    work.open()
    assert (await client.delete(f"{address}/cancel", headers={"Origin": own})).is_success
