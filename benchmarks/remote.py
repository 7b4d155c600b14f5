"""What remote mode costs: pulls while the worker computes, the proxy beside a bare request, crowds, many cycles."""

from __future__ import annotations

import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import httpx

from benchmarks.prices import write_long_series
from benchmarks.report import Measurement, percentile
from benchmarks.server import MAIN_JOB
from ktrdr_engine.backtesting.models import BacktestRequest
from ktrdr_engine.composition import Application, open_application
from ktrdr_engine.settings import Settings

_LONG_JOB = {**MAIN_JOB, "symbol": "LONG", "start_date": "1850-01-01", "end_date": "2100-01-01"}
_LONG_BARS = 1_500_000
_PULLS = 400
_PAIRS = 1_000
_CLIENTS = 100
_LOOKS = 5
_CYCLES = 1_000
_ADDRESS = re.compile(r"running on (http://\S+)")

# A server on its own, with nothing between the socket and a reply of the size of an operation.
_BARE = """
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

async def answer(request):
    return Response(b'{"a": "%s"}' % (b"x" * 1200), media_type="application/json")

uvicorn.run(Starlette(routes=[Route("/api/v1/operations/{id}", answer)]), port=0, access_log=False)
"""


def pulls() -> Iterator[Measurement]:
    """Time forced pulls through the server's service while the worker runs two backtests."""
    with _worker() as (url, _):
        samples = anyio.run(_time_pulls, url)
    for name, fraction, bound in (("p50", 0.5, None), ("p95", 0.95, 10.0), ("p99", 0.99, 50.0)):
        yield Measurement(
            f"remote pull, two backtests running on the worker, {name}",
            1e3 * percentile(samples, fraction),
            "ms",
            bound,
            note=f"{len(samples)} pulls",
        )


def overhead() -> Iterator[Measurement]:
    """Time the proxy's get_operation beside a bare httpx GET to a bare Starlette app, in turns."""
    with _worker() as (url, _), _process("-c", _BARE) as (bare_url, _):
        bare, ours = anyio.run(_time_pairs, url, bare_url)
    yield Measurement("bare Starlette + httpx GET, p50", 1e3 * bare, "ms")
    yield Measurement("get_operation through the proxy, p50", 1e3 * ours, "ms")
    yield Measurement("proxy over the bare GET", ours / bare, "x", 2.0)


def crowd() -> Iterator[Measurement]:
    """Count what the worker is asked when 100 clients look at one operation at once."""
    with _worker() as (url, _):
        asked, slowest = anyio.run(_look_together, url)
    yield Measurement(f"pulls for {_CLIENTS} clients within one TTL", asked, "pulls", 1.0, note=f"worst of {_LOOKS}")
    yield Measurement(f"until all {_CLIENTS} have their answer, slowest", 1e3 * slowest, "ms")


def cycles() -> Iterator[Measurement]:
    """Weigh server and worker over backtests started and completed one after the other.

    As many run before as a service keeps at hand: what they leave is bounded, and there already.
    """
    with _worker() as (url, process):
        grown, seconds = anyio.run(_run_cycles, url, process.pid)
    for name, megabytes in grown.items():
        yield Measurement(f"memory of the {name} grown over {_CYCLES:,} runs", megabytes, "MB", 10.0)
    yield Measurement("a remote start/complete cycle, mean", 1e3 * seconds / _CYCLES, "ms")


def lost_worker() -> Iterator[Measurement]:
    """Time the answers of a server whose worker was killed."""
    with _worker() as (url, process):
        samples = anyio.run(_time_without_worker, url, process)
    yield Measurement("get_operation, worker killed, slowest", max(samples), "s", 1.0, note=f"of {len(samples)}")


async def _time_pulls(url: str) -> list[float]:
    async with _server(url, ttl=0) as application:
        await _complete(application, await _start(application, _LONG_JOB))
        running = [await _start(application, _LONG_JOB) for _ in range(2)]
        samples: list[float] = []
        while len(samples) < _PULLS:
            turn = len(samples) % 2
            begun = time.perf_counter()
            view = await application.operations.get_operation(running[turn], force_refresh=True)
            samples.append(time.perf_counter() - begun)
            if view.status.is_final:
                running[turn] = await _start(application, _LONG_JOB)
    return samples


async def _time_pairs(url: str, bare_url: str) -> tuple[float, float]:
    """Return the medians of the bare GET and of the proxy's."""
    async with _server(url, ttl=0) as application, httpx.AsyncClient(base_url=bare_url) as client:
        await _complete(application, await _start(application, MAIN_JOB))
        connection = application.workers.at(url)
        async with httpx.AsyncClient(base_url=url) as lister:
            remote_id = (await lister.get("/api/v1/operations")).json()["operations"][0]["operation_id"]
        bare, ours = [], []
        for _ in range(_PAIRS):
            begun = time.perf_counter()
            await client.get("/api/v1/operations/x")
            between = time.perf_counter()
            await connection.get_operation(remote_id)
            ours.append(time.perf_counter() - between)
            bare.append(between - begun)
    return statistics.median(bare), statistics.median(ours)


async def _look_together(url: str) -> tuple[int, float]:
    """Return the most pulls one look of the crowd cost, and the longest it took."""
    pulls, times = [], []
    async with _server(url, ttl=60) as application:
        for _ in range(_LOOKS):
            operation_id = await _start(application, _LONG_JOB)
            before, begun = application.operations.tally.remote_pulls, time.perf_counter()
            async with anyio.create_task_group() as clients:
                for _ in range(_CLIENTS):
                    clients.start_soon(application.operations.get_operation, operation_id)
            times.append(time.perf_counter() - begun)
            pulls.append(application.operations.tally.remote_pulls - before)
            await application.operations.cancel_operation(operation_id)
    return max(pulls), max(times)


async def _run_cycles(url: str, worker_id: int) -> tuple[dict[str, float], float]:
    processes = {"server": os.getpid(), "worker": worker_id}
    async with _server(url, ttl=1) as application:
        for _ in range(_CYCLES):
            await _complete(application, await _start(application, MAIN_JOB))
        before = {name: _resident_megabytes(number) for name, number in processes.items()}
        begun = time.perf_counter()
        for _ in range(_CYCLES):
            await _complete(application, await _start(application, MAIN_JOB))
        seconds = time.perf_counter() - begun
        grown = {name: _resident_megabytes(number) - before[name] for name, number in processes.items()}
    return grown, seconds


async def _time_without_worker(url: str, worker: subprocess.Popen[str]) -> list[float]:
    samples = []
    async with _server(url, ttl=0) as application:
        operation_id = await _start(application, _LONG_JOB)
        worker.kill()
        worker.wait()
        for _ in range(10):
            begun = time.perf_counter()
            await application.operations.get_operation(operation_id)
            samples.append(time.perf_counter() - begun)
    return samples


async def _start(application: Application, job: dict[str, str]) -> str:
    return await application.backtesting.run_backtest(BacktestRequest.parse(job))


async def _complete(application: Application, operation_id: str) -> None:
    operation = await application.operations.get_operation(operation_id, wait_seconds=25)
    if operation.status != "COMPLETED":
        raise RuntimeError(f"{operation_id} ended {operation.status}: {operation.error}")


@asynccontextmanager
async def _server(url: str, *, ttl: float) -> AsyncIterator[Application]:
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(
            ktrdr_home=Path(home),
            use_remote_backtest_service=True,
            remote_backtest_service_url=url,
            operations_cache_ttl=ttl,
            _env_file=None,
        )
        async with open_application(settings) as application:
            yield application


@contextmanager
def _worker() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    with tempfile.TemporaryDirectory() as folder:
        write_long_series(Path(folder) / "data" / "LONG_1h.parquet", _LONG_BARS)
        with _process("-m", "worker_app.main", "--port", "0", KTRDR_HOME=folder) as started:
            yield started


@contextmanager
def _process(*arguments: str, **environment: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run Python with `arguments`; yield the address it says it serves at."""
    process = subprocess.Popen(
        [sys.executable, *arguments], stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    log = process.stderr
    try:
        if log is None or not (found := next(filter(None, map(_ADDRESS.search, log)), None)):
            raise RuntimeError(f"{' '.join(arguments)[:80]} did not serve")
        drain = threading.Thread(target=log.read, daemon=True)
        drain.start()
        yield found[1], process
    finally:
        process.terminate()
        process.wait(timeout=20)


def _resident_megabytes(process_id: int) -> float:
    """Return the memory a process holds; 0 where the system does not tell as Linux does."""
    pages = Path(f"/proc/{process_id}/statm")
    return int(pages.read_text().split()[1]) * resource.getpagesize() / 2**20 if pages.exists() else 0.0
