"""What a client of the stdio server feels: cold start, call latency under load, the first backtest and the next."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.prices import write_long_series
from benchmarks.report import Measurement, percentile
from benchmarks.wire import StdioServer

MAIN_JOB = {
    "symbol": "EURUSD",
    "timeframe": "1h",
    "strategy_config_path": "strategies/rsi_mean_reversion.yaml",
    "model_path": "models/rsi_mlp_v1.0.0.pt",
    "start_date": "2017-01-02",
    "end_date": "2017-12-29",
}
_STARTS = 5
_SAMPLED_FOR = 6.0  # seconds: several runs, so that each of their stages counts for as long as it takes
_LONG_BARS = 1_500_000

Start = Callable[[StdioServer], str]
"""Starts an operation and returns its id."""


def cold_start() -> Iterator[Measurement]:
    """Time a new process to its first answer, and to its tool list."""
    first_answers, tool_lists = [], []
    with tempfile.TemporaryDirectory() as home:
        for _ in range(_STARTS):
            begun = time.perf_counter()
            with StdioServer(Path(home)) as server:
                first_answers.append(time.perf_counter() - begun)
                server.request("tools/list", {})
                tool_lists.append(time.perf_counter() - begun)
    yield Measurement("server cold start to first answer, median", statistics.median(first_answers), "s", 1.0)
    yield Measurement("server cold start to tools/list, median", statistics.median(tool_lists), "s", 1.0)


def backtests() -> Iterator[Measurement]:
    """Time the main job from start_backtest to COMPLETED over stdio: in a new process, then in a warm one."""
    with tempfile.TemporaryDirectory() as home, StdioServer(Path(home)) as server:
        cold = _run(server)
        warm = [_run(server) for _ in range(10)]
    yield Measurement("first backtest in a new process (6k bars)", cold, "s", note="imports torch, numba, TA-Lib")
    yield Measurement("next backtest, median (6k bars)", 1e3 * statistics.median(warm), "ms")


def calls_under_load() -> Iterator[Measurement]:
    """Time get_operation over stdio while 0, 1 and 2 backtests of a long series run."""
    for running in (0, 1, 2):
        yield from _calls(f"{running} backtests running", running, _start_long, target=5.0)


def calls_while_training() -> Iterator[Measurement]:
    """Time get_operation over stdio while a training runs."""
    yield from _calls("a training running", 1, _start_training, target=10.0)


def _calls(load: str, running: int, start: Start, *, target: float) -> Iterator[Measurement]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_long_series(home / "data" / "LONG_1h.parquet", _LONG_BARS)
        with StdioServer(home, KTRDR_MAX_CONCURRENT_OPERATIONS=str(max(1, running))) as server:
            samples, answered_running = _sample_calls(server, running, start)
    for name, fraction in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        yield Measurement(
            f"get_operation over stdio, {load}, {name}",
            1e3 * percentile(samples, fraction),
            "ms",
            target if name == "p95" else None,
            note=f"{answered_running} of {len(samples)} answers: RUNNING" if running else "",
        )


def _run(server: StdioServer) -> float:
    begun = time.perf_counter()
    operation_id = server.call("start_backtest", **MAIN_JOB)["operation_id"]
    status = server.call("get_operation", operation_id=operation_id, wait_seconds=25)["status"]
    if status != "COMPLETED":
        raise RuntimeError(f"the main job ended {status}")
    return time.perf_counter() - begun


def _sample_calls(server: StdioServer, running: int, start: Start) -> tuple[list[float], int]:
    """Ask for the operations in turn, with a new one in place of each that ended; count the answers RUNNING."""
    _run(server)
    handles = [start(server) for _ in range(running)]
    watched = handles or [server.call("list_operations")["operations"][0]["operation_id"]]
    samples: list[float] = []
    answered_running = 0
    end = time.perf_counter() + _SAMPLED_FOR
    while time.perf_counter() < end:
        place = len(samples) % len(watched)
        begun = time.perf_counter()
        operation = server.call("get_operation", operation_id=watched[place], force_refresh=True)
        samples.append(time.perf_counter() - begun)
        answered_running += operation["status"] == "RUNNING"
        if running and operation["status"] not in ("PENDING", "RUNNING"):
            watched[place] = start(server)
    for handle in watched if running else ():
        server.call("cancel", operation_id=handle)
    return samples, answered_running


def _start_long(server: StdioServer) -> str:
    job = {**MAIN_JOB, "symbol": "LONG", "start_date": "1850-01-01", "end_date": "2021-01-01"}
    handle: str = server.call("start_backtest", **job)["operation_id"]
    return handle


def _start_training(server: StdioServer) -> str:
    job = {name: MAIN_JOB[name] for name in ("strategy_config_path", "start_date", "end_date")}
    handle: str = server.call("start_training", **job)["operation_id"]
    return handle
