"""Two services over one home: what a process sees of the operations of another."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import anyio
import pytest

from ktrdr_engine.operations import sqlite_file
from ktrdr_engine.operations.archive import MemoryArchive
from ktrdr_engine.operations.models import OperationStatus, OperationType, Outcome
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.operations.store import OperationStore
from tests.operations.work import Clock, Gate, InMemoryProxy, ended, start


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.mark.parametrize("durable", [True, False])
async def test_equal_keys_in_two_services_at_once_make_one_operation(home: Path, durable: bool) -> None:
    memory = MemoryArchive()
    stores = [OperationStore(home), OperationStore(home)] if durable else [memory, memory]
    async with OperationsService(stores[0]) as one, OperationsService(stores[1]) as two:
        found: list[str] = []

        async def create(service: OperationsService) -> None:
            operation = await service.create_operation(
                OperationType.TRAINING, {}, kind_word="training", idempotency_key="k"
            )
            found.append(operation.operation_id)

        async with anyio.create_task_group() as tasks:
            for service in (one, two) * 4:
                tasks.start_soon(create, service)
        assert len(found) == 8
        assert len(set(found)) == 1
        assert (await one.list_operations()).total == 1


async def test_an_operation_of_another_live_process_is_left_alone(home: Path) -> None:
    async with OperationsService(OperationStore(home)) as one, OperationsService(OperationStore(home)) as two:
        work = Gate()
        operation_id = await start(one, work)
        await work.until_reached()
        seen = await two.get_operation(operation_id)
        assert (seen.status, seen.stale) == (OperationStatus.RUNNING, True)
        assert "another process" in seen.progress.message
        assert (await two.list_operations()).operations[0].status is OperationStatus.RUNNING
        work.open()
        done = await ended(one, operation_id)
        assert await two.get_operation(operation_id) == done


async def test_a_cancel_from_another_process_is_heeded_at_the_next_pull(home: Path) -> None:
    async with OperationsService(OperationStore(home)) as one, OperationsService(OperationStore(home)) as two:
        work = Gate(Outcome({"half": 1}))
        operation_id = await start(one, work)
        await work.until_reached()
        token = one.get_cancellation_token(operation_id)
        asked = await two.cancel_operation(operation_id, "from afar")
        assert asked.status is OperationStatus.CANCELLING
        assert (await two.cancel_operation(operation_id)).status is OperationStatus.CANCELLING
        assert not token.is_cancelled
        pulled = await one.get_operation(operation_id, force_refresh=True)
        assert pulled.status is OperationStatus.CANCELLING
        assert token.reason == "from afar"
        work.open()
        assert (await ended(one, operation_id)).results == {"half": 1, "partial": True}


async def test_a_cancel_from_another_process_wins_over_completion_without_any_pull(home: Path) -> None:
    async with OperationsService(OperationStore(home)) as one, OperationsService(OperationStore(home)) as two:
        operation = await one.create_operation(OperationType.TRAINING, {}, kind_word="training")
        await two.cancel_operation(operation.operation_id, "from afar")
        done = await one.complete_operation(operation.operation_id, {"x": 1}, tables={"t": {"a": [1]}})
        assert (done.status, done.results) == (OperationStatus.CANCELLED, {"x": 1, "partial": True})
        assert "from afar" in done.progress.message
        assert await two.get_operation(operation.operation_id) == done


async def test_a_cancel_from_another_process_keeps_waiting_work_from_starting(home: Path) -> None:
    async with (
        OperationsService(OperationStore(home), max_concurrent=1) as one,
        OperationsService(OperationStore(home)) as two,
    ):
        running, waiting = Gate(), Gate()
        await start(one, running)
        operation_id = await start(one, waiting)
        await running.until_reached()
        await two.cancel_operation(operation_id, "from afar")
        running.open()
        waiting.open()
        done = await ended(one, operation_id)
        assert done.status is OperationStatus.CANCELLED
        assert waiting.runs == 0


async def test_a_cancel_from_another_process_reaches_the_worker(home: Path, clock: Clock) -> None:
    work = Gate()
    async with (
        OperationsService(cache_ttl=0) as worker,
        OperationsService(OperationStore(home), clock=clock) as one,
        OperationsService(OperationStore(home)) as two,
    ):
        backend_id = await start(worker, work)
        await work.until_reached()
        host = await one.create_operation(OperationType.TRAINING, {}, kind_word="training", execution="remote")
        one.register_remote_proxy(backend_id, InMemoryProxy(worker), host.operation_id)
        await one.get_operation(host.operation_id)
        await two.cancel_operation(host.operation_id, "from afar")
        seen = await one.get_operation(host.operation_id, force_refresh=True)
        assert seen.status is OperationStatus.CANCELLING
        assert (await worker.get_operation(backend_id)).status is OperationStatus.CANCELLING
        work.open()


async def test_where_a_remote_operation_runs_is_recorded(home: Path) -> None:
    work = Gate()
    async with OperationsService() as worker, OperationsService(OperationStore(home)) as one:
        backend_id = await start(worker, work)
        host = await one.create_operation(OperationType.TRAINING, {}, kind_word="training", execution="remote")
        one.register_remote_proxy(backend_id, InMemoryProxy(worker), host.operation_id)
        await one.get_operation(host.operation_id)
        work.open()
    with sqlite3.connect(home / "operations.db") as connection:
        row = connection.execute("SELECT worker_url, remote_id, status FROM operations").fetchone()
    connection.close()
    assert row == ("memory://worker", backend_id, "RUNNING")


async def test_what_a_dead_process_left_is_recorded_once_the_disk_takes_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    left = OperationStore(home)
    async with OperationsService(left) as service:
        operation = await service.create_operation(OperationType.TRAINING, {}, kind_word="training")
        left.close()
        async with OperationsService(OperationStore(home)) as other:
            stranger = sqlite3.connect(home / "operations.db", isolation_level=None)
            monkeypatch.setattr(sqlite_file, "BUSY_SECONDS", 0.0)
            stranger.execute("BEGIN IMMEDIATE")
            assert (await other.get_operation(operation.operation_id)).status is OperationStatus.FAILED
            assert recorded(home) == "PENDING"
            stranger.execute("ROLLBACK")
            stranger.close()
            assert "cannot be recorded" in caplog.text
            assert (await other.list_operations()).operations[0].status is OperationStatus.FAILED
            assert recorded(home) == "FAILED"


def recorded(home: Path) -> str:
    with contextlib.closing(sqlite3.connect(home / "operations.db")) as connection:
        return str(connection.execute("SELECT status FROM operations").fetchone()[0])
