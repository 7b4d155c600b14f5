"""The worker is down, is killed, comes back without its memory, or freezes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from ktrdr_engine.composition import open_application
from ktrdr_engine.errors import WorkerUnavailable
from ktrdr_engine.settings import Settings
from tests.backtesting.conftest import MAIN_JOB
from tests.faults.rig import (
    NOBODY,
    PATIENCE,
    ended,
    furnish,
    history,
    remote,
    start,
    start_running,
    until,
)
from tests.worker_app.process import Worker, worker_process

# Processes start slowly on a machine that is busy with other tests.
pytestmark = pytest.mark.timeout(60)


@contextmanager
def frozen(worker: Worker) -> Iterator[None]:
    worker.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        worker.signal(signal.SIGCONT)


def kill(worker: Worker) -> None:
    worker.signal(signal.SIGKILL)
    assert worker.wait() == -signal.SIGKILL


async def test_a_worker_that_is_down_fails_the_start_with_what_to_check_and_run(tmp_path: Path) -> None:
    async with open_application(remote(tmp_path / "home", NOBODY)) as application:
        with pytest.raises(WorkerUnavailable) as refused:
            await start(application, MAIN_JOB, idempotency_key="k")
        assert "`ktrdr-worker` starts it" in refused.value.message
        assert "REMOTE_BACKTEST_SERVICE_URL" in refused.value.message
        assert (await application.operations.list_operations()).total == 0
    async with open_application(Settings(ktrdr_home=tmp_path / "home", _env_file=None)) as local:
        # Neither did the key start anything: it is free for the same request elsewhere.
        assert (await ended(local.operations, await start(local, MAIN_JOB, idempotency_key="k"))).error is None


async def test_a_killed_worker_leaves_stale_answers_then_worker_lost(own_worker_home: Path, tmp_path: Path) -> None:
    with worker_process(own_worker_home) as worker:
        settings = remote(tmp_path / "home", worker.url, ktrdr_worker_lost_after_seconds=0)
        async with open_application(settings) as application:
            operations = application.operations
            operation_id = await start_running(application)
            seen = (await history(operations, operation_id))[-1].new_cursor
            kill(worker)
            views = [await operations.get_operation(operation_id)]
            while not views[-1].status.is_final:
                assert (views[-1].status, views[-1].stale) == ("RUNNING", True)
                assert (await operations.list_operations()).total == 1
                views.append(await operations.get_operation(operation_id))
            lost = views[-1]
            assert len(views) == 5
            assert (lost.status, lost.error and lost.error.code, lost.stale) == ("FAILED", "worker_lost", False)
            assert "5 times in a row" in (lost.error.message if lost.error else "")
            assert (await history(operations, operation_id))[-1].new_cursor >= seen
            assert await operations.cancel_operation(operation_id) == lost
            with anyio.fail_after(PATIENCE), pytest.raises(WorkerUnavailable):
                await start(application)


async def test_a_worker_that_came_back_says_what_it_knows(own_worker_home: Path, prices: Path, tmp_path: Path) -> None:
    """Without its home it has lost the operation; with it, it knows that the operation was interrupted."""
    with worker_process(own_worker_home) as worker:
        port = worker.url.rsplit(":", 1)[1]
        async with open_application(remote(tmp_path / "home", worker.url)) as application:
            operations = application.operations
            first, second = await start_running(application), await start_running(application)
            kill(worker)
            with worker_process(furnish(tmp_path / "other", prices), "--port", port) as forgetful:
                lost = await operations.get_operation(first)
                assert (lost.status, lost.error and lost.error.code) == ("FAILED", "worker_lost")
                assert (await ended(operations, await start(application, MAIN_JOB))).error is None
                kill(forgetful)
            with worker_process(own_worker_home, "--port", port):
                told = await operations.get_operation(second)
                assert (told.status, told.error and told.error.code) == ("FAILED", "interrupted")


async def test_a_frozen_worker_holds_up_nothing_else_and_is_followed_when_it_wakes(
    worker: Worker, prices: Path, tmp_path: Path
) -> None:
    home = furnish(tmp_path / "home", prices)
    async with open_application(remote(home, worker.url)) as before:
        operation_id = await start_running(before)
    # The same home in local mode still follows what it has on the worker.
    async with open_application(Settings(ktrdr_home=home, operations_cache_ttl=0, _env_file=None)) as application:
        operations = application.operations
        answered: list[str] = []

        async def look() -> None:
            view = await operations.get_operation(operation_id, force_refresh=True)
            answered.append(f"{view.status} stale={view.stale}")

        with frozen(worker):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(look)
                other = await ended(operations, await start(application, MAIN_JOB))
                assert other.status == "COMPLETED"
                assert (await operations.list_operations()).total == 2
                assert answered == []
            assert answered == ["RUNNING stale=True"]
        awake = await until(operations, operation_id, lambda seen: not seen.stale)
        assert awake.status in ("RUNNING", "COMPLETED")
        assert (await ended(operations, operation_id)).status == "COMPLETED"


async def test_a_cancel_the_worker_cannot_hear_is_told_so_and_passed_on_later(worker: Worker, tmp_path: Path) -> None:
    async with open_application(remote(tmp_path / "home", worker.url)) as application:
        operation_id = await start_running(application)
        with frozen(worker), pytest.raises(WorkerUnavailable, match="wish to cancel is kept"):
            await application.operations.cancel_operation(operation_id, "wrong symbol")
        after = await until(application.operations, operation_id, lambda seen: seen.status.is_final)
        assert after.status == "CANCELLED"
        assert "wrong symbol" in after.progress.message
