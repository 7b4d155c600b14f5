"""What the operation engine costs: a bridge write, a cache hit, a pull, a start, the memory of one operation."""

from __future__ import annotations

import gc
import tempfile
import threading
import time
import tracemalloc
from array import array
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from benchmarks.pace import pace
from benchmarks.report import Measurement, percentile
from benchmarks.server import MAIN_JOB
from ktrdr_engine.backtesting.models import BacktestRequest
from ktrdr_engine.backtesting.progress_bridge import BacktestProgressBridge
from ktrdr_engine.composition import Application, open_application
from ktrdr_engine.operations.models import OperationType
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.operations.store import OperationStore
from ktrdr_engine.settings import Settings

_WRITES = 200_000
_READS = 20_000
_PULLS = 5_000
_STARTS = 60
_FINISHED = 1_000
_STAMP = 1_500_000_000_000_000_000


def bridge_writes() -> Iterator[Measurement]:
    """Time `update_progress` alone, and with a reader that never rests."""
    quiet = _time_writes(_bridge())
    yield Measurement("bridge write, p50", percentile(quiet, 0.5), "us", 0.3, pace=pace())
    yield Measurement("bridge write, p99.9", percentile(quiet, 0.999), "us", 1.0, pace=pace())
    bridge, stop = _bridge(), threading.Event()
    reader = threading.Thread(target=_read_until, args=(bridge, stop), daemon=True)
    reader.start()
    busy = _time_writes(bridge)
    stop.set()
    reader.join()
    yield Measurement("bridge write, a reader in a tight loop, p50", percentile(busy, 0.5), "us", 0.3, pace=pace())


def pulls() -> Iterator[Measurement]:
    """Time get_operation at the service: the fresh copy, and a forced pull."""
    hits, pulled = anyio.run(_time_pulls)
    yield Measurement("get_operation, cache hit, p50", percentile(hits, 0.5), "us")
    yield Measurement("get_operation, cache hit, p99", percentile(hits, 0.99), "us", 50.0)
    yield Measurement("get_operation, local pull, p95", 1e-3 * percentile(pulled, 0.95), "ms", 1.0)


def starts() -> Iterator[Measurement]:
    """Time start_backtest at the service, one after the other in a warm process."""
    samples = anyio.run(_time_starts)
    yield Measurement("start_backtest, p50", percentile(samples, 0.5), "ms")
    yield Measurement("start_backtest, p95", percentile(samples, 0.95), "ms", 50.0)


def memory() -> Iterator[Measurement]:
    """Weigh 1,000 finished operations at the service, and one running bridge whose history is full."""
    yield Measurement("memory of a finished operation (1,000 kept)", anyio.run(_weigh_finished), "KB", 100.0)
    tracemalloc.start()
    bridge = _bridge()
    for bar in range(50_000):
        bridge.update_progress(bar, 50_000, _STAMP + bar, float(bar), bar, 0.5, 1)
        _report_trade(bridge, bar)
    gc.collect()
    kilobytes = tracemalloc.get_traced_memory()[0] / 1024
    tracemalloc.stop()
    yield Measurement("memory of a running operation, history full", kilobytes, "KB", 500.0)


def _bridge() -> BacktestProgressBridge:
    return BacktestProgressBridge("op_backtest_20170102_abcdefghij", "EURUSD", "1h", _WRITES)


def _report_trade(bridge: BacktestProgressBridge, bar: int) -> None:
    bridge.report_trade(
        trade_type="LONG",
        entry_time=_STAMP,
        exit_time=_STAMP + bar,
        entry_price=1.0,
        exit_price=1.1,
        quantity=10.0,
        pnl=1.0,
        return_=0.1,
    )


def _time_writes(bridge: BacktestProgressBridge) -> list[float]:
    """Return microseconds a write, the clock's own time taken off.

    The samples go to an array made before: a growing list would be measured along with the writes.
    """
    clock, write = time.perf_counter_ns, bridge.update_progress
    empty = sorted(-(clock() - clock()) for _ in range(10_001))[5_000]
    samples = array("q", bytes(8 * _WRITES))
    for bar in range(_WRITES):
        begun = clock()
        write(bar, _WRITES, _STAMP, 12.5, 3, 0.5, 1)
        samples[bar] = clock() - begun
    return [(sample - empty) / 1e3 for sample in samples]


def _read_until(bridge: BacktestProgressBridge, stop: threading.Event) -> None:
    while not stop.is_set():
        bridge.get_status()


async def _time_pulls() -> tuple[list[float], list[float]]:
    with tempfile.TemporaryDirectory() as home:
        async with OperationsService(OperationStore(Path(home))) as operations:
            operation_id = await _running(operations)
            await operations.get_operation(operation_id)
            hits = [await _time_get(operations, operation_id, force=False) for _ in range(_READS)]
            pulled = [await _time_get(operations, operation_id, force=True) for _ in range(_PULLS)]
    return hits, pulled


async def _time_get(operations: OperationsService, operation_id: str, *, force: bool) -> float:
    begun = time.perf_counter_ns()
    await operations.get_operation(operation_id, force_refresh=force)
    return (time.perf_counter_ns() - begun) / 1e3


async def _running(operations: OperationsService) -> str:
    operation = await operations.create_operation(OperationType.BACKTESTING, dict(MAIN_JOB), kind_word="backtest")
    bridge = _bridge()
    bridge.update_progress(50, _WRITES, _STAMP, 12.5, 3, 0.5, 1)
    operations.register_local_bridge(operation.operation_id, bridge)
    return operation.operation_id


async def _time_starts() -> list[float]:
    request = BacktestRequest.parse(MAIN_JOB)
    async with _application() as application:
        await _run(application, request)
        samples = []
        for _ in range(_STARTS):
            begun = time.perf_counter()
            operation_id = await application.backtesting.run_backtest(request)
            samples.append(1e3 * (time.perf_counter() - begun))
            await application.operations.get_operation(operation_id, wait_seconds=20)
    return samples


async def _weigh_finished() -> float:
    """Return KB an operation. They end through the store with the results of a real backtest."""
    request = BacktestRequest.parse(MAIN_JOB)
    async with _application() as application:
        finished = await application.operations.get_operation(await _run(application, request))
        results, operations = finished.results or {}, application.operations
        for _ in range(20):
            await operations.complete_operation(await _running(operations), results)
        gc.collect()
        tracemalloc.start()
        for _ in range(_FINISHED):
            await operations.complete_operation(await _running(operations), results)
        gc.collect()
        kilobytes = tracemalloc.get_traced_memory()[0] / 1024
        tracemalloc.stop()
    return kilobytes / _FINISHED


async def _run(application: Application, request: BacktestRequest) -> str:
    operation_id = await application.backtesting.run_backtest(request)
    await application.operations.get_operation(operation_id, wait_seconds=20)
    return operation_id


@asynccontextmanager
async def _application() -> AsyncIterator[Application]:
    with tempfile.TemporaryDirectory() as home:
        async with open_application(Settings(ktrdr_home=Path(home), _env_file=None)) as application:
            yield application
