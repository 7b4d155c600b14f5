"""A disk that is full, or not there, while operations run."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import anyio
import pytest

from ktrdr_engine.errors import StorageError
from ktrdr_engine.operations.archive import Artefacts, Stored
from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.models import Operation, OperationStatus, OperationType, Outcome
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.operations.store import OperationStore
from tests.operations.work import Clock, Gate, InMemoryProxy, ended, start


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


class FullDisk(OperationStore):
    """A store whose disk may be full."""

    is_full = False

    def advance(self, operation: Operation, *, cancel_reason: str | None = None) -> Stored:
        self._check()
        return super().advance(operation, cancel_reason=cancel_reason)

    def finish(self, operation: Operation, artefacts: Artefacts, *, over_cancel: bool) -> Stored:
        self._check()
        return super().finish(operation, artefacts, over_cancel=over_cancel)

    def link(self, operation_id: str, worker_url: str, remote_id: str) -> None:
        self._check()

    def _check(self) -> None:
        if self.is_full:
            raise StorageError("No space left on device: make room.")


async def test_results_that_cannot_be_stored_are_served_with_a_warning_and_stored_later(
    home: Path, clock: Clock
) -> None:
    store = FullDisk(home)
    async with OperationsService(store, clock=clock) as service:
        work = Gate(Outcome({"x": 1}, {"t": {"a": [1]}}))
        operation_id = await start(service, work)
        await work.until_reached()
        store.is_full = True
        work.open()
        unsaved = await ended(service, operation_id)
        assert (unsaved.status, unsaved.results) == (OperationStatus.COMPLETED, {"x": 1})
        assert "No space left" in unsaved.warnings[0]
        assert len((await service.get_operation_metrics(operation_id)).metrics["history"]) == 2
        assert (await service.get_operation_table(operation_id, "t")).rows == [{"a": 1}]
        assert (await service.list_operations(OperationStatus.COMPLETED)).total == 1
        assert await service.cancel_operation(operation_id) == unsaved
        clock.seconds += 2
        still = await service.get_operation(operation_id)
        assert len(still.warnings) == 1
        store.is_full = False
        clock.seconds += 2
        saved = await service.get_operation(operation_id)
        assert saved.warnings == ()
    async with OperationsService(OperationStore(home)) as service:
        assert await service.get_operation(operation_id) == saved


async def test_what_could_not_be_stored_is_stored_when_the_service_ends(home: Path) -> None:
    store = FullDisk(home)
    async with OperationsService(store) as service:
        work = Gate()
        operation_id = await start(service, work)
        await work.until_reached()
        store.is_full = True
        work.open()
        await ended(service, operation_id)
        store.is_full = False
    async with OperationsService(OperationStore(home)) as service:
        assert (await service.get_operation(operation_id)).status is OperationStatus.COMPLETED


async def test_a_step_that_cannot_be_stored_does_not_stop_the_work(home: Path) -> None:
    store = FullDisk(home)
    async with OperationsService(store) as service:
        operation = await service.create_operation(OperationType.TRAINING, {}, kind_word="training")
        store.is_full = True
        work = Gate()
        service.run_local(operation.operation_id, work, ProgressBridge(operation.operation_id))
        await work.until_reached()
        store.is_full = False
        work.open()
        done = await ended(service, operation.operation_id)
        assert done.status is OperationStatus.COMPLETED
        assert "could not be stored" in done.warnings[0]


async def test_a_worker_that_cannot_be_recorded_is_a_warning(home: Path) -> None:
    store = FullDisk(home)
    async with OperationsService() as worker, OperationsService(store) as service:
        host = await service.create_operation(OperationType.TRAINING, {}, kind_word="training", execution="remote")
        store.is_full = True
        service.register_remote_proxy("x", InMemoryProxy(worker), host.operation_id)
        await anyio.wait_all_tasks_blocked()
        async with anyio.create_task_group():
            while not (await service.get_operation(host.operation_id)).warnings:
                await anyio.lowlevel.checkpoint()


class NoRoomForResults(OperationStore):
    """A store whose disk takes a row, but no files; a row only once the reserve is given up."""

    rows_refused = 0

    def finish(self, operation: Operation, artefacts: Artefacts, *, over_cancel: bool) -> Stored:
        raise StorageError("No space left on device: make room.")

    def _put(self, operation: Operation, earlier: Collection[OperationStatus], **changes: object) -> Stored:
        if operation.status.is_final and list((self.home / "owners").glob("*.reserve")):
            self.rows_refused += 1
            raise StorageError("database or disk is full")
        return super()._put(operation, earlier, **changes)

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.home = home


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome({"x": 1}, {"t": {"a": [1]}}, "fine"), OperationStatus.COMPLETED),
        (StorageError("The model cannot be written."), OperationStatus.FAILED),
    ],
)
async def test_how_it_ended_is_recorded_where_what_it_left_is_not(
    home: Path, outcome: Outcome | BaseException, status: OperationStatus
) -> None:
    store = NoRoomForResults(home)
    async with OperationsService(store) as service:
        work = Gate(outcome)
        work.open()
        operation_id = await start(service, work)
        done = await ended(service, operation_id)
        assert done.status is status
        assert not service.is_stored(operation_id)
        assert store.rows_refused == 1
        # As after a kill: nothing of this process but what is on disk.
        found = OperationStore(home).load(operation_id)
        assert found is not None
        assert (found.operation.status, found.operation.results) == (status, None)
        assert any("Not stored" in warning for warning in found.operation.warnings)
        assert (found.operation.error and found.operation.error.code) == (
            "storage_error" if status is OperationStatus.FAILED else None
        )
    async with OperationsService(OperationStore(home)) as service:
        (row,) = (await service.list_operations()).operations
        assert row.status is status
        assert "not stored" in (row.headline or "") or status is OperationStatus.FAILED


async def test_a_noted_end_is_completed_once_there_is_room(home: Path, clock: Clock) -> None:
    store = FullDisk(home)
    async with OperationsService(store, clock=clock) as service:
        work = Gate(Outcome({"x": 1}, headline="fine"))
        operation_id = await start(service, work)
        await work.until_reached()
        store.is_full = True
        work.open()
        await ended(service, operation_id)
        assert not service.is_stored(operation_id)
        store.is_full = False
        clock.seconds += 2
        saved = await service.get_operation(operation_id)
        assert service.is_stored(operation_id)
    async with OperationsService(OperationStore(home)) as service:
        again = await service.get_operation(operation_id)
        assert (again, again.results, again.warnings) == (saved, {"x": 1}, ())
        assert (await service.list_operations()).operations[0].headline == "fine"
    assert not list((home / "owners").iterdir())


async def test_the_reserve_is_kept_anew_for_the_next_time_the_disk_is_full(home: Path) -> None:
    store = NoRoomForResults(home)
    async with OperationsService(store) as service:
        for _ in range(2):
            work = Gate(Outcome({"x": 1}))
            work.open()
            operation_id = await start(service, work)
            await ended(service, operation_id)
            found = OperationStore(home).load(operation_id)
            assert found is not None
            assert found.operation.status is OperationStatus.COMPLETED
        assert store.rows_refused == 2
