"""Real processes that share a home."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ktrdr_engine.errors import StorageError
from ktrdr_engine.operations.database import Database
from ktrdr_engine.operations.models import OperationStatus
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.operations.store import OperationStore
from tests.operations.work import Gate, start

_ROOT = Path(__file__).parents[2]


class Other:
    """The other process, at the end of two pipes."""

    def __init__(self, home: Path, *, ballast: int = 0, limit_bytes: int | None = None) -> None:
        def limit() -> None:
            if limit_bytes is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.operations.other_process", str(home), str(ballast)],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=limit if limit_bytes else None,
        )
        self.operation_id = self._line()

    def ask(self, command: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self._line()

    def leave(self) -> None:
        self.process.communicate("leave\n", timeout=10)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=10)

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def other(home: Path) -> Iterator[Other]:
    process = Other(home)
    yield process
    if process.process.poll() is None:
        process.kill()


async def test_what_a_killed_process_ran_is_interrupted(home: Path, other: Other) -> None:
    async with OperationsService(OperationStore(home)) as service:
        assert (await service.get_operation(other.operation_id)).status is OperationStatus.RUNNING
        other.kill()
        operation = await service.get_operation(other.operation_id)
        assert operation.status is OperationStatus.FAILED
        assert operation.error is not None
        assert operation.error.code == "interrupted"
        assert operation.completed_at is not None
        assert await service.get_operation(other.operation_id) == operation
        assert list((home / "owners").glob("*.lock")) == []


async def test_a_list_shows_what_a_killed_process_ran_as_failed(home: Path, other: Other) -> None:
    other.kill()
    async with OperationsService(OperationStore(home)) as service:
        row = (await service.list_operations()).operations[0]
        assert (row.operation_id, row.status) == (other.operation_id, OperationStatus.FAILED)
        assert "Start the operation again" in (row.headline or "")
        assert await start(service, Gate(), idempotency_key="the key") == other.operation_id


async def test_what_a_killed_process_ran_is_shown_as_failed_also_where_that_cannot_be_recorded(
    home: Path, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(database: Database, action: object) -> None:
        raise StorageError("database or disk is full")

    other.kill()
    monkeypatch.setattr(Database, "write", refuse)
    async with OperationsService(OperationStore(home)) as service:
        row = (await service.list_operations()).operations[0]
        operation = await service.get_operation(other.operation_id)
        assert (row.status, operation.status, operation.stale) == ("FAILED", "FAILED", False)
        assert operation.error is not None
        assert operation.error.code == "interrupted"


async def test_a_live_process_is_left_alone_and_heeds_a_cancel(home: Path, other: Other) -> None:
    async with OperationsService(OperationStore(home)) as service:
        assert (await service.list_operations()).operations[0].status is OperationStatus.RUNNING
        assert (await service.cancel_operation(other.operation_id)).status is OperationStatus.CANCELLING
        assert other.ask("get") == "CANCELLING"
        assert other.ask("complete") == "CANCELLED"
        operation = await service.get_operation(other.operation_id)
        assert operation.status is OperationStatus.CANCELLED
        assert operation.results == {"answer": 42, "ballast": "", "partial": True}


async def test_a_process_that_leaves_records_its_work_as_cancelled_and_its_lock_is_gone(
    home: Path, other: Other
) -> None:
    other.leave()
    assert other.process.returncode == 0
    assert list((home / "owners").glob("*.lock")) == []
    async with OperationsService(OperationStore(home)) as service:
        operation = await service.get_operation(other.operation_id)
        assert operation.status is OperationStatus.CANCELLED
        assert "shutting down" in operation.progress.message


async def test_a_process_whose_files_may_not_grow_serves_its_results_from_memory(home: Path) -> None:
    full = Other(home, ballast=1_000_000, limit_bytes=500_000)
    try:
        said = full.ask("complete")
        assert said.startswith("COMPLETED Not stored")
        assert "File too large" in said
        assert [path.name for path in (home / "results").iterdir()] == []
    finally:
        full.kill()


async def test_what_was_read_of_a_killed_process_can_be_read_again(home: Path, other: Other) -> None:
    assert other.ask("metrics") == "1"
    async with OperationsService(OperationStore(home)) as service:
        # A part that is kept is not shown as the whole while its process lives, nor remembered as that.
        assert (await service.get_operation_metrics(other.operation_id)).new_cursor == 0
        other.kill()
        page = await service.get_operation_metrics(other.operation_id)
        assert page.metrics == {"history": [{"step": 3, "total": 10}]}
        later = await service.get_operation_metrics(other.operation_id, 7)
        assert (later.metrics, later.new_cursor, later.has_more) == ({}, 7, False)
