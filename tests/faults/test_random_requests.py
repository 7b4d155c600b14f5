"""Random requests against a real worker: refused with a word, never with a 500 or a traceback.

`KTRDR_RANDOM_REQUESTS=10000` asks for more of them than the 300 of every run.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backtesting.conftest import MAIN_JOB
from tests.faults.random_requests import Drawn, Requests
from tests.worker_app.process import Worker, worker_process

_COUNT = int(os.environ.get("KTRDR_RANDOM_REQUESTS", "300"))
_TOKEN = "s3cret-of-this-test"
_JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A worker that wants a token."""
    with worker_process(tmp_path_factory.mktemp("guarded") / "home", KTRDR_WORKER_TOKEN=_TOKEN) as made:
        yield made


def send(worker: Worker, drawn: Drawn, token: str | None = _TOKEN) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(worker.url.removeprefix("http://"), timeout=30)
    headers = dict(drawn.headers)
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    try:
        connection.request(drawn.method, drawn.target, drawn.body, headers)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def check(drawn: Drawn, status: int, body: bytes) -> None:
    assert 200 <= status < 300 or 400 <= status < 500, (drawn, status, body[:300])
    assert b"Traceback" not in body
    assert b"site-packages" not in body
    if status >= 400 and drawn.method != "HEAD" and body != b"Invalid HTTP request received.":
        error = json.loads(body)["error"]
        assert list(error) == ["code", "message", "details"]
        assert error["code"] != "internal"
        assert len(body) < 20_000


@pytest.mark.timeout(20 + _COUNT // 20)
def test_random_requests_are_never_a_defect(guarded: Worker) -> None:
    _, body = send(guarded, Drawn("POST", "/backtests/start", _JSON, json.dumps(MAIN_JOB).encode()))
    operation_id = json.loads(body)["operation_id"]
    _, body = send(guarded, Drawn("GET", "/openapi.json", {}, b""))
    requests = Requests(json.loads(body), (operation_id, "trades", "equity"), MAIN_JOB)
    statuses: dict[int, int] = {}

    @settings(max_examples=_COUNT, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(requests.drawn())
    def ask(drawn: Drawn) -> None:
        status, answer = send(guarded, drawn)
        check(drawn, status, answer)
        statuses[status] = statuses.get(status, 0) + 1

    ask()
    assert sum(statuses.values()) >= _COUNT
    # Requests of all sorts got through, or this has shown little.
    assert {200, 404, 422} <= set(statuses), statuses
    assert len(statuses) >= 5, statuses
    assert send(guarded, Drawn("GET", "/health", {}, b""))[0] == 200
    assert "Traceback" not in "".join(guarded.log)


@settings(max_examples=min(_COUNT, 100), deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    token=st.none() | st.text("abc3. ", max_size=30) | st.sampled_from(["", _TOKEN[:-1], _TOKEN + "x", _TOKEN.upper()]),
    path=st.sampled_from(["/backtests/start", "/api/v1/operations", "/metrics", "/openapi.json", "/nowhere", "/../x"]),
    method=st.sampled_from(["GET", "POST", "DELETE"]),
)
def test_without_the_token_nothing_is_told(guarded: Worker, token: str | None, path: str, method: str) -> None:
    status, body = send(guarded, Drawn(method, path, {}, b"{}"), token)
    assert status == 401
    assert json.loads(body)["error"]["code"] == "unauthorized"


@pytest.mark.parametrize("framing", [b"Content-Length: 500000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"])
def test_a_body_without_end_is_refused_while_it_comes(guarded: Worker, framing: bytes) -> None:
    host, port = guarded.url.removeprefix("http://").split(":")
    head = f"POST /backtests/start HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {_TOKEN}\r\n".encode()
    head += b"Content-Type: application/json\r\n"
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n" if b"chunked" in framing else b"x" * 0x10000
    sent = 0
    with socket.create_connection((host, int(port)), 10) as connection:
        connection.sendall(head + framing)
        while not select.select([connection], [], [], 0)[0]:
            assert sent < 1_000_000_000
            sent += connection.send(chunk)
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")
    assert send(guarded, Drawn("GET", "/health", {}, b""))[0] == 200
