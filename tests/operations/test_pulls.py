from __future__ import annotations

import anyio
import pytest

from ktrdr_engine.errors import OperationNotFound, WorkerUnavailable
from ktrdr_engine.operations.health import HealthService
from ktrdr_engine.operations.models import MetricsPage, Operation, OperationStatus, OperationType
from ktrdr_engine.operations.service import OperationsService
from tests.operations.work import Clock, Gate, InMemoryProxy, ended, start


class SlowProxy(InMemoryProxy):
    """Answers a get only when told."""

    def __init__(self, worker: OperationsService) -> None:
        super().__init__(worker)
        self.answer = anyio.Event()

    async def get_operation(self, operation_id: str, force_refresh: bool = False, wait_seconds: float = 0) -> Operation:
        self.gets += 1
        self.waits.append(wait_seconds)
        await self.answer.wait()
        self._pass()
        return await self.worker.get_operation(operation_id, force_refresh)


async def _remote(service: OperationsService, proxy: InMemoryProxy, work: Gate) -> str:
    backend_id = await start(proxy.worker, work)
    operation = await service.create_operation(OperationType.TRAINING, {}, kind_word="training", execution="remote")
    service.register_remote_proxy(backend_id, proxy, operation.operation_id)
    return operation.operation_id


async def test_readers_of_a_stale_state_share_one_pull(clock: Clock) -> None:
    work = Gate()
    async with OperationsService(cache_ttl=0) as worker, OperationsService(clock=clock) as service:
        proxy = SlowProxy(worker)
        operation_id = await _remote(service, proxy, work)
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(service.get_operation, operation_id)
            await anyio.wait_all_tasks_blocked()
            proxy.answer.set()
        assert proxy.gets == 1
        work.open()


async def test_forced_readers_share_a_pull_that_began_after_they_came(clock: Clock) -> None:
    work = Gate()
    async with OperationsService(cache_ttl=0) as worker, OperationsService(clock=clock) as service:
        proxy = SlowProxy(worker)
        operation_id = await _remote(service, proxy, work)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(service.get_operation, operation_id, True)
            await anyio.wait_all_tasks_blocked()
            for _ in range(10):
                tasks.start_soon(service.get_operation, operation_id, True)
            await anyio.wait_all_tasks_blocked()
            proxy.answer.set()
        assert proxy.gets == 2
        work.open()


async def test_a_reader_that_goes_away_does_not_take_the_pull_from_the_others(clock: Clock) -> None:
    work = Gate()
    async with OperationsService(cache_ttl=0) as worker, OperationsService(clock=clock) as service:
        proxy = SlowProxy(worker)
        operation_id = await _remote(service, proxy, work)
        found: list[Operation] = []

        async def read() -> None:
            found.append(await service.get_operation(operation_id))

        async with anyio.create_task_group() as tasks:
            with anyio.CancelScope() as leaving:
                async with anyio.create_task_group() as first:
                    first.start_soon(service.get_operation, operation_id)
                    await anyio.wait_all_tasks_blocked()
                    tasks.start_soon(read)
                    await anyio.wait_all_tasks_blocked()
                    leaving.cancel()
            proxy.answer.set()
        assert len(found) == 1
        work.open()


async def test_a_slow_worker_holds_up_no_other_operation(clock: Clock) -> None:
    slow, local = Gate(), Gate()
    async with OperationsService(cache_ttl=0) as worker, OperationsService(clock=clock) as service:
        proxy = SlowProxy(worker)
        slow_id = await _remote(service, proxy, slow)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(service.get_operation, slow_id)
            await anyio.wait_all_tasks_blocked()
            local_id = await start(service, local)
            await local.until_reached()
            assert (await service.get_operation(local_id, True)).status is OperationStatus.RUNNING
            assert (await service.cancel_operation(slow_id)).status is not OperationStatus.PENDING
            assert (await service.list_operations()).total == 2
            proxy.answer.set()
        slow.open()
        local.open()


async def test_a_wait_goes_to_the_worker_once_for_all_that_wait(clock: Clock) -> None:
    work = Gate()
    async with OperationsService(cache_ttl=0) as worker, OperationsService(clock=clock) as service:
        proxy = InMemoryProxy(worker)
        operation_id = await _remote(service, proxy, work)
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(ended, service, operation_id)
            await anyio.wait_all_tasks_blocked()
            assert proxy.gets == 1
            assert proxy.waits[0] > 1
            work.open()
        assert proxy.gets == 1


async def test_a_wait_ends_when_the_operation_is_ended_from_this_side(clock: Clock) -> None:
    work = Gate()
    async with OperationsService(cache_ttl=0) as worker, OperationsService(clock=clock) as service:
        proxy = SlowProxy(worker)
        operation_id = await _remote(service, proxy, work)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ended, service, operation_id)
            await anyio.wait_all_tasks_blocked()
            await service.finish_cancelled(operation_id)
        work.open()


async def test_a_worker_that_does_not_answer_leaves_the_last_known_state_marked_stale(clock: Clock) -> None:
    work = Gate()
    async with OperationsService(cache_ttl=0) as worker, OperationsService(clock=clock) as service:
        proxy = InMemoryProxy(worker)
        operation_id = await _remote(service, proxy, work)
        await work.until_reached()
        known = await service.get_operation(operation_id)
        proxy.fails_with = WorkerUnavailable("cut")
        clock.seconds += 2
        stale = await service.get_operation(operation_id)
        assert stale.stale
        assert (stale.status, stale.progress, stale.updated_at) == (known.status, known.progress, known.updated_at)
        assert await service.get_operation(operation_id) is stale
        proxy.fails_with = None
        clock.seconds += 2
        assert not (await service.get_operation(operation_id)).stale
        work.open()


async def test_a_worker_silent_for_long_is_given_up(clock: Clock) -> None:
    work = Gate()
    health = HealthService(lost_after_seconds=60, max_failed_pulls=3)
    async with OperationsService(cache_ttl=0) as worker, OperationsService(clock=clock, health=health) as service:
        proxy = InMemoryProxy(worker)
        operation_id = await _remote(service, proxy, work)
        await service.get_operation(operation_id)
        proxy.fails_with = WorkerUnavailable("cut")
        for _ in range(9):
            assert not (await service.get_operation(operation_id, force_refresh=True)).status.is_final
        clock.seconds += 61
        operation = await service.get_operation(operation_id)
        assert operation.error is not None
        assert operation.error.code == "worker_lost"
        work.open()


async def test_a_worker_that_forgot_the_operation_has_lost_it(clock: Clock) -> None:
    work = Gate()
    async with OperationsService(cache_ttl=0) as worker, OperationsService(clock=clock) as service:
        proxy = InMemoryProxy(worker)
        operation_id = await _remote(service, proxy, work)
        proxy.fails_with = OperationNotFound("who?")
        operation = await service.get_operation(operation_id)
        assert operation.status is OperationStatus.FAILED
        assert operation.error is not None
        assert operation.error.code == "worker_lost"
        work.open()


async def test_a_cancel_the_worker_did_not_hear_is_not_reported_as_done(clock: Clock) -> None:
    work = Gate()
    async with OperationsService(cache_ttl=0) as worker, OperationsService(clock=clock) as service:
        proxy = InMemoryProxy(worker)
        operation_id = await _remote(service, proxy, work)
        await work.until_reached()
        await service.get_operation(operation_id)
        proxy.fails_with = WorkerUnavailable("cut")
        with pytest.raises(WorkerUnavailable):
            await service.cancel_operation(operation_id)
        assert (await service.get_operation(operation_id)).status is OperationStatus.RUNNING
        proxy.fails_with = None
        work.open()


async def test_metrics_copied_before_stay_readable_without_the_worker(clock: Clock) -> None:
    work = Gate()
    async with OperationsService(cache_ttl=0) as worker, OperationsService(clock=clock) as service:
        proxy = InMemoryProxy(worker)
        operation_id = await _remote(service, proxy, work)
        await work.until_reached()
        page = await service.get_operation_metrics(operation_id)
        proxy.fails_with = WorkerUnavailable("cut")
        assert await service.get_operation_metrics(operation_id) == page
        await service.finish_cancelled(operation_id)
        assert await service.get_operation_metrics(operation_id) == page
        work.open()


async def test_a_wait_for_a_worker_that_does_not_answer_is_not_waited_out(clock: Clock) -> None:
    work = Gate()
    async with OperationsService(cache_ttl=0) as worker, OperationsService(clock=clock) as service:
        proxy = InMemoryProxy(worker)
        operation_id = await _remote(service, proxy, work)
        proxy.fails_with = WorkerUnavailable("cut")
        with anyio.fail_after(5):
            assert (await service.get_operation(operation_id, wait_seconds=20)).stale
        work.open()


class ChattyProxy(InMemoryProxy):
    """Always has one more page."""

    pages = 0

    async def get_metrics(self, operation_id: str, cursor: int = 0, limit: int = 50) -> MetricsPage:
        self.pages += 1
        return MetricsPage(metrics={"b": [{"page": self.pages}]}, new_cursor=self.pages, has_more=True, dropped=0)


async def test_long_histories_are_copied_page_by_page_and_endless_ones_not_for_ever(clock: Clock) -> None:
    work = Gate()
    async with OperationsService(cache_ttl=0) as worker, OperationsService(clock=clock) as service:
        proxy = ChattyProxy(worker)
        operation_id = await _remote(service, proxy, work)
        page = await service.get_operation_metrics(operation_id, 0, 500)
        assert page.new_cursor == proxy.pages == len(page.metrics["b"])
        assert proxy.pages > 10
        work.open()


async def test_an_answer_that_comes_after_the_end_changes_nothing(clock: Clock) -> None:
    work = Gate()
    async with OperationsService(cache_ttl=0) as worker, OperationsService(clock=clock) as service:
        for failure in (None, WorkerUnavailable("cut")):
            proxy = SlowProxy(worker)
            operation_id = await _remote(service, proxy, work)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(service.get_operation, operation_id)
                await anyio.wait_all_tasks_blocked()
                done = await service.finish_cancelled(operation_id)
                proxy.fails_with = failure
                proxy.answer.set()
            assert await service.get_operation(operation_id, True) == done
        work.open()


async def test_work_queued_on_the_worker_reads_as_pending_here(clock: Clock) -> None:
    first, second = Gate(), Gate()
    async with (
        OperationsService(cache_ttl=0, max_concurrent=1) as worker,
        OperationsService(clock=clock) as service,
    ):
        proxy = InMemoryProxy(worker)
        await _remote(service, proxy, first)
        await first.until_reached()
        queued = await service.get_operation(await _remote(service, proxy, second))
        assert queued.status is OperationStatus.PENDING
        assert queued.progress.message == "Queued behind 1 operation."
        first.open()
        second.open()
