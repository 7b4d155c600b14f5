"""What an operator sees of a server and its worker: numbers and log lines, from real processes."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ktrdr_engine.backtesting.models import BacktestRequest
from ktrdr_engine.composition import open_application
from ktrdr_engine.errors import WorkerUnavailable
from ktrdr_engine.operations.models import OperationStatus, OperationType
from ktrdr_engine.operations.tally import Kind
from ktrdr_engine.settings import Settings
from tests.backtesting.conftest import MAIN_JOB
from tests.worker_app.process import worker_process

# Processes start slowly on a machine that is busy with other tests.
pytestmark = pytest.mark.timeout(60)

REMOTE = Kind(OperationType.BACKTESTING, "remote")


def remote_settings(home: Path, url: str) -> Settings:
    return Settings(
        ktrdr_home=home, use_remote_backtest_service=True, remote_backtest_service_url=url, _env_file=None
    )  # fmt: skip


async def test_a_remote_run_shows_in_the_numbers_of_both_and_in_the_workers_log(tmp_path: Path) -> None:
    with worker_process(tmp_path / "worker", KTRDR_LOG_FORMAT="json") as worker:
        async with open_application(remote_settings(tmp_path / "home", worker.url)) as application:
            operation_id = await application.backtesting.run_backtest(BacktestRequest.parse(MAIN_JOB))
            await application.operations.get_operation(operation_id, wait_seconds=15)
            tally = application.operations.tally
        async with httpx.AsyncClient(base_url=worker.url) as client:
            text = (await client.get("/metrics")).text
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0
    assert tally.ended == {(REMOTE, OperationStatus.COMPLETED): 1}
    assert tally.remote_pulls >= 1
    assert tally.proxy_errors == {}
    families = {family.name: family for family in text_string_to_metric_families(text)}
    (ended,) = families["ktrdr_operations_ended"].samples
    assert ended.labels == {"operation_type": "BACKTESTING", "execution": "local", "status": "COMPLETED"}
    assert ended.value == 1
    lines = [json.loads(line) for line in worker.log]
    told = [line["message"].split()[-1] for line in lines if "operation_id" in line]
    assert told == ["(local)", "COMPLETED"]
    assert len({line["operation_id"] for line in lines if "operation_id" in line}) == 1


async def test_calls_that_no_worker_answered_are_counted(tmp_path: Path) -> None:
    async with open_application(remote_settings(tmp_path / "home", "http://127.0.0.1:9")) as application:
        with pytest.raises(WorkerUnavailable):
            await application.backtesting.run_backtest(BacktestRequest.parse(MAIN_JOB))
        assert application.operations.tally.proxy_errors == {"worker_unavailable": 1}
        assert application.operations.tally.accepted == {}
