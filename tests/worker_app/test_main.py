from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.backtesting.conftest import MAIN_JOB
from tests.worker_app.process import ROOT, Worker, worker_process

# Processes start slowly on a machine that is busy with other tests.
pytestmark = pytest.mark.timeout(60)


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "worker_app.main", *arguments]
    plain = {"PYTHONPATH": str(ROOT), "PATH": "", **environment}
    return subprocess.run(command, capture_output=True, text=True, env=plain, timeout=40)


def test_it_runs_the_main_job_itself_whatever_its_environment_says(worker: Worker) -> None:
    started = httpx.post(f"{worker.url}/backtests/start", json=MAIN_JOB)
    assert started.status_code == 202
    address = f"{worker.url}/api/v1/operations/{started.json()['operation_id']}"
    operation = httpx.get(address, params={"wait": 15}, timeout=16).json()
    assert (operation["status"], operation["execution"]) == ("COMPLETED", "local")
    assert operation["results"]["total_trades"] > 0
    trades = httpx.get(f"{address}/tables/trades", params={"limit": 1}).json()
    assert trades["total"] == operation["results"]["total_trades"]


@pytest.mark.parametrize(
    ("change", "code", "word"),
    [
        ({"symbol": "EURUSDX"}, "data_error", "EURUSD"),
        ({"timeframe": "2h"}, "data_error", "1h"),
        ({"timeframe": "1d"}, "data_error", "1h"),
        ({"strategy_config_path": "rsi_mean_reversal"}, "strategy_error", "rsi_mean_reversion"),
        ({"model_path": "models/rsi_mlp.pt"}, "model_error", "rsi_mlp_v1.0.0"),
        ({"start_date": "2031-01-01", "end_date": "2031-01-02"}, "data_error", "Available"),
        ({"start_date": "1.1.2017"}, "invalid_request", "2017-01-01"),
        ({"commission": 1.5}, "invalid_request", "0.001"),
        ({"slippage": []}, "invalid_request", "number"),
        ({"symbol": None}, "invalid_request", "expected text"),
        ({"idempotency_key": ""}, "invalid_request", "1 to 200"),
        ({"start_dat": "x"}, "invalid_request", "start_date"),
        ({"end_date": "2016-01-01"}, "invalid_request", "swap"),
        ({"strategy_config_path": "../../etc/passwd"}, "strategy_error", ""),
        ({"initial_capital": 1e999}, "invalid_request", "initial_capital"),
    ],
)
def test_requests_that_cannot_work_are_422_with_the_repair(
    worker: Worker, change: dict[str, object], code: str, word: str
) -> None:
    body = json.dumps({**MAIN_JOB, **change}).replace("Infinity", "1e999")
    reply = httpx.post(f"{worker.url}/backtests/start", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == 422
    error = reply.json()["error"]
    assert error["code"] == code
    assert word in error["message"]
    (mistake,) = error["details"].get("errors", [error["details"]])
    field, value = next(iter(change.items()))
    assert mistake["field"] == field
    assert mistake["value"] in (value, repr(value))


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
def test_without_a_token_no_web_page_reaches_it(worker: Worker, headers: dict[str, str]) -> None:
    reply = httpx.get(f"{worker.url}/api/v1/operations", headers=headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "forbidden")


def test_sigterm_ends_it_in_order_and_what_it_did_is_on_disk(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with worker_process(home, KTRDR_WORKER_TOKEN="s3cret") as worker:
        assert httpx.post(f"{worker.url}/backtests/start", json=MAIN_JOB).status_code == 401
        headers = {"Authorization": "Bearer s3cret"}
        assert httpx.post(f"{worker.url}/backtests/start", json=MAIN_JOB, headers=headers).status_code == 202
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0
        assert worker.process.stdout is not None
        assert worker.process.stdout.read() == ""
        assert "Traceback" not in "".join(worker.log)
        assert len(list((home / "worker" / "results").iterdir())) == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "worker.example"])
def test_beyond_loopback_it_refuses_to_listen_without_a_token(host: str, tmp_path: Path) -> None:
    ended = _run("--host", host, KTRDR_HOME=str(tmp_path))
    assert ended.returncode == 2
    assert "KTRDR_WORKER_TOKEN" in ended.stderr
    assert ended.stdout == ""


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    ended = _run(KTRDR_HOME=str(tmp_path), OPERATIONS_CACHE_TTL="soon")
    assert ended.returncode == 2
    assert "OPERATIONS_CACHE_TTL='soon'" in ended.stderr


@pytest.mark.parametrize("port", ["70000", "http"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    assert _run("--port", port).returncode == 2


def test_a_port_that_is_taken_ends_it_with_a_word(worker: Worker, tmp_path: Path) -> None:
    ended = _run("--port", worker.url.rsplit(":", 1)[1], KTRDR_HOME=str(tmp_path / "home"))
    assert ended.returncode == 1
    assert "in use" in ended.stderr
    assert "Traceback" not in ended.stderr
