"""A server and a real worker process: what a client sees must not tell where the work ran."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ktrdr_engine.backtesting.models import BacktestRequest
from ktrdr_engine.composition import Application, open_application
from ktrdr_engine.errors import DataError, OperationConflict, WorkerUnavailable
from ktrdr_engine.operations.models import MetricsPage, Operation, OperationStatus
from ktrdr_engine.settings import Settings
from tests.backtesting.conftest import MAIN_JOB, RULES
from tests.worker_app.process import Worker, worker_process

# Processes start slowly on a machine that is busy with other tests.
pytestmark = pytest.mark.timeout(60)

_NOBODY = "http://127.0.0.1:9"


def _remote(home: Path, url: str, token: str | None = None) -> Settings:
    return Settings.model_validate(
        {
            "ktrdr_home": home,
            "use_remote_backtest_service": True,
            "remote_backtest_service_url": url,
            "ktrdr_worker_token": token,
            "operations_cache_ttl": 0.0,
        }
    )


async def _run(application: Application, job: Mapping[str, Any] = MAIN_JOB, **options: str) -> Operation:
    operation_id = await application.backtesting.run_backtest(BacktestRequest.parse(job), **options)
    operation = await application.operations.get_operation(operation_id, wait_seconds=15)
    assert operation.status is OperationStatus.COMPLETED
    return operation


async def _history(application: Application, operation_id: str) -> list[MetricsPage]:
    pages = [await application.operations.get_operation_metrics(operation_id, 0, 500)]
    while pages[-1].has_more:
        pages.append(await application.operations.get_operation_metrics(operation_id, pages[-1].new_cursor, 500))
    return pages


@pytest.mark.parametrize("job", [MAIN_JOB, RULES], ids=["network", "rules"])
async def test_a_job_gives_the_same_bytes_on_a_worker_as_here(
    worker: Worker, settings: Settings, tmp_path: Path, job: dict[str, Any]
) -> None:
    async with (
        open_application(settings) as here,
        open_application(_remote(tmp_path / "remote", worker.url)) as there,
    ):
        local, remote = await _run(here, job), await _run(there, job)
        assert (local.execution, remote.execution) == ("local", "remote")
        assert json.dumps(remote.results) == json.dumps(local.results)
        assert remote.metadata == local.metadata
        assert remote.progress == local.progress
        rows = [(await application.operations.list_operations()).operations[0] for application in (here, there)]
        assert rows[0].headline == rows[1].headline
        for name in ("trades", "equity"):
            pages = [
                await application.operations.get_operation_table(operation.operation_id, name, 3, 50)
                for application, operation in ((here, local), (there, remote))
            ]
            assert pages[0] == pages[1]
        local_pages = await _history(here, local.operation_id)
        remote_pages = await _history(there, remote.operation_id)
        for bucket in ("bars", "trades"):
            assert [e for page in remote_pages for e in page.metrics[bucket]] == [
                e for page in local_pages for e in page.metrics[bucket]
            ]


async def test_an_id_here_is_not_the_id_there_and_a_key_starts_nothing_twice(worker: Worker, tmp_path: Path) -> None:
    async with open_application(_remote(tmp_path / "home", worker.url)) as application:
        first = await _run(application, idempotency_key="k")
        connection = application.workers.at(worker.url)
        assert (await connection.health()).service == "ktrdr-worker"
        again = await _run(application, idempotency_key="k")
        assert again == first
        request = BacktestRequest.parse({**MAIN_JOB, "commission": 0})
        with pytest.raises(OperationConflict):
            await application.backtesting.run_backtest(request, idempotency_key="k")
        assert (await application.operations.list_operations()).total == 1


async def test_what_the_worker_refuses_is_refused_here_in_its_words(
    worker: Worker, settings: Settings, tmp_path: Path
) -> None:
    request = BacktestRequest.parse({**MAIN_JOB, "symbol": "EURUSDX"})
    said = []
    for opened in (settings, _remote(tmp_path / "remote", worker.url)):
        async with open_application(opened) as application:
            with pytest.raises(DataError) as refused:
                await application.backtesting.run_backtest(request)
            said.append((refused.value.message, refused.value.details))
            assert (await application.operations.list_operations()).total == 0
    assert said[0] == said[1]


async def test_without_a_worker_nothing_starts_and_the_repair_is_said(tmp_path: Path) -> None:
    async with open_application(_remote(tmp_path / "home", _NOBODY)) as application:
        with pytest.raises(WorkerUnavailable, match=r"ktrdr-worker.*REMOTE_BACKTEST_SERVICE_URL"):
            await application.backtesting.run_backtest(BacktestRequest.parse(MAIN_JOB))
        assert (await application.operations.list_operations()).total == 0


async def test_a_wrong_token_is_told_apart_from_a_worker_that_is_down(tmp_path: Path) -> None:
    with worker_process(tmp_path / "worker", KTRDR_WORKER_TOKEN="right") as worker:
        async with open_application(_remote(tmp_path / "home", worker.url, "wrong")) as application:
            with pytest.raises(WorkerUnavailable, match="KTRDR_WORKER_TOKEN"):
                await application.backtesting.run_backtest(BacktestRequest.parse(MAIN_JOB))
        async with open_application(_remote(tmp_path / "home", worker.url, "right")) as application:
            assert (await _run(application)).execution == "remote"


async def test_a_server_that_comes_back_follows_what_it_left_running(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with worker_process(tmp_path / "worker") as worker:
        async with open_application(_remote(home, worker.url)) as before:
            operation_id = await before.backtesting.run_backtest(BacktestRequest.parse(MAIN_JOB))
        async with open_application(_remote(home, worker.url)) as after:
            (row,) = (await after.operations.list_operations()).operations
            assert row.status in (OperationStatus.PENDING, OperationStatus.RUNNING)
            operation = await after.operations.get_operation(operation_id, wait_seconds=15)
            assert (operation.status, operation.stale) == (OperationStatus.COMPLETED, False)
            assert operation.results is not None
            pages = await _history(after, operation_id)
            assert sum(len(page.metrics["bars"]) for page in pages) == -(-operation.results["bars"] // 50)
            assert sum(len(page.metrics["trades"]) for page in pages) == operation.results["total_trades"]
