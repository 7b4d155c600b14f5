"""Twenty clients at once, two hundred operations, two slots: everything ends, in order, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
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
_ROOM = 2 + 198
_API = "/api/v1/operations"


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory, prices: Path) -> Iterator[Worker]:
    home = furnish(tmp_path_factory.mktemp("crowded") / "home", prices)
    limits = {"KTRDR_MAX_CONCURRENT_OPERATIONS": "2", "KTRDR_MAX_QUEUED_OPERATIONS": str(_ROOM - 2)}
    with worker_process(home, **limits) as made:
        yield made


async def test_two_hundred_operations_of_twenty_clients_all_end_in_the_order_they_came(crowded: Worker) -> None:
    # What threads and libraries take once, they take now.
    await _crowd(crowded, each=3)
    before = resident_megabytes(crowded.process.pid)
    started = await _crowd(crowded, each=_EACH)
    grown = resident_megabytes(crowded.process.pid) - before
    async with httpx.AsyncClient(base_url=crowded.url, timeout=30) as client:
        operations = [(await client.get(f"{_API}/{operation_id}")).json() for operation_id in started]
    assert len(set(started)) == _CLIENTS * _EACH
    assert {operation["status"] for operation in operations} == {"COMPLETED"}
    assert len({str(operation["results"]) for operation in operations}) == 1
    # Starts of different clients overlap; one that came when another had been answered never overtakes it.
    begun = [operation["started_at"] for operation in sorted(operations, key=lambda one: str(one["created_at"]))]
    assert max(abs(sorted(begun).index(moment) - place) for place, moment in enumerate(begun)) < _CLIENTS
    assert grown < 60


async def test_beyond_the_bound_a_start_is_refused_with_when_to_come_again(crowded: Worker) -> None:
    async with httpx.AsyncClient(base_url=crowded.url, timeout=30) as client:
        held = [await _start(client, LONG_JOB) for _ in range(2)]
        replies: list[httpx.Response] = []
        while not replies or replies[-1].status_code == 202:
            replies.append(await client.post("/backtests/start", json=LONG_JOB))
            assert len(replies) <= _ROOM
        assert replies[-1].status_code == 429
        assert int(replies[-1].headers["Retry-After"]) > 0
        error = replies[-1].json()["error"]
        assert error["code"] == "queue_full"
        assert error["details"]["limit"] == _ROOM
        for operation_id in (*held, *(reply.json()["operation_id"] for reply in replies[:-1])):
            assert (await client.delete(f"{_API}/{operation_id}/cancel")).status_code == 200
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
