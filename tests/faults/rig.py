"""What the tests of faults share: a run that takes a second, homes that have its prices, and bounded waiting."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel

from ktrdr_engine.backtesting.models import BacktestRequest
from ktrdr_engine.composition import Application
from ktrdr_engine.operations.models import MetricsPage, Operation
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.settings import Settings
from tests.backtesting.conftest import MAIN_JOB

LONG_BARS = 1_500_000
LONG_JOB: dict[str, Any] = {**MAIN_JOB, "symbol": "LONG", "start_date": "1850-01-01", "end_date": "2100-01-01"}
NOBODY = "http://127.0.0.1:9"
PATIENCE = 15.0


def furnish(home: Path, prices: Path) -> Path:
    """Give a home the long prices, without copying them: a symbolic link would be refused."""
    (home / "data").mkdir(parents=True, exist_ok=True)
    os.link(prices, home / "data" / "LONG_1h.parquet")
    return home


def remote(home: Path, url: str, **more: float | str) -> Settings:
    """Return the settings of a server whose backtests run on the worker at `url`."""
    return Settings.model_validate(
        {
            "ktrdr_home": home,
            "use_remote_backtest_service": True,
            "remote_backtest_service_url": url,
            "operations_cache_ttl": 0.0,
            **more,
        }
    )


async def start(application: Application, job: dict[str, Any] = LONG_JOB, **options: str) -> str:
    return await application.backtesting.run_backtest(BacktestRequest.parse(job), **options)


async def start_running(application: Application, job: dict[str, Any] = LONG_JOB) -> str:
    """Start a run and return once it has begun and not ended."""
    operation_id = await start(application, job)
    operation = await until(application.operations, operation_id, lambda seen: seen.status != "PENDING")
    assert operation.status == "RUNNING"
    return operation_id


async def until(operations: OperationsService, operation_id: str, accept: Callable[[Operation], bool]) -> Operation:
    """Return the first view of an operation that is acceptable; each look is a forced pull."""
    with anyio.fail_after(PATIENCE):
        while not accept(operation := await operations.get_operation(operation_id, force_refresh=True)):
            await anyio.lowlevel.checkpoint()
    return operation


async def ended(operations: OperationsService, operation_id: str) -> Operation:
    """Return an operation that ends within the time a call may wait."""
    operation = await operations.get_operation(operation_id, wait_seconds=PATIENCE)
    assert operation.status.is_final
    return operation


async def history(operations: OperationsService, operation_id: str, cursor: int = 0) -> list[MetricsPage]:
    """Return all pages after `cursor`."""
    pages = [await operations.get_operation_metrics(operation_id, cursor, 500)]
    while pages[-1].has_more:
        pages.append(await operations.get_operation_metrics(operation_id, pages[-1].new_cursor, 500))
    return pages


def resident_megabytes(process_id: int) -> float:
    """Return how much memory a process of this machine holds."""
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError(process_id)
