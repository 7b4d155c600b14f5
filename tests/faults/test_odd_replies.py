"""Something answers where the worker should be, but not as a worker does; or a worker's reply gets lost."""

from __future__ import annotations

import gzip
import itertools
import json
import socket
from pathlib import Path

import httpx
import pytest

from ktrdr_engine.composition import open_application
from ktrdr_engine.errors import WorkerDefect, WorkerUnavailable
from ktrdr_engine.operations.proxy import OperationServiceProxy
from tests.backtesting.conftest import MAIN_JOB
from tests.faults.answering import Answering, LosingReplies, listening
from tests.faults.rig import ended, remote, start
from tests.worker_app.process import Worker

ID = "op_backtest_20250103_k3v9x2m7qa"
_MEGABYTE = b"x" * 1_000_000


def reply(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _chunked(chunk: bytes) -> bytes:
    return f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n"


_OPEN_END = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_INFINITE_ETA = b'{"progress": {"percentage": 1e999}, "operation_id": "op_x"}'
DEFECTS = {
    "no http": b"\x00\xff\xfeSSH-2.0-OpenSSH_9.6\r\n",
    "words": reply("200 OK", b"<html>It works!</html>"),
    "nothing": reply("200 OK"),
    "no utf-8": reply("200 OK", b'"\xff\xfe"'),
    "another schema": reply("200 OK", b'{"operation_id": 7, "status": "DANCING"}'),
    "a number there is not": reply("200 OK", _INFINITE_ETA),
    "a list": reply("200 OK", b"[]"),
    "json without end": reply("200 OK", b"[" * 200_000),
    "500": reply("500 Internal Server Error", b"Traceback (most recent call last): secret"),
    "418": reply("418 I'm a teapot", json.dumps({"error": "short and stout"}).encode()),
    "a redirect": reply("307 Temporary Redirect", b"", "Location: http://169.254.169.254/latest"),
    "a redirect to itself": reply("302 Found", b"", "Location: /"),
    "a compressed bomb": reply("200 OK", gzip.compress(bytes(50_000_000)), "Content-Encoding: gzip"),
}
BAD_LUCK = {
    "502": reply("502 Bad Gateway", b"<html>nginx</html>"),
    "503": reply("503 Service Unavailable"),
    "504": reply("504 Gateway Timeout"),
    "a hang-up": b"",
    "half a reply": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
}


async def _ask(url: str) -> None:
    proxy = OperationServiceProxy(url)
    try:
        await proxy.get_operation(ID)
    finally:
        await proxy.aclose()


@pytest.mark.parametrize("name", sorted(set(DEFECTS) - {"no http"}))
async def test_a_reply_that_is_none_is_a_typed_error_after_one_attempt(name: str) -> None:
    answering = Answering(DEFECTS[name])
    with listening(answering) as url, pytest.raises(WorkerDefect) as told:
        await _ask(url)
    assert len(answering.requests) == 1
    assert url in told.value.message
    assert "secret" not in told.value.message
    assert len(told.value.message) < 3_000


@pytest.mark.parametrize("name", sorted(BAD_LUCK))
async def test_what_may_be_bad_luck_is_a_typed_error_after_three_attempts(name: str) -> None:
    answering = Answering(BAD_LUCK[name])
    with listening(answering) as url, pytest.raises(WorkerUnavailable):
        await _ask(url)
    assert len(answering.requests) == 3


async def test_what_does_not_speak_http_is_a_typed_error() -> None:
    with listening(Answering(DEFECTS["no http"])) as url, pytest.raises(WorkerUnavailable):
        await _ask(url)


@pytest.mark.parametrize(
    ("beginning", "chunk", "most"),
    [
        # What is read beyond the bound, and what lies in the buffers of two sockets.
        (_OPEN_END, _chunked(_MEGABYTE), 48_000_000),
        (reply("200 OK", b"").replace(b"Length: 0", b"Length: 99999999999"), _MEGABYTE, 48_000_000),
        (b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"y" * 65_536 + b"\r\n", 48_000_000),
    ],
    ids=["chunks", "a length", "headers"],
)
async def test_a_reply_without_end_is_cut_off(beginning: bytes, chunk: bytes, most: int) -> None:
    answering = Answering(beginning, endless=itertools.repeat(chunk))
    with listening(answering) as url, pytest.raises(WorkerUnavailable):
        await _ask(url)
    assert answering.sent < most


@pytest.mark.parametrize("name", ["words", "a redirect", "500", "another schema"])
async def test_a_start_there_makes_no_operation_here(name: str, tmp_path: Path) -> None:
    with listening(Answering(DEFECTS[name])) as url:
        async with open_application(remote(tmp_path / "home", url)) as application:
            with pytest.raises(WorkerDefect):
                await start(application, MAIN_JOB)
            assert (await application.operations.list_operations()).total == 0


async def test_an_operation_whose_worker_turns_odd_is_stale_and_then_lost(tmp_path: Path) -> None:
    accepted = reply("202 Accepted", json.dumps({"operation_id": ID, "status": "started", "message": ""}).encode())
    odd = reply("200 OK", b"<html>Sign in to the hotel's network</html>")
    replies = itertools.chain([accepted], itertools.repeat(odd))

    def answer(connection: socket.socket) -> None:
        Answering(next(replies))(connection)

    with listening(answer) as url:
        async with open_application(remote(tmp_path / "home", url, ktrdr_worker_lost_after_seconds=0)) as application:
            operation_id = await start(application, MAIN_JOB)
            views = [await application.operations.get_operation(operation_id) for _ in range(5)]
            assert [view.stale for view in views] == [True, True, True, True, False]
            assert views[-1].error is not None
            assert views[-1].error.code == "worker_lost"


@pytest.mark.parametrize("lost", [1, 2])
async def test_a_lost_reply_to_a_start_starts_nothing_twice(worker: Worker, lost: int, tmp_path: Path) -> None:
    async def total() -> int:
        async with httpx.AsyncClient(base_url=worker.url) as client:
            count: int = (await client.get("/api/v1/operations")).json()["total"]
        return count

    before = await total()
    losing = LosingReplies(worker.url, lost=lost)
    with listening(losing) as url:
        async with open_application(remote(tmp_path / "home", url)) as application:
            operation = await ended(application.operations, await start(application, MAIN_JOB))
    assert operation.status == "COMPLETED"
    assert len(losing.posts) == lost + 1
    assert len(set(losing.posts)) == 1
    assert await total() == before + 1


async def test_a_start_whose_replies_are_all_lost_is_found_again_by_its_key(worker: Worker, tmp_path: Path) -> None:
    losing = LosingReplies(worker.url, lost=3)
    with listening(losing) as url:
        async with open_application(remote(tmp_path / "home", url)) as application:
            with pytest.raises(WorkerUnavailable):
                await start(application, MAIN_JOB, idempotency_key="mine")
            assert (await application.operations.list_operations()).total == 0
            operation_id = await start(application, MAIN_JOB, idempotency_key="mine")
            assert (await ended(application.operations, operation_id)).status == "COMPLETED"
    keys = {line for post in losing.posts for line in post.split(b"\r\n") if line.lower().startswith(b"idempotency")}
    assert len(losing.posts) == 4
    assert len(keys) == 1
