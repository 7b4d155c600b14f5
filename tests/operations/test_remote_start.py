"""Starting on a worker over HTTP: one run however often it is asked for, and nothing half made."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
import stamina

from ktrdr_engine.errors import DataError, OperationConflict, QueueFull, StorageError, WorkerUnavailable
from ktrdr_engine.operations.archive import MemoryArchive, WorkerLink
from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.cancellation import CancellationToken
from ktrdr_engine.operations.models import Operation, OperationStatus, OperationType, Outcome
from ktrdr_engine.operations.orchestrator import ServiceOrchestrator
from ktrdr_engine.operations.proxy import OperationServiceProxy
from ktrdr_engine.operations.requests import OperationRequest
from ktrdr_engine.operations.service import OperationsService
from tests.operations.serving import app_over
from tests.operations.work import Gate, ended


class CountRequest(OperationRequest):
    noun = "counting"

    n: int


class Counting(ServiceOrchestrator[CountRequest, int, ProgressBridge]):
    """A kind that runs here or on a worker."""

    operation_type = OperationType.DATA_LOADING
    kind_word = "data_loading"
    start_path = "/countings/start"
    start_summary = "Count"
    request_model = CountRequest
    work = Gate()

    def prepare(self, request: CountRequest) -> int:
        if request.n < 0:
            raise DataError(f"n={request.n} is negative.")
        return request.n

    def describe(self, job: int) -> dict[str, Any]:
        return {"n": job, "filled_in": True}

    def make_bridge(self, operation_id: str, job: int) -> ProgressBridge:
        return ProgressBridge(operation_id)

    def run(self, job: int, bridge: ProgressBridge, token: CancellationToken) -> Outcome:
        return self.work(bridge, token)


class Wire(httpx.ASGITransport):
    """Loses requests or replies when told to."""

    def __init__(self, app: Any) -> None:
        super().__init__(app, raise_app_exceptions=False)
        self.lose_replies = 0
        self.cut: set[str] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method in self.cut:
            raise httpx.ConnectError("cut")
        reply = await super().handle_async_request(request)
        if self.lose_replies:
            self.lose_replies -= 1
            raise httpx.ReadError("lost")
        return reply


class Both:
    """A server, a worker, and the wire between."""

    def __init__(self, worker: OperationsService, wire: Wire, proxy: OperationServiceProxy) -> None:
        self.worker = worker
        self.wire = wire
        self.proxy = proxy

    async def on_worker(self) -> list[OperationStatus]:
        return [row.status for row in (await self.worker.list_operations()).operations]


@pytest.fixture
async def both() -> AsyncIterator[Both]:
    Counting.work = Gate()
    with stamina.set_testing(True, attempts=10, cap=True):
        async with OperationsService(cache_ttl=0, max_concurrent=1, max_queued=1) as worker:
            wire = Wire(app_over(worker, Counting(worker).start_route))
            proxy = OperationServiceProxy("http://localhost:5003", transport=wire)
            try:
                yield Both(worker, wire, proxy)
            finally:
                Counting.work.open()
                await proxy.aclose()


@asynccontextmanager
async def _server(
    both: Both, archive: MemoryArchive | None = None
) -> AsyncIterator[tuple[OperationsService, Counting]]:
    async with OperationsService(archive, cache_ttl=0) as service:
        yield service, Counting(service, worker=both.proxy)


async def test_a_start_returns_a_handle_of_its_own_with_what_the_worker_understood(both: Both) -> None:
    async with _server(both) as (service, counting):
        operation = await counting.start(CountRequest(n=7))
        assert (operation.execution, operation.metadata) == ("remote", {"n": 7, "filled_in": True})
        (there,) = (await both.worker.list_operations()).operations
        assert there.operation_id != operation.operation_id
        Counting.work.open()
        assert (await ended(service, operation.operation_id)).results == {"answer": 42}


async def test_a_reply_that_got_lost_costs_no_second_run(both: Both) -> None:
    async with _server(both) as (service, counting):
        both.wire.lose_replies = 1
        await counting.start(CountRequest(n=7))
        assert len(await both.on_worker()) == 1
        assert (await service.list_operations()).total == 1


async def test_a_start_that_was_given_up_finds_its_run_again_by_the_key(both: Both) -> None:
    async with _server(both) as (service, counting):
        both.wire.lose_replies = 3
        with pytest.raises(WorkerUnavailable):
            await counting.start(CountRequest(n=7), idempotency_key="k")
        assert (await service.list_operations()).total == 0
        again = await counting.start(CountRequest(n=7), idempotency_key="k")
        assert len(await both.on_worker()) == 1
        repeat = await counting.start(CountRequest(n=7), idempotency_key="k")
        assert repeat.operation_id == again.operation_id
        with pytest.raises(OperationConflict):
            await counting.start(CountRequest(n=8), idempotency_key="k")


async def test_equal_keys_of_different_servers_with_different_requests_do_not_meet(both: Both) -> None:
    async with _server(both) as (_, one), _server(both) as (_, other):
        await one.start(CountRequest(n=1), idempotency_key="k")
        await other.start(CountRequest(n=2), idempotency_key="k")
        assert len(await both.on_worker()) == 2


async def test_what_the_worker_refuses_leaves_nothing_on_either_side(both: Both) -> None:
    async with _server(both) as (service, counting):
        with pytest.raises(DataError, match="n=-1"):
            await counting.start(CountRequest(n=-1))
        for n in (1, 2):
            await counting.start(CountRequest(n=n))
        with pytest.raises(QueueFull):
            await counting.start(CountRequest(n=3))
        assert (await service.list_operations()).total == 2


async def test_a_worker_that_falls_silent_after_the_start_is_followed_all_the_same(both: Both) -> None:
    async with _server(both) as (service, counting):
        both.wire.cut = {"GET"}
        operation = await counting.start(CountRequest(n=7))
        assert operation.metadata == {"n": 7}
        assert (await service.get_operation(operation.operation_id)).stale
        both.wire.cut = set()
        assert not (await service.get_operation(operation.operation_id)).stale


class FullDisk(MemoryArchive):
    def create(
        self, operation: Operation, *, idempotency_key: str | None, fingerprint: str, link: WorkerLink | None = None
    ) -> str:
        raise StorageError("full")


@pytest.mark.parametrize(("key", "is_stopped"), [(None, True), ("k", False)])
async def test_what_cannot_be_recorded_is_stopped_unless_it_can_be_asked_for_again(
    both: Both, key: str | None, is_stopped: bool
) -> None:
    async with _server(both, FullDisk()) as (_, counting):
        with pytest.raises(StorageError):
            await counting.start(CountRequest(n=7), idempotency_key=key)
    (row,) = (await both.worker.list_operations()).operations
    assert both.worker.get_cancellation_token(row.operation_id).is_cancelled is is_stopped


async def test_a_caller_that_goes_away_leaves_no_run_without_a_handle(both: Both) -> None:
    async with _server(both) as (service, counting):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(counting.start, CountRequest(n=7))
            await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        assert len(await both.on_worker()) == (await service.list_operations()).total
