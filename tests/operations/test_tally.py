from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from ktrdr_engine.errors import EngineError, QueueFull
from ktrdr_engine.operations.models import Operation, OperationStatus, OperationType
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.operations.tally import DURATION_BOUNDS, Durations, Kind, Tally
from tests.operations.work import Clock, Gate, InMemoryProxy, ended, start

LOCAL = Kind(OperationType.TRAINING, "local")
REMOTE = Kind(OperationType.TRAINING, "remote")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def service(clock: Clock) -> AsyncIterator[OperationsService]:
    async with OperationsService(clock=clock, max_concurrent=1, max_queued=1) as made:
        yield made


async def test_every_operation_is_counted_once_when_it_comes_and_once_when_it_ends(service: OperationsService) -> None:
    good, bad = Gate(), Gate(EngineError("no"))
    good.open()
    bad.open()
    await ended(service, await start(service, good))
    await ended(service, await start(service, bad))
    waiting = Gate()
    cancelled = await start(service, waiting)
    await waiting.until_reached()
    assert [operation.operation_id for operation in service.unfinished()] == [cancelled]
    await service.cancel_operation(cancelled)
    await service.cancel_operation(cancelled)
    waiting.open()
    await ended(service, cancelled)
    assert service.tally.accepted == {LOCAL: 3}
    assert service.tally.ended == {
        (LOCAL, OperationStatus.COMPLETED): 1,
        (LOCAL, OperationStatus.FAILED): 1,
        (LOCAL, OperationStatus.CANCELLED): 1,
    }
    assert service.unfinished() == []
    assert sum(sum(durations.counts) for durations in service.tally.durations.values()) == 3


async def test_a_repeated_start_and_a_refused_one_are_not_counted(service: OperationsService) -> None:
    held, queued = Gate(), Gate()
    first = await start(service, held, idempotency_key="k")
    assert await start(service, held, idempotency_key="k") == first
    await start(service, queued)
    with pytest.raises(QueueFull):
        await start(service, Gate())
    assert service.tally.accepted == {LOCAL: 2}
    held.open()
    queued.open()


async def test_what_never_ran_has_no_duration(service: OperationsService) -> None:
    held = Gate()
    await start(service, held)
    await service.cancel_operation(await start(service, Gate()))
    assert service.tally.ended == {(LOCAL, OperationStatus.CANCELLED): 1}
    assert service.tally.durations == {}
    held.open()


async def test_a_fresh_state_is_a_cache_hit_and_a_stale_one_a_pull(service: OperationsService, clock: Clock) -> None:
    work = Gate()
    operation_id = await start(service, work)
    await work.until_reached()
    tally = service.tally
    await service.get_operation(operation_id)
    assert (tally.local_pulls, tally.cache_hits) == (1, 0)
    await service.get_operation(operation_id)
    assert (tally.local_pulls, tally.cache_hits) == (1, 1)
    clock.seconds += 1.5
    await service.get_operation(operation_id)
    await service.get_operation(operation_id, force_refresh=True)
    assert (tally.local_pulls, tally.cache_hits) == (3, 1)
    clock.seconds += 1.5
    await service.list_operations()
    assert (tally.local_pulls, tally.cache_hits) == (4, 1)
    work.open()
    await ended(service, operation_id)
    await service.get_operation(operation_id)
    assert tally.local_pulls == 4
    assert tally.cache_hits >= 2


async def test_a_hundred_readers_of_a_stale_remote_state_cost_one_pull(service: OperationsService) -> None:
    work = Gate()
    async with OperationsService() as host:
        proxy = InMemoryProxy(service)
        remote_id = await start(service, work)
        operation = await host.create_operation(OperationType.TRAINING, {}, kind_word="training", execution="remote")
        host.register_remote_proxy(remote_id, proxy, operation.operation_id)
        async with anyio.create_task_group() as readers:
            for _ in range(100):
                readers.start_soon(host.get_operation, operation.operation_id)
        assert (proxy.gets, host.tally.remote_pulls, host.tally.cache_hits) == (1, 1, 99)
        assert host.tally.accepted == {REMOTE: 1}
        work.open()
        await ended(host, operation.operation_id)
        assert host.tally.ended == {(REMOTE, OperationStatus.COMPLETED): 1}


def test_a_duration_counts_in_the_first_bucket_it_does_not_exceed() -> None:
    durations = Durations()
    for seconds in (0.0, DURATION_BOUNDS[0], DURATION_BOUNDS[1], 1e9):
        durations.add(seconds)
    assert durations.counts == [2, 1, *[0] * (len(DURATION_BOUNDS) - 2), 1]
    assert durations.total_seconds == sum((DURATION_BOUNDS[0], DURATION_BOUNDS[1], 1e9))


def test_a_clock_that_was_set_back_gives_no_negative_duration() -> None:
    now = datetime(2025, 1, 3, tzinfo=UTC)
    operation = Operation(
        operation_id="op_training_20250103_k3v9x2m7qa",
        operation_type=OperationType.TRAINING,
        status=OperationStatus.COMPLETED,
        created_at=now,
        started_at=now,
        updated_at=now,
        completed_at=now - timedelta(hours=1),
    )
    tally = Tally()
    tally.end(operation)
    assert tally.durations[LOCAL, OperationStatus.COMPLETED].total_seconds == 0.0
