from __future__ import annotations

import threading

import anyio
import pytest

from ktrdr_engine.errors import OperationConflict
from ktrdr_engine.operations.bridge import BridgeStatus, ProgressBridge
from ktrdr_engine.operations.health import HealthService
from ktrdr_engine.operations.models import ErrorInfo, Operation, OperationStatus, OperationType, Outcome
from ktrdr_engine.operations.service import OperationsService
from tests.operations.work import Clock, Gate, ended, start


async def _created(service: OperationsService) -> Operation:
    return await service.create_operation(OperationType.TRAINING, {}, kind_word="training")


async def _running(service: OperationsService) -> tuple[str, ProgressBridge]:
    operation = await _created(service)
    bridge = ProgressBridge(operation.operation_id)
    service.register_local_bridge(operation.operation_id, bridge)
    await anyio.wait_all_tasks_blocked()
    while (await service.get_operation(operation.operation_id, force_refresh=True)).status is OperationStatus.PENDING:
        await anyio.lowlevel.checkpoint()
    return operation.operation_id, bridge


async def test_whoever_runs_the_work_says_that_it_is_complete() -> None:
    async with OperationsService() as service:
        operation_id, bridge = await _running(service)
        bridge.update(7, 10)
        operation = await service.complete_operation(operation_id, {"x": 1}, headline="fine")
        assert (operation.status, operation.results) == (OperationStatus.COMPLETED, {"x": 1})
        assert (operation.progress.percentage, operation.progress.current_step) == (100, 7)
        assert (await service.list_operations()).operations[0].headline == "fine"


async def test_whoever_runs_the_work_says_that_it_failed() -> None:
    async with OperationsService() as service:
        operation_id, _ = await _running(service)
        token = service.get_cancellation_token(operation_id)
        operation = await service.fail_operation(operation_id, ErrorInfo(code="out_of_memory", message="too much"))
        assert operation.status is OperationStatus.FAILED
        assert operation.error == ErrorInfo(code="out_of_memory", message="too much")
        assert (await service.list_operations()).operations[0].headline == "too much"
        assert token.is_cancelled


async def test_a_cancelled_operation_never_completes() -> None:
    async with OperationsService() as service:
        operation_id, _ = await _running(service)
        await service.cancel_operation(operation_id, "no")
        operation = await service.complete_operation(operation_id, {"x": 1})
        assert operation.status is OperationStatus.CANCELLED
        assert operation.results == {"x": 1, "partial": True}
        assert await service.complete_operation(operation_id, {"x": 2}) == operation


async def test_a_final_status_never_changes() -> None:
    async with OperationsService() as service:
        operation_id, _ = await _running(service)
        done = await service.complete_operation(operation_id, {"x": 1})
        assert await service.fail_operation(operation_id, ErrorInfo(code="c", message="m")) == done
        assert await service.finish_cancelled(operation_id, Outcome({"x": 2})) == done
        assert await service.cancel_operation(operation_id) == done
        assert await service.get_operation(operation_id, force_refresh=True) == done


async def test_of_many_ends_at_once_the_first_counts() -> None:
    async with OperationsService() as service:
        operation_id, _ = await _running(service)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(service.complete_operation, operation_id, {"x": 1})
            tasks.start_soon(service.fail_operation, operation_id, ErrorInfo(code="c", message="m"))
            tasks.start_soon(service.finish_cancelled, operation_id)
        assert (await service.get_operation(operation_id)).status is OperationStatus.COMPLETED


async def test_a_failure_while_cancelling_is_not_hidden() -> None:
    async with OperationsService() as service:
        operation_id, _ = await _running(service)
        await service.cancel_operation(operation_id)
        operation = await service.fail_operation(operation_id, ErrorInfo(code="engine_error", message="m"))
        assert operation.status is OperationStatus.FAILED


async def test_an_operation_nobody_gave_work_can_be_cancelled_or_concluded() -> None:
    async with OperationsService() as service:
        one, two = await _created(service), await _created(service)
        assert (await service.get_operation(one.operation_id)).status is OperationStatus.PENDING
        assert (await service.cancel_operation(one.operation_id)).progress.message == "Cancelled."
        assert (await service.complete_operation(two.operation_id, {})).status is OperationStatus.COMPLETED
        assert (await service.get_operation_metrics(two.operation_id)).metrics == {}


async def test_an_id_names_the_type_where_the_kind_has_no_word_of_its_own() -> None:
    async with OperationsService() as service:
        operation = await service.create_operation(OperationType.DATA_LOADING, {})
        assert operation.operation_id.startswith("op_data_loading_")
        assert await service.get_operation(operation.operation_id) == operation


async def test_metrics_of_an_operation_without_work_are_empty() -> None:
    async with OperationsService() as service:
        operation = await _created(service)
        assert (await service.get_operation_metrics(operation.operation_id)).metrics == {}


async def test_a_reason_is_cut_to_500_characters() -> None:
    async with OperationsService() as service:
        operation = await _created(service)
        cancelled = await service.cancel_operation(operation.operation_id, "x" * 9_999)
        assert cancelled.progress.message == "Cancelled: " + "x" * 500


async def test_there_is_one_token_for_the_whole_life() -> None:
    async with OperationsService() as service:
        work = Gate()
        operation_id = await start(service, work)
        token = service.get_cancellation_token(operation_id)
        await work.until_reached()
        assert service.get_cancellation_token(operation_id) is token
        await service.cancel_operation(operation_id, "no")
        assert token.is_cancelled
        work.open()
        await ended(service, operation_id)
        assert service.get_cancellation_token(operation_id) is token
        del token
        assert service.get_cancellation_token(operation_id).is_cancelled


async def test_the_token_of_a_completed_operation_is_not_cancelled() -> None:
    async with OperationsService() as service:
        operation_id, _ = await _running(service)
        await service.complete_operation(operation_id, {})
        assert not service.get_cancellation_token(operation_id).is_cancelled


async def test_stuck_work_fails_is_told_to_stop_and_frees_its_place_in_the_books(clock: Clock) -> None:
    health = HealthService(stuck_after_seconds=60)
    async with OperationsService(clock=clock, health=health) as service:
        operation = await _created(service)
        bridge = ProgressBridge(operation.operation_id, clock=clock)
        work = Gate()
        service.run_local(operation.operation_id, work, bridge)
        await work.until_reached()
        token = service.get_cancellation_token(operation.operation_id)
        clock.seconds += 60
        assert (await service.get_operation(operation.operation_id)).status is OperationStatus.RUNNING
        clock.seconds += 1.5
        stuck = await service.get_operation(operation.operation_id)
        assert stuck.status is OperationStatus.FAILED
        assert stuck.error is not None
        assert stuck.error.code == "stuck"
        assert token.is_cancelled
        work.open()
        await anyio.wait_all_tasks_blocked()
        assert (await service.get_operation(operation.operation_id)) == stuck


class _Unreadable(ProgressBridge):
    def get_status(self) -> BridgeStatus:
        raise ZeroDivisionError


async def test_a_bridge_that_cannot_be_read_fails_its_operation_and_nothing_else() -> None:
    async with OperationsService() as service:
        operation = await _created(service)
        work = Gate()
        work.open()
        service.run_local(operation.operation_id, work, _Unreadable(operation.operation_id))
        failed = await service.get_operation(operation.operation_id, wait_seconds=8)
        assert failed.error is not None
        assert failed.error.code == "engine_error"
        healthy = Gate()
        healthy.open()
        assert (await ended(service, await start(service, healthy))).status is OperationStatus.COMPLETED


async def test_a_thread_that_cannot_be_started_fails_its_operation_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async with OperationsService() as service:
        operation = await _created(service)
        await service.list_operations()
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            service.run_local(operation.operation_id, Gate(), ProgressBridge(operation.operation_id))
            failed = await service.get_operation(operation.operation_id, wait_seconds=8)
        assert failed.error is not None
        assert failed.error.code == "engine_error"


async def test_details_that_are_not_json_become_text() -> None:
    async with OperationsService() as service:
        work = Gate(OperationConflict("no", details={"thing": {1, 2}.__class__}))
        work.open()
        operation = await ended(service, await start(service, work))
        assert operation.error is not None
        assert operation.error.details == {"thing": "<class 'set'>"}


async def test_work_cannot_be_given_to_a_service_that_is_not_open() -> None:
    service = OperationsService()
    operation = await _created(service)
    with pytest.raises(RuntimeError, match="async with"):
        service.run_local(operation.operation_id, Gate(), ProgressBridge("x"))
