from __future__ import annotations

import threading
from pathlib import Path

import anyio
import pytest

from ktrdr_engine.errors import OperationConflict
from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.cancellation import CancellationToken
from ktrdr_engine.operations.models import OperationStatus, OperationType, Outcome
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.operations.store import OperationStore
from tests.operations.work import PATIENCE, Clock, Gate, start


async def test_running_and_waiting_work_is_cancelled_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    obedient = Gate(Outcome({"half": 1}))
    async with OperationsService(OperationStore(tmp_path), max_concurrent=1) as service:
        running = await start(service, obedient)
        queued = Gate()
        waiting = await start(service, queued)
        await obedient.until_reached()
        cancel = CancellationToken.cancel

        def cancel_and_open(token: CancellationToken, reason: str | None = None) -> None:
            cancel(token, reason)
            obedient.open()

        monkeypatch.setattr(CancellationToken, "cancel", cancel_and_open)
    async with OperationsService(OperationStore(tmp_path)) as service:
        stopped = await service.get_operation(running)
        assert (stopped.status, stopped.results) == (OperationStatus.CANCELLED, {"half": 1, "partial": True})
        assert "shutting down" in stopped.progress.message
        assert (await service.get_operation(waiting)).status is OperationStatus.CANCELLED
    assert queued.runs == 0


async def test_work_that_does_not_stop_is_recorded_and_abandoned(tmp_path: Path) -> None:
    stubborn = Gate()
    async with OperationsService(OperationStore(tmp_path), grace_seconds=0.01) as service:
        operation_id = await start(service, stubborn)
        await stubborn.until_reached()
    async with OperationsService(OperationStore(tmp_path)) as service:
        assert (await service.get_operation(operation_id)).status is OperationStatus.CANCELLED
        stubborn.open()


async def test_closing_does_not_wait_for_work_that_was_given_up_before(clock: Clock) -> None:
    stubborn = Gate()
    async with OperationsService(clock=clock, grace_seconds=0.01) as service:
        operation = await service.create_operation(OperationType.TRAINING, {}, kind_word="training")
        service.run_local(operation.operation_id, stubborn, ProgressBridge(operation.operation_id, clock=clock))
        await stubborn.until_reached()
        clock.seconds += 100_000
        assert (await service.get_operation(operation.operation_id)).status is OperationStatus.FAILED
    stubborn.open()


async def test_closing_works_when_everything_around_is_cancelled(tmp_path: Path) -> None:
    stubborn = Gate()
    with anyio.CancelScope() as scope:
        async with OperationsService(OperationStore(tmp_path), grace_seconds=0.01) as service:
            operation_id = await start(service, stubborn)
            await stubborn.until_reached()
            scope.cancel()
            await anyio.sleep_forever()
    async with OperationsService(OperationStore(tmp_path)) as service:
        assert (await service.get_operation(operation_id)).status is OperationStatus.CANCELLED
        stubborn.open()


async def test_an_error_in_the_body_passes_through(tmp_path: Path) -> None:
    async def broken() -> None:
        async with OperationsService(OperationStore(tmp_path)) as service:
            await service.create_operation(OperationType.TRAINING, {}, kind_word="training")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await broken()


async def test_a_closed_service_takes_nothing_new_and_still_answers(tmp_path: Path) -> None:
    async with OperationsService(OperationStore(tmp_path)) as service:
        operation = await service.create_operation(OperationType.TRAINING, {}, kind_word="training")
    with pytest.raises(OperationConflict, match="shutting down"):
        await service.create_operation(OperationType.TRAINING, {}, kind_word="training")
    assert (await service.get_operation(operation.operation_id)).status is OperationStatus.CANCELLED


def test_work_that_ends_after_its_event_loop_disturbs_nobody(tmp_path: Path) -> None:
    stubborn = Gate()
    ended = threading.Event()

    def work(bridge: ProgressBridge, token: CancellationToken) -> Outcome:
        try:
            return stubborn(bridge, token)
        finally:
            ended.set()

    async def main() -> None:
        async with OperationsService(OperationStore(tmp_path), grace_seconds=0.01) as service:
            operation = await service.create_operation(OperationType.TRAINING, {}, kind_word="training")
            service.run_local(operation.operation_id, work, ProgressBridge(operation.operation_id))
            await stubborn.until_reached()

    anyio.run(main)
    stubborn.open()
    assert ended.wait(PATIENCE)
    for thread in threading.enumerate():
        if thread.name.startswith("op_training_"):
            thread.join(PATIENCE)
            assert not thread.is_alive()


async def test_remote_operations_go_on_when_this_process_leaves(tmp_path: Path) -> None:
    async with OperationsService(OperationStore(tmp_path)) as service:
        operation = await service.create_operation(OperationType.TRAINING, {}, kind_word="training", execution="remote")
    async with OperationsService(OperationStore(tmp_path)) as service:
        left = await service.get_operation(operation.operation_id)
        assert (left.status, left.stale) == (OperationStatus.PENDING, True)
