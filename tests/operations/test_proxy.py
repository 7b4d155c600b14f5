"""What leaves the proxy when the wire, or what is at its other end, is not as it should be."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
import stamina

from ktrdr_engine.errors import (
    DataError,
    InvalidRequest,
    KtrdrError,
    OperationConflict,
    OperationNotFound,
    QueueFull,
    StrategyError,
    WorkerDefect,
    WorkerUnavailable,
)
from ktrdr_engine.operations.models import Operation, OperationStatus, OperationType, utc_now
from ktrdr_engine.operations.proxy import OperationServiceProxy
from ktrdr_engine.operations.workers import Workers

ID = "op_training_20250103_k3v9x2m7qa"
OTHER = "op_training_20250103_aaaaaaaaaa"
Answer = Callable[[httpx.Request], Any]


@pytest.fixture(autouse=True)
def _no_pause_between_attempts() -> Iterator[None]:
    with stamina.set_testing(True, attempts=10, cap=True):
        yield


@asynccontextmanager
async def _proxy(answer: Answer, **options: Any) -> AsyncIterator[OperationServiceProxy]:
    proxy = OperationServiceProxy("http://worker:5003/", transport=httpx.MockTransport(answer), **options)
    try:
        yield proxy
    finally:
        await proxy.aclose()


def _operation(operation_id: str = ID) -> httpx.Response:
    now = utc_now()
    operation = Operation(
        operation_id=operation_id,
        operation_type=OperationType.TRAINING,
        status=OperationStatus.RUNNING,
        created_at=now,
        updated_at=now,
    )
    return httpx.Response(200, text=operation.model_dump_json())


def _error(status: int, code: str, message: str = "words", **details: Any) -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": code, "message": message, "details": details}})


async def test_requests_are_as_the_contract_says() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.method == "POST":
            return httpx.Response(202, json={"operation_id": ID, "status": "started", "message": ""})
        return _operation()

    async with _proxy(answer, token="s3cret") as proxy:
        assert await proxy.start("/countings/start", {"n": 1}, "key") == ID
        await proxy.get_operation(ID, True, 2.5)
        await proxy.cancel_operation(ID, "why not")
    start, get, cancel = seen
    assert (start.url.path, start.headers["idempotency-key"], json.loads(start.content)) == (
        "/countings/start",
        "key",
        {"n": 1},
    )
    assert (get.url.path, dict(get.url.params)) == (
        f"/api/v1/operations/{ID}",
        {"force_refresh": "true", "wait": "2.500"},
    )
    assert (cancel.method, cancel.url.path, dict(cancel.url.params)) == (
        "DELETE",
        f"/api/v1/operations/{ID}/cancel",
        {"reason": "why not"},
    )
    assert {request.headers["authorization"] for request in seen} == {"Bearer s3cret"}


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (_error(404, "operation_not_found"), OperationNotFound),
        (httpx.Response(404, text="<html>"), OperationNotFound),
        (_error(409, "conflict"), OperationConflict),
        (_error(422, "invalid_request"), InvalidRequest),
        (_error(422, "data_error"), DataError),
        (_error(422, "strategy_error"), StrategyError),
        (_error(429, "queue_full"), QueueFull),
        (_error(401, "unauthorized"), WorkerUnavailable),
        (_error(422, "new_word"), WorkerDefect),
        (_error(400, "malformed"), WorkerDefect),
        (_error(500, "internal"), WorkerDefect),
        (httpx.Response(418, text="teapot"), WorkerDefect),
        (httpx.Response(200, text="garbage"), WorkerDefect),
        (httpx.Response(200, content=b"\xff\x00"), WorkerDefect),
        (httpx.Response(200, json={"status": "RUNNING"}), WorkerDefect),
        (httpx.Response(200, json=[]), WorkerDefect),
        (httpx.Response(204), WorkerDefect),
        (_operation(OTHER), WorkerDefect),
        (httpx.Response(302, headers={"location": "http://evil.example/"}), WorkerDefect),
        (httpx.Response(200, content=b"", headers={"content-encoding": "gzip"}), WorkerDefect),
    ],
)
async def test_every_odd_reply_is_an_error_of_ours_after_one_attempt(
    reply: httpx.Response, kind: type[KtrdrError]
) -> None:
    attempts = 0

    def answer(_: httpx.Request) -> httpx.Response:
        nonlocal attempts
        attempts += 1
        return reply

    async with _proxy(answer) as proxy:
        with pytest.raises(kind) as raised:
            await proxy.get_operation(ID)
        assert type(raised.value) is kind
        assert attempts == 1
        assert proxy.failures == {raised.value.code: 1}


async def test_a_refusal_keeps_message_and_details() -> None:
    async with _proxy(lambda _: _error(422, "data_error", "No 'X'.", field="symbol")) as proxy:
        with pytest.raises(DataError) as raised:
            await proxy.start("/countings/start", {}, "k")
    assert (raised.value.message, raised.value.details) == ("No 'X'.", {"field": "symbol"})


async def test_a_start_where_nothing_can_be_started_is_a_defect() -> None:
    async with _proxy(lambda _: httpx.Response(404)) as proxy:
        with pytest.raises(WorkerDefect, match="404"):
            await proxy.start("/countings/start", {}, "k")


async def test_an_id_that_is_none_is_not_taken_over() -> None:
    reply = {"operation_id": "../etc", "status": "started", "message": ""}
    async with _proxy(lambda _: httpx.Response(202, json=reply)) as proxy:
        with pytest.raises(WorkerDefect, match="etc"):
            await proxy.start("/countings/start", {}, "k")


async def test_a_wrong_token_says_which_setting_to_repair() -> None:
    async with _proxy(lambda _: _error(401, "unauthorized")) as proxy:
        with pytest.raises(WorkerUnavailable, match="KTRDR_WORKER_TOKEN"):
            await proxy.health()


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("late"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("gone"),
        502,
        503,
        504,
    ],
)
async def test_what_may_have_been_bad_luck_is_tried_again_with_the_same_key(failure: Exception | int) -> None:
    keys: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["idempotency-key"])
        if len(keys) == 3:
            return httpx.Response(202, json={"operation_id": ID, "status": "started", "message": ""})
        if isinstance(failure, int):
            return httpx.Response(failure)
        raise failure

    async with _proxy(answer) as proxy:
        assert await proxy.start("/countings/start", {}, "key") == ID
        assert keys == ["key"] * 3
        assert not proxy.failures


@pytest.mark.parametrize(
    ("failure", "attempts"), [(httpx.ConnectError("refused"), 3), (httpx.ReadTimeout("x"), 1), (503, 3)]
)
async def test_bad_luck_that_lasts_is_told_with_what_to_check(failure: Exception | int, attempts: int) -> None:
    tried = 0

    def answer(_: httpx.Request) -> httpx.Response:
        nonlocal tried
        tried += 1
        if isinstance(failure, int):
            return _error(failure, "shutting_down", "ending")
        raise failure

    async with _proxy(answer) as proxy:
        with pytest.raises(WorkerUnavailable, match=r"http://worker:5003 .*Check that it runs") as raised:
            await proxy.get_operation(ID)
        assert type(raised.value) is WorkerUnavailable
    assert tried == attempts


async def test_a_reply_without_end_is_cut_off() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1_000_000
            yield b" " * 1_000_000

    async with _proxy(lambda _: httpx.Response(200, content=endless()), pull_seconds=10) as proxy:
        with pytest.raises(WorkerDefect, match="2000000"):
            await proxy.get_metrics(ID)
    assert sent < 4_000_000


class Doors:
    """Requests that stay open until told."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self.open = anyio.Event()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if "wait" in request.url.params or request.method == "POST":
            await self.open.wait()
            return _operation()
        self.inside += 1
        self.most = max(self.most, self.inside)
        await anyio.lowlevel.checkpoint()
        self.inside -= 1
        return _operation()


async def test_two_pulls_at_a_time_and_never_behind_a_wait_or_a_start() -> None:
    doors = Doors()
    async with _proxy(doors, pull_seconds=5) as proxy, anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(proxy.get_operation, ID, False, 20.0)
        for _ in range(3):
            tasks.start_soon(proxy.start, "/countings/start", {}, "k")
        await anyio.wait_all_tasks_blocked()
        async with anyio.create_task_group() as pulls:
            for _ in range(20):
                pulls.start_soon(proxy.get_operation, ID)
        assert doors.most == 2
        tasks.cancel_scope.cancel()


async def test_a_frozen_worker_is_given_up_in_time_also_by_those_who_queue() -> None:
    async def never(_: httpx.Request) -> httpx.Response:
        await anyio.sleep_forever()
        raise AssertionError

    refused = 0

    async with _proxy(never, pull_seconds=0.05) as proxy:

        async def ask() -> None:
            nonlocal refused
            with pytest.raises(WorkerUnavailable, match="did not answer"):
                await proxy.get_operation(ID)
            refused += 1

        async with anyio.create_task_group() as tasks:
            for _ in range(6):
                tasks.start_soon(ask)
    assert refused == 6


async def test_numbers_that_do_not_fit_the_entries_are_not_believed() -> None:
    page = {"metrics": {"b": [{"v": 1}]}, "new_cursor": 4, "has_more": False, "dropped": 3}
    replies = iter([{**page, "numbers": {"b": [4]}}, {**page, "numbers": {"b": []}}, page])
    async with _proxy(lambda _: httpx.Response(200, json=next(replies))) as proxy:
        kinds = [type(await proxy.get_metrics(ID)).__name__ for _ in range(3)]
    assert kinds == ["NumberedPage", "MetricsPage", "MetricsPage"]


@pytest.mark.parametrize(
    "url", ["worker:5003", "ftp://worker", "http://", "http://user:s3cret@worker", "http://worker?x=1", "http://[::1"]
)
def test_an_address_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidRequest, match="REMOTE_BACKTEST_SERVICE_URL") as raised:
        OperationServiceProxy(url)
    assert "s3cret" not in raised.value.message


async def test_one_connection_an_address_and_the_token_only_for_the_configured_one() -> None:
    async with Workers(["http://worker:5003", "http://other:5003/"], "s3cret") as workers:
        assert workers.at("http://worker:5003/") is workers.at("http://worker:5003")
        old = workers.at("http://old:5003")
        assert old is not workers.at("http://worker:5003")
        assert "authorization" not in old._client.headers
        assert "authorization" in workers.at("http://other:5003")._client.headers
        assert workers.at("http://worker:5003")._client.headers["authorization"] == "Bearer s3cret"
