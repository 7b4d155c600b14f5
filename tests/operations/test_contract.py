"""What holds for every operation, wherever it runs: in memory, with a store, on a worker, on one behind HTTP."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import numpy as np
import pytest

from ktrdr_engine.errors import (
    DataError,
    InvalidRequest,
    OperationCancelled,
    OperationConflict,
    OperationNotFound,
)
from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.models import OperationStatus, OperationType, Outcome, Table
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.operations.sources import RemoteProxy
from ktrdr_engine.operations.store import OperationStore
from tests.operations.serving import app_over, proxy_to
from tests.operations.work import Clock, Gate, InMemoryProxy, ended, start

_UNKNOWN = "op_backtest_20250103_k3v9x2m7qa"


class Place:
    """A service that clients talk to, and the one where its work runs."""

    def __init__(
        self, service: OperationsService, worker: OperationsService, clock: Clock, proxy: RemoteProxy | None = None
    ) -> None:
        self.service = service
        self.worker = worker
        self.clock = clock
        self.proxy = proxy

    @property
    def is_remote(self) -> bool:
        return self.proxy is not None

    async def start(self, work: Gate) -> str:
        if self.proxy is None:
            return await start(self.service, work)
        backend_id = await start(self.worker, work)
        operation = await self.service.create_operation(
            OperationType.TRAINING, {"n": 1}, kind_word="training", execution="remote"
        )
        self.service.register_remote_proxy(backend_id, self.proxy, operation.operation_id)
        return operation.operation_id

    async def running(self, work: Gate) -> str:
        operation_id = await self.start(work)
        await work.until_reached()
        assert (await self.service.get_operation(operation_id, force_refresh=True)).status is OperationStatus.RUNNING
        return operation_id


@asynccontextmanager
async def _place(kind: str, home: Path, clock: Clock) -> AsyncIterator[Place]:
    store = None if kind == "memory" else OperationStore(home)
    if kind not in ("remote", "http"):
        async with OperationsService(store, clock=clock) as service:
            yield Place(service, service, clock)
        return
    async with (
        OperationsService(cache_ttl=0) as worker,
        _connected(kind, worker) as proxy,
        OperationsService(store, clock=clock, connect=lambda _: proxy) as service,
    ):
        yield Place(service, worker, clock, proxy)


@asynccontextmanager
async def _connected(kind: str, worker: OperationsService) -> AsyncIterator[RemoteProxy]:
    if kind == "remote":
        yield InMemoryProxy(worker)
        return
    async with proxy_to(app_over(worker)) as proxy:
        yield proxy


@pytest.fixture(params=["memory", "store", "remote", "http"])
async def place(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncIterator[Place]:
    async with _place(request.param, tmp_path / "home", clock) as made:
        yield made


async def test_work_that_ends_well_is_completed_with_full_progress_and_results(place: Place) -> None:
    work = Gate(Outcome({"answer": 42, "undefined": None}))
    operation_id = await place.running(work)
    work.open()
    operation = await ended(place.service, operation_id)
    assert operation.status is OperationStatus.COMPLETED
    assert operation.results == {"answer": 42, "undefined": None}
    assert (operation.progress.percentage, operation.progress.current_step, operation.progress.total_steps) == (
        100,
        9,
        10,
    )
    assert operation.error is None
    assert operation.started_at is not None
    assert operation.completed_at is not None
    assert operation.created_at <= operation.started_at <= operation.completed_at
    assert operation.execution == ("remote" if place.is_remote else "local")


async def test_running_work_shows_its_progress(place: Place) -> None:
    work = Gate()
    operation_id = await place.running(work)
    operation = await place.service.get_operation(operation_id)
    assert (operation.progress.percentage, operation.progress.current_step) == (30, 3)
    work.open()


async def test_a_fresh_state_is_served_from_memory_and_a_stale_one_pulled(place: Place) -> None:
    work = Gate()
    operation_id = await place.running(work)
    first = await place.service.get_operation(operation_id)
    assert await place.service.get_operation(operation_id) is first
    place.clock.seconds += 0.9
    assert await place.service.get_operation(operation_id) is first
    place.clock.seconds += 0.2
    assert await place.service.get_operation(operation_id) is not first
    work.open()


async def test_force_refresh_looks_past_a_fresh_state(place: Place) -> None:
    work = Gate()
    operation_id = await place.running(work)
    first = await place.service.get_operation(operation_id)
    assert await place.service.get_operation(operation_id, force_refresh=True) is not first
    work.open()


async def test_cancelled_work_keeps_what_it_had_and_says_why(place: Place) -> None:
    work = Gate(Outcome({"half": 21}))
    operation_id = await place.running(work)
    asked = await place.service.cancel_operation(operation_id, "bored")
    assert asked.status is OperationStatus.CANCELLING
    work.open()
    operation = await ended(place.service, operation_id)
    assert operation.status is OperationStatus.CANCELLED
    assert operation.results == {"half": 21, "partial": True}
    assert "bored" in operation.progress.message


async def test_cancel_may_be_repeated_and_changes_nothing_afterwards(place: Place) -> None:
    work = Gate()
    operation_id = await place.running(work)
    await place.service.cancel_operation(operation_id, "first")
    await place.service.cancel_operation(operation_id, "second")
    work.open()
    operation = await ended(place.service, operation_id)
    assert "first" in operation.progress.message
    assert await place.service.cancel_operation(operation_id, "third") == operation


async def test_a_completed_operation_cannot_be_cancelled(place: Place) -> None:
    work = Gate()
    operation_id = await place.running(work)
    work.open()
    operation = await ended(place.service, operation_id)
    assert (await place.service.cancel_operation(operation_id)) == operation


async def test_an_error_of_ours_reaches_the_client_with_its_code_and_details(place: Place) -> None:
    work = Gate(DataError("No bars for 'X'.", details={"symbol": "X"}))
    operation_id = await place.running(work)
    work.open()
    operation = await ended(place.service, operation_id)
    assert operation.status is OperationStatus.FAILED
    assert operation.error is not None
    assert (operation.error.code, operation.error.message) == ("data_error", "No bars for 'X'.")
    assert operation.error.details == {"symbol": "X"}
    assert operation.results is None


@pytest.mark.parametrize(
    ("defect", "code"),
    [
        (RuntimeError("secret /path"), "engine_error"),
        (MemoryError(), "out_of_memory"),
        (SystemExit(3), "engine_error"),
        (KeyboardInterrupt(), "engine_error"),
        (asyncio.CancelledError(), "engine_error"),
    ],
)
async def test_any_other_exception_fails_the_operation_and_hides_its_text(
    place: Place, defect: BaseException, code: str
) -> None:
    work = Gate(defect)
    operation_id = await place.running(work)
    work.open()
    operation = await ended(place.service, operation_id)
    assert operation.status is OperationStatus.FAILED
    assert operation.error is not None
    assert operation.error.code == code
    assert "secret" not in operation.model_dump_json()


async def test_results_that_are_not_json_fail_the_operation_instead_of_the_reader(place: Place) -> None:
    work = Gate(Outcome({"sharpe_ratio": math.nan}))
    operation_id = await place.running(work)
    work.open()
    operation = await ended(place.service, operation_id)
    assert operation.status is OperationStatus.FAILED
    assert operation.error is not None
    assert operation.error.code == "engine_error"


async def test_metrics_are_the_same_while_running_and_after(place: Place) -> None:
    work = Gate()
    operation_id = await place.running(work)
    first = await place.service.get_operation_metrics(operation_id)
    assert first.metrics == {"history": [{"step": 3, "total": 10}]}
    work.open()
    await ended(place.service, operation_id)
    rest = await place.service.get_operation_metrics(operation_id, first.new_cursor)
    assert rest.metrics == {"history": [{"step": 9, "total": 10}]}
    assert not rest.has_more
    assert (await place.service.get_operation_metrics(operation_id, rest.new_cursor)).metrics == {"history": []}


async def test_metrics_nobody_asked_for_are_there_after_completion(place: Place) -> None:
    work = Gate()
    operation_id = await place.running(work)
    work.open()
    await ended(place.service, operation_id)
    page = await place.service.get_operation_metrics(operation_id)
    assert [entry["step"] for entry in page.metrics["history"]] == [3, 9]


@pytest.mark.parametrize(("cursor", "limit"), [(-1, 50), (99, 50), (0, 0), (0, 501)])
async def test_metrics_refuse_a_cursor_from_nowhere_and_a_limit_out_of_range(
    place: Place, cursor: int, limit: int
) -> None:
    work = Gate()
    operation_id = await place.running(work)
    with pytest.raises(InvalidRequest):
        await place.service.get_operation_metrics(operation_id, cursor, limit)
    work.open()
    await ended(place.service, operation_id)
    with pytest.raises(InvalidRequest):
        await place.service.get_operation_metrics(operation_id, cursor, limit)


async def test_a_waiter_is_woken_by_the_end(place: Place) -> None:
    work = Gate()
    operation_id = await place.running(work)
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(ended, place.service, operation_id)
        await anyio.wait_all_tasks_blocked()
        work.open()


async def test_a_wait_that_is_over_returns_the_state_of_then(place: Place) -> None:
    work = Gate()
    operation_id = await place.running(work)
    operation = await place.service.get_operation(operation_id, wait_seconds=0.01)
    assert operation.status is OperationStatus.RUNNING
    work.open()


@pytest.mark.parametrize("seconds", [-1, 25.1, math.nan])
async def test_a_wait_out_of_range_is_refused(place: Place, seconds: float) -> None:
    work = Gate()
    operation_id = await place.running(work)
    with pytest.raises(InvalidRequest, match="0 to 25"):
        await place.service.get_operation(operation_id, wait_seconds=seconds)
    work.open()


async def test_an_unknown_id_is_not_found_by_any_call(place: Place) -> None:
    for call in (
        place.service.get_operation,
        place.service.get_operation_metrics,
        place.service.cancel_operation,
    ):
        with pytest.raises(OperationNotFound, match=_UNKNOWN):
            await call(_UNKNOWN)
        with pytest.raises(OperationNotFound):
            await call("../results")
    with pytest.raises(OperationNotFound):
        await place.service.get_operation_table(_UNKNOWN, "trades")
    with pytest.raises(OperationNotFound):
        await place.service.complete_operation(_UNKNOWN, {})
    with pytest.raises(OperationNotFound):
        place.service.get_cancellation_token(_UNKNOWN)
    with pytest.raises(OperationNotFound):
        place.service.register_local_bridge(_UNKNOWN, ProgressBridge(_UNKNOWN))


async def test_lists_show_running_and_finished_operations_newest_first(place: Place) -> None:
    done, running = Gate(), Gate()
    first = await place.running(done)
    done.open()
    await ended(place.service, first)
    second = await place.running(running)
    page = await place.service.list_operations()
    assert [(row.operation_id, row.status) for row in page.operations] == [(second, "RUNNING"), (first, "COMPLETED")]
    assert [row.percentage for row in page.operations] == [30, 100]
    assert (page.total, page.returned) == (2, 2)
    only = await place.service.list_operations(OperationStatus.RUNNING)
    assert [row.operation_id for row in only.operations] == [second]
    assert (await place.service.list_operations(operation_type=OperationType.BACKTESTING)).total == 0
    older = await place.service.list_operations(limit=1, offset=1)
    assert ([row.operation_id for row in older.operations], older.total) == ([first], 2)
    running.open()


async def test_a_list_shows_progress_nobody_has_asked_for_before(clock: Clock) -> None:
    async with OperationsService(clock=clock, max_concurrent=1) as service:
        running, waiting = Gate(), Gate()
        await start(service, running)
        await start(service, waiting)
        await running.until_reached()
        queued, shown = (await service.list_operations()).operations
        assert (shown.percentage, queued.message) == (30, "Queued behind 1 operation.")
        running.open()
        waiting.open()


async def test_a_worker_that_was_quicker_than_anyone_looked_is_reported_whole(place: Place) -> None:
    work = Gate()
    work.open()
    operation = await ended(place.service, await place.start(work))
    assert operation.status is OperationStatus.COMPLETED
    assert operation.started_at is not None
    assert operation.progress.percentage == 100


@pytest.mark.parametrize("offset", [2**63 - 1, 2**63, 2**64, 10**30])
async def test_a_list_beyond_any_row_is_empty(place: Place, offset: int) -> None:
    work = Gate()
    work.open()
    await ended(place.service, await place.start(work))
    page = await place.service.list_operations(offset=offset)
    assert (page.operations, page.returned, page.total) == ((), 0, 1)


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (501, 0), (20, -1)])
async def test_lists_refuse_pages_that_make_no_sense(place: Place, limit: int, offset: int) -> None:
    with pytest.raises(InvalidRequest):
        await place.service.list_operations(limit=limit, offset=offset)


async def test_work_is_given_only_once(place: Place) -> None:
    work = Gate()
    operation_id = await place.running(work)
    place.service.run_local(operation_id, work, ProgressBridge(operation_id))
    with pytest.raises(OperationConflict):
        place.service.register_local_bridge(operation_id, ProgressBridge(operation_id))
    work.open()
    await ended(place.service, operation_id)
    place.service.run_local(operation_id, work, ProgressBridge(operation_id))
    assert work.runs == 1


async def test_metadata_that_is_not_json_is_refused(place: Place) -> None:
    with pytest.raises(InvalidRequest, match="metadata"):
        await place.service.create_operation(OperationType.TRAINING, {"x": math.inf}, kind_word="training")
    assert (await place.service.list_operations()).total == 0


async def test_tables_are_there_after_the_end_and_not_before(tmp_path: Path, clock: Clock) -> None:
    stamps = np.array([0, 1_500_000_000_000_000_000], "datetime64[ns]")
    table: Table = {"when": stamps, "price": np.array([1.5, np.nan]), "side": ["LONG", "SHORT"]}
    rows = [
        {"when": "1970-01-01T00:00:00Z", "price": 1.5, "side": "LONG"},
        {"when": "2017-07-14T02:40:00Z", "price": None, "side": "SHORT"},
    ]
    for kind in ("memory", "store", "remote", "http"):
        async with _place(kind, tmp_path, clock) as place:
            work = Gate(Outcome({}, {"trades": table}))
            operation_id = await place.running(work)
            with pytest.raises(OperationConflict, match="yet"):
                await place.service.get_operation_table(operation_id, "trades")
            work.open()
            await ended(place.service, operation_id)
            page = await place.service.get_operation_table(operation_id, "trades")
            assert (page.rows, page.total, page.returned, page.offset) == (rows, 2, 2, 0)
            page = await place.service.get_operation_table(operation_id, "trades", 1, 5)
            assert (page.rows, page.total, page.returned, page.offset) == (rows[1:], 2, 1, 1)
            for beyond in (7, 2**63 - 1, 2**63, 10**30):
                assert (await place.service.get_operation_table(operation_id, "trades", beyond)).rows == []
            for offset, limit in ((-1, 5), (0, 0), (0, 10_001)):
                with pytest.raises(InvalidRequest):
                    await place.service.get_operation_table(operation_id, "trades", offset, limit)
            with pytest.raises(OperationConflict, match="no table"):
                await place.service.get_operation_table(operation_id, "../results")


async def test_a_cancelled_error_raised_as_ours_needs_no_partial_results(place: Place) -> None:
    work = Gate(OperationCancelled(partial="not an outcome"))
    operation_id = await place.running(work)
    work.open()
    operation = await ended(place.service, operation_id)
    assert (operation.status, operation.results) == (OperationStatus.CANCELLED, None)
