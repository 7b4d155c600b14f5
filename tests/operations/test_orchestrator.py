from __future__ import annotations

import threading
from typing import Any

import anyio
import pytest

from ktrdr_engine.errors import DataError, InvalidRequest, OperationConflict
from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.cancellation import CancellationToken
from ktrdr_engine.operations.models import Operation, OperationStatus, OperationType, Outcome
from ktrdr_engine.operations.orchestrator import ServiceOrchestrator
from ktrdr_engine.operations.requests import OperationRequest
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.operations.sources import Worker
from tests.operations.work import PATIENCE, ended


class CountRequest(OperationRequest):
    noun = "counting"

    n: int


class Counting(ServiceOrchestrator[CountRequest, int, ProgressBridge]):
    """A kind that exists only here: proves that kinds plug in."""

    operation_type = OperationType.DATA_LOADING
    kind_word = "data_loading"
    start_path = "/countings/start"
    start_summary = "Count"
    request_model = CountRequest

    def __init__(self, operations: OperationsService, *, worker: Worker | None = None) -> None:
        super().__init__(operations, worker=worker)
        self.prepared = 0
        self.runs = 0
        self.may_prepare = threading.Event()
        self.may_prepare.set()

    def prepare(self, request: CountRequest) -> int:
        self.prepared += 1
        assert self.may_prepare.wait(PATIENCE)
        if request.n < 0:
            raise DataError(f"n={request.n} is negative.")
        return request.n

    def describe(self, job: int) -> dict[str, Any]:
        return {"n": job, "filled_in": True}

    def make_bridge(self, operation_id: str, job: int) -> ProgressBridge:
        return ProgressBridge(operation_id)

    def run(self, job: int, bridge: ProgressBridge, token: CancellationToken) -> Outcome:
        self.runs += 1
        bridge.update(job, job)
        return Outcome({"counted": job})


async def test_a_good_request_becomes_an_operation_that_runs() -> None:
    async with OperationsService() as service:
        operation = await Counting(service).start(CountRequest(n=7))
        assert operation.metadata == {"n": 7, "filled_in": True}
        assert operation.operation_id.startswith("op_data_loading_")
        done = await ended(service, operation.operation_id)
        assert (done.status, done.results) == (OperationStatus.COMPLETED, {"counted": 7})


async def test_a_bad_request_leaves_no_operation() -> None:
    async with OperationsService() as service:
        with pytest.raises(DataError, match="negative"):
            await Counting(service).start(CountRequest(n=-1))
        assert (await service.list_operations()).total == 0


async def test_a_repeated_key_returns_the_first_operation_and_checks_nothing_again() -> None:
    async with OperationsService() as service:
        kind = Counting(service)
        first = await kind.start(CountRequest(n=7), idempotency_key="k")
        await ended(service, first.operation_id)
        second = await kind.start(CountRequest(n=7), idempotency_key="k")
        assert second.operation_id == first.operation_id
        assert (kind.prepared, kind.runs) == (1, 1)


async def test_equal_keys_at_the_same_time_start_one_operation() -> None:
    async with OperationsService() as service:
        kind = Counting(service)
        kind.may_prepare.clear()
        started: list[Operation] = []

        async def start() -> None:
            started.append(await kind.start(CountRequest(n=7), idempotency_key="k"))

        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(start)
            await anyio.wait_all_tasks_blocked()
            kind.may_prepare.set()
        assert len({operation.operation_id for operation in started}) == 1
        assert kind.prepared == 1
        await ended(service, started[0].operation_id)
        assert kind.runs == 1


async def test_a_key_of_another_request_is_refused() -> None:
    async with OperationsService() as service:
        kind = Counting(service)
        await kind.start(CountRequest(n=7), idempotency_key="k")
        with pytest.raises(OperationConflict, match="'k'"):
            await kind.start(CountRequest(n=8), idempotency_key="k")


@pytest.mark.parametrize("key", ["", "x" * 201])
async def test_a_key_must_have_a_sensible_length(key: str) -> None:
    async with OperationsService() as service:
        with pytest.raises(InvalidRequest, match="1 to 200"):
            await Counting(service).start(CountRequest(n=7), idempotency_key=key)


async def test_a_key_whose_request_was_refused_may_be_used_again() -> None:
    async with OperationsService() as service:
        kind = Counting(service)
        with pytest.raises(DataError):
            await kind.start(CountRequest(n=-1), idempotency_key="k")
        assert (await kind.start(CountRequest(n=1), idempotency_key="k")).metadata["n"] == 1


async def test_a_caller_that_goes_away_after_the_check_leaves_no_orphan() -> None:
    async with OperationsService() as service:
        kind = Counting(service)
        kind.may_prepare.clear()
        with anyio.CancelScope() as leaving:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(kind.start, CountRequest(n=7))
                await anyio.wait_all_tasks_blocked()
                leaving.cancel()
                kind.may_prepare.set()
        assert {row.status.is_final or row.status for row in (await service.list_operations()).operations} <= {True}


async def test_the_entrance_over_http_checks_untyped_arguments_and_starts() -> None:
    async with OperationsService() as service:
        route = Counting(service).start_route
        assert (route.path, route.request) == ("/countings/start", CountRequest)
        operation = await route.start({"n": 7}, "key")
        assert (await route.start({"n": 7}, "key")).operation_id == operation.operation_id
        with pytest.raises(InvalidRequest, match="unknown argument 'm'"):
            await route.start({"n": 7, "m": 1}, None)


def test_a_kind_without_a_line_for_lists_has_none() -> None:
    assert Counting.headline({"counted": 7}) is None
