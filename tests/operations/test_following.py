"""What becomes of remote operations when the process that started them is gone, or the worker is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from ktrdr_engine.errors import InvalidRequest, OperationNotFound, WorkerUnavailable
from ktrdr_engine.operations.archive import WorkerLink
from ktrdr_engine.operations.models import MetricsPage, NumberedPage, OperationStatus, OperationType, Outcome
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.operations.store import OperationStore
from tests.operations.work import Clock, Gate, InMemoryProxy, ended, start


class NumberingProxy(InMemoryProxy):
    """Tells the numbers of a history's entries, as the real one does."""

    async def get_metrics(self, operation_id: str, cursor: int = 0, limit: int = 50) -> MetricsPage:
        self._pass()
        page = await self.worker.get_operation_metrics(operation_id, cursor, limit)
        assert isinstance(page, NumberedPage)
        return page


@pytest.fixture
async def proxy() -> AsyncIterator[NumberingProxy]:
    async with OperationsService(cache_ttl=0) as worker:
        yield NumberingProxy(worker)


@asynccontextmanager
async def _server(home: Path, proxy: InMemoryProxy, clock: Clock) -> AsyncIterator[OperationsService]:
    async with OperationsService(OperationStore(home), clock=clock, connect=lambda _: proxy) as service:
        yield service


async def _started(service: OperationsService, proxy: InMemoryProxy, work: Gate) -> str:
    backend_id = await start(proxy.worker, work)
    operation = await service.create_operation(
        OperationType.TRAINING,
        {},
        kind_word="training",
        execution="remote",
        link=WorkerLink(proxy.base_url, backend_id),
    )
    service.register_remote_proxy(backend_id, proxy, operation.operation_id)
    return operation.operation_id


async def test_the_next_process_follows_to_the_end_with_metrics_from_the_last_cursor(
    tmp_path: Path, proxy: NumberingProxy, clock: Clock
) -> None:
    work = Gate(Outcome({"answer": 42}))
    async with _server(tmp_path, proxy, clock) as before:
        operation_id = await _started(before, proxy, work)
        await work.until_reached()
        first = await before.get_operation_metrics(operation_id)
        assert first.metrics == {"history": [{"step": 3, "total": 10}]}
    async with _server(tmp_path, proxy, clock) as after:
        assert (await after.get_operation(operation_id)).status is OperationStatus.RUNNING
        work.open()
        operation = await ended(after, operation_id)
        assert (operation.status, operation.results) == (OperationStatus.COMPLETED, {"answer": 42})
        rest = await after.get_operation_metrics(operation_id, first.new_cursor)
        assert rest.metrics == {"history": [{"step": 9, "total": 10}]}


async def test_a_cursor_of_an_earlier_process_is_good_while_the_worker_is_silent(
    tmp_path: Path, proxy: NumberingProxy, clock: Clock
) -> None:
    work = Gate()
    async with _server(tmp_path, proxy, clock) as before:
        operation_id = await _started(before, proxy, work)
        await work.until_reached()
        cursor = (await before.get_operation_metrics(operation_id)).new_cursor
    async with _server(tmp_path, proxy, clock) as after:
        proxy.fails_with = WorkerUnavailable("cut")
        page = await after.get_operation_metrics(operation_id, cursor)
        assert (page.metrics, page.new_cursor, page.has_more) == ({}, cursor, False)
        proxy.fails_with = None
        assert (await after.get_operation_metrics(operation_id, cursor)).new_cursor == cursor
        with pytest.raises(InvalidRequest):
            await after.get_operation_metrics(operation_id, cursor + 7)
        work.open()


async def test_two_readers_follow_it_as_one(tmp_path: Path, proxy: NumberingProxy, clock: Clock) -> None:
    work = Gate()
    async with _server(tmp_path, proxy, clock) as before:
        operation_id = await _started(before, proxy, work)
    async with _server(tmp_path, proxy, clock) as after:
        proxy.gets = 0
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(after.get_operation, operation_id)
        assert proxy.gets == 1
        work.open()


async def test_a_live_process_keeps_what_is_its_own(tmp_path: Path, proxy: NumberingProxy, clock: Clock) -> None:
    work = Gate()
    async with _server(tmp_path, proxy, clock) as owner, _server(tmp_path, proxy, clock) as other:
        operation_id = await _started(owner, proxy, work)
        await work.until_reached()
        assert (await owner.get_operation(operation_id)).status is OperationStatus.RUNNING
        proxy.gets = 0
        assert (await other.get_operation(operation_id)).stale
        assert proxy.gets == 0
        work.open()
        assert (await ended(owner, operation_id)).status is OperationStatus.COMPLETED
        assert (await other.get_operation(operation_id)).status is OperationStatus.COMPLETED


async def test_a_wish_to_cancel_outlives_the_process_that_should_have_heard_it(
    tmp_path: Path, proxy: NumberingProxy, clock: Clock
) -> None:
    work = Gate(Outcome({"half": 1}))
    async with _server(tmp_path, proxy, clock) as before:
        operation_id = await _started(before, proxy, work)
        await work.until_reached()
        async with _server(tmp_path, proxy, clock) as other:
            assert (await other.cancel_operation(operation_id, "bored")).status is OperationStatus.CANCELLING
    async with _server(tmp_path, proxy, clock) as after:
        await after.get_operation(operation_id)
        work.open()
        operation = await ended(after, operation_id)
        assert operation.status is OperationStatus.CANCELLED
        assert "bored" in operation.progress.message


async def test_one_that_was_never_linked_is_interrupted(tmp_path: Path, proxy: NumberingProxy, clock: Clock) -> None:
    async with _server(tmp_path, proxy, clock) as before:
        operation = await before.create_operation(OperationType.TRAINING, {}, kind_word="training", execution="remote")
    async with _server(tmp_path, proxy, clock) as after:
        found = await after.get_operation(operation.operation_id)
        assert found.error is not None
        assert (found.status, found.error.code) == (OperationStatus.FAILED, "interrupted")


async def test_an_address_that_cannot_be_used_leaves_the_operation_as_it_is(
    tmp_path: Path, proxy: NumberingProxy, clock: Clock
) -> None:
    def refuse(_: str) -> InMemoryProxy:
        raise InvalidRequest("no address")

    work = Gate()
    async with _server(tmp_path, proxy, clock) as before:
        operation_id = await _started(before, proxy, work)
    async with OperationsService(OperationStore(tmp_path), clock=clock, connect=refuse) as after:
        assert not (await after.get_operation(operation_id)).status.is_final
    work.open()


async def test_a_cancel_the_worker_did_not_hear_is_passed_on_when_it_answers_again(
    tmp_path: Path, proxy: NumberingProxy, clock: Clock
) -> None:
    work = Gate()
    async with _server(tmp_path, proxy, clock) as service:
        operation_id = await _started(service, proxy, work)
        await work.until_reached()
        proxy.fails_with = WorkerUnavailable("cut")
        with pytest.raises(WorkerUnavailable, match="passes it on"):
            await service.cancel_operation(operation_id, "bored")
        clock.seconds += 2
        assert (await service.get_operation(operation_id)).stale
        proxy.fails_with = None
        clock.seconds += 2
        assert (await service.get_operation(operation_id)).status is OperationStatus.CANCELLING
        work.open()
        operation = await ended(service, operation_id)
        assert operation.status is OperationStatus.CANCELLED
        assert "bored" in operation.progress.message


async def test_a_cancel_of_what_the_worker_lost_says_that_it_is_lost(
    tmp_path: Path, proxy: NumberingProxy, clock: Clock
) -> None:
    work = Gate()
    async with _server(tmp_path, proxy, clock) as service:
        operation_id = await _started(service, proxy, work)
        proxy.fails_with = OperationNotFound("who?")
        operation = await service.cancel_operation(operation_id)
        assert operation.error is not None
        assert (operation.status, operation.error.code) == (OperationStatus.FAILED, "worker_lost")
        work.open()


async def test_tables_are_read_from_the_worker_also_by_a_later_process(
    tmp_path: Path, proxy: NumberingProxy, clock: Clock
) -> None:
    work = Gate(Outcome({}, {"trades": {"price": [1.5, 2.5]}}))
    async with _server(tmp_path, proxy, clock) as before:
        operation_id = await _started(before, proxy, work)
        work.open()
        await ended(before, operation_id)
    async with _server(tmp_path, proxy, clock) as after:
        assert (await after.get_operation_table(operation_id, "trades", 1)).rows == [{"price": 2.5}]
        proxy.fails_with = WorkerUnavailable("cut")
        with pytest.raises(WorkerUnavailable):
            await after.get_operation_table(operation_id, "trades")


async def test_times_stay_in_order_though_the_worker_began_before_it_was_recorded_here(
    tmp_path: Path, proxy: NumberingProxy, clock: Clock
) -> None:
    work = Gate()
    work.open()
    backend_id = await start(proxy.worker, work)
    there = await ended(proxy.worker, backend_id)
    async with _server(tmp_path, proxy, clock) as service:
        operation = await service.create_operation(OperationType.TRAINING, {}, kind_word="training", execution="remote")
        service.register_remote_proxy(backend_id, proxy, operation.operation_id)
        here = await service.get_operation(operation.operation_id)
    assert there.completed_at is not None
    assert there.completed_at < here.created_at
    assert here.started_at is not None
    assert here.completed_at is not None
    assert here.created_at <= here.started_at <= here.completed_at <= here.updated_at
