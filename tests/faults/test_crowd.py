"""Twenty clients at once, two hundred operations, two slots: everything ends, in order, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from tests.backtesting.conftest import MAIN_JOB
from tests.faults.rig import LONG_JOB, PATIENCE, furnish, resident_megabytes
from tests.worker_app.process import Worker, worker_process

# Processes start slowly on a machine that is busy with other tests.
pytestmark = pytest.mark.timeout(60)

_CLIENTS = 20
_EACH = 10
_RUNNING = 2
_QUEUED = 3
_API = "/api/v1/operations"


@contextmanager
def crowded(folder: Path, prices: Path, queued: int) -> Iterator[Worker]:
    limits = {"KTRDR_MAX_CONCURRENT_OPERATIONS": str(_RUNNING), "KTRDR_MAX_QUEUED_OPERATIONS": str(queued)}
    with worker_process(furnish(folder / "home", prices), **limits) as made:
        yield made


async def test_two_hundred_operations_of_twenty_clients_all_end_in_the_order_they_came(
    tmp_path: Path, prices: Path
) -> None:
    with crowded(tmp_path, prices, _CLIENTS * _EACH) as worker:
        # What threads and libraries take once, they take now.
        await _crowd(worker, each=3)
        before = resident_megabytes(worker.process.pid)
        started = await _crowd(worker, each=_EACH)
        grown = resident_megabytes(worker.process.pid) - before
        async with httpx.AsyncClient(base_url=worker.url, timeout=30) as client:
            operations = [(await client.get(f"{_API}/{operation_id}")).json() for operation_id in started]
    assert len(set(started)) == _CLIENTS * _EACH
    assert {operation["status"] for operation in operations} == {"COMPLETED"}
    assert len({str(operation["results"]) for operation in operations}) == 1
    # Starts of different clients overlap; one that came when another had been answered never overtakes it.
    begun = [operation["started_at"] for operation in sorted(operations, key=lambda one: str(one["created_at"]))]
    assert max(abs(sorted(begun).index(moment) - place) for place, moment in enumerate(begun)) < _CLIENTS
    assert grown < 60


async def test_beyond_the_bound_a_start_is_refused_with_when_to_come_again(tmp_path: Path, prices: Path) -> None:
    with crowded(tmp_path, prices, _QUEUED) as worker:
        async with httpx.AsyncClient(base_url=worker.url, timeout=30) as client:
            # One after the other, since some may end meanwhile: a run takes many times as long as a start.
            replies: list[httpx.Response] = []
            while not replies or replies[-1].status_code == 202:
                replies.append(await client.post("/backtests/start", json=LONG_JOB))
                assert len(replies) < 100
            assert len(replies) > _RUNNING + _QUEUED
            assert replies[-1].status_code == 429
            assert int(replies[-1].headers["Retry-After"]) > 0
            error = replies[-1].json()["error"]
            assert error["code"] == "queue_full"
            assert error["details"]["limit"] == _RUNNING + _QUEUED
            for reply in replies[:-1]:
                await client.delete(f"{_API}/{reply.json()['operation_id']}/cancel")
            await _complete(client, await _start(client))


async def _crowd(worker: Worker, *, each: int) -> list[str]:
    """Let all clients start that many operations each and wait for them; return the ids."""
    started: list[str] = []
    async with anyio.create_task_group() as clients:
        for _ in range(_CLIENTS):
            clients.start_soon(_client, worker.url, each, started)
    return started


async def _client(url: str, each: int, started: list[str]) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        own = [await _start(client) for _ in range(each)]
        started += own
        for operation_id in own:
            await _complete(client, operation_id)


async def _start(client: httpx.AsyncClient, job: dict[str, Any] = MAIN_JOB) -> str:
    reply = await client.post("/backtests/start", json=job)
    assert reply.status_code == 202, reply.text
    operation_id: str = reply.json()["operation_id"]
    return operation_id


async def _complete(client: httpx.AsyncClient, operation_id: str) -> None:
    operation = (await client.get(f"{_API}/{operation_id}", params={"wait": PATIENCE})).json()
    assert operation["status"] == "COMPLETED", operation
