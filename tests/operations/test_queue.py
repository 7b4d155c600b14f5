from __future__ import annotations

import pytest

from ktrdr_engine.errors import QueueFull
from ktrdr_engine.operations.models import OperationStatus, OperationType
from ktrdr_engine.operations.service import OperationsService
from tests.operations.work import Clock, Gate, ended, start


async def test_work_waits_for_a_slot_in_order_and_says_behind_how_many(clock: Clock) -> None:
    async with OperationsService(max_concurrent=1, clock=clock) as service:
        works = [Gate(), Gate(), Gate()]
        ids = [await start(service, work) for work in works]
        await works[0].until_reached()
        waiting = [await service.get_operation(one, force_refresh=True) for one in ids[1:]]
        assert [operation.status for operation in waiting] == ["PENDING", "PENDING"]
        messages = [operation.progress.message for operation in waiting]
        assert messages == ["Queued behind 1 operation.", "Queued behind 2 operations."]
        works[0].open()
        await works[1].until_reached()
        assert not works[2].reached.is_set()
        works[1].open()
        works[2].open()
        assert (await ended(service, ids[2])).status is OperationStatus.COMPLETED


async def test_a_full_queue_refuses_and_takes_in_again_when_one_ends() -> None:
    async with OperationsService(max_concurrent=1, max_queued=1) as service:
        works = [Gate(), Gate()]
        ids = [await start(service, work) for work in works]
        with pytest.raises(QueueFull, match="2 operations"):
            await service.create_operation(OperationType.TRAINING, {}, kind_word="training")
        works[0].open()
        await ended(service, ids[0])
        assert await start(service, Gate(ValueError()))
        for work in works:
            work.open()


async def test_what_is_cancelled_while_it_waits_never_runs_and_frees_its_place() -> None:
    async with OperationsService(max_concurrent=1, max_queued=1) as service:
        running, waiting, last = Gate(), Gate(), Gate()
        first = await start(service, running)
        second = await start(service, waiting)
        await running.until_reached()
        operation = await service.cancel_operation(second, "changed my mind")
        assert operation.status is OperationStatus.CANCELLED
        assert operation.started_at is None
        third = await start(service, last)
        running.open()
        last.open()
        await ended(service, first)
        await ended(service, third)
        assert waiting.runs == 0


async def test_remote_operations_take_no_local_room() -> None:
    async with OperationsService(max_concurrent=1, max_queued=0) as service:
        for _ in range(3):
            await service.create_operation(OperationType.TRAINING, {}, kind_word="training", execution="remote")
        work = Gate()
        await start(service, work)
        work.open()


async def test_time_in_the_queue_does_not_count_as_idle(clock: Clock) -> None:
    async with OperationsService(max_concurrent=1, clock=clock) as service:
        first, second = Gate(), Gate()
        first_id = await start(service, first)
        await first.until_reached()
        second_id = await start(service, second)
        clock.seconds += 100_000
        first.open()
        await ended(service, first_id)
        await second.until_reached()
        assert (await service.get_operation(second_id, force_refresh=True)).status is OperationStatus.RUNNING
        second.open()
