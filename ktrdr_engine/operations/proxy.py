"""The connection to a worker: the only file that speaks HTTP as a client.

One pooled client for its whole life. Whatever goes wrong on the wire leaves here as an error of ours. What is asked
over it, and when, is the business of `sources` and `orchestrator`; the other end is `http`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote

import anyio
import httpx
import stamina
from pydantic import BaseModel, ValidationError

from ktrdr_engine.errors import (
    DataError,
    DatasetBusy,
    DependencyError,
    InputError,
    InvalidRequest,
    KtrdrError,
    ModelError,
    OperationConflict,
    OperationNotFound,
    QueueFull,
    SourceNotInstalled,
    StrategyError,
    WorkerDefect,
    WorkerUnavailable,
)
from ktrdr_engine.operations.models import (
    ErrorInfo,
    MetricsPage,
    NumberedPage,
    Operation,
    TablePage,
    is_operation_id,
)
from ktrdr_engine.operations.tables import MAX_OFFSET
from ktrdr_engine.operations.wire import API, ErrorReply, HealthReply, StartedReply
from ktrdr_engine.operations.worker_replies import (
    MOST_BYTES,
    MOST_TABLE_BYTES,
    checked_metrics,
    checked_operation,
    checked_table,
)

ModelT = TypeVar("ModelT", bound=BaseModel)

_PULL_SECONDS: Final = 3.0
_START_SECONDS: Final = 20.0
_CONNECT_SECONDS: Final = 2.0
_MESSAGE_LENGTH: Final = 2_000
_ATTEMPTS: Final = 3
_ADDRESSES = (
    "REMOTE_BACKTEST_SERVICE_URL (for trainings REMOTE_TRAINING_SERVICE_URL, for prices REMOTE_DATA_SERVICE_URL)"
)
_TRY_AGAIN: Final = frozenset({502, 503, 504})
_KNOWN: Final[dict[str, type[KtrdrError]]] = {
    kind.code: kind
    for kind in (
        InputError,
        InvalidRequest,
        StrategyError,
        DataError,
        ModelError,
        SourceNotInstalled,
        OperationConflict,
        DatasetBusy,
        DependencyError,
        QueueFull,
    )
}


class _Lanes(NamedTuple):
    """Requests of one sort never wait for those of another.

    Two at a time: a pool of connections serves a crowd far worse than a queue before it does.
    """

    pulls: anyio.Semaphore
    waits: anyio.Semaphore
    starts: anyio.Semaphore


class _Call(NamedTuple):
    method: str
    path: str
    query: Mapping[str, str] = {}
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = {}
    most_bytes: int = MOST_BYTES


class _Reply(NamedTuple):
    status: int
    body: bytes


class _NotNow(Exception):
    """A reply after which the same request may be sent again."""

    def __init__(self, reply: _Reply) -> None:
        self.reply = reply


class _PageReply(MetricsPage):
    numbers: dict[str, list[int]] | None = None

    def page(self) -> MetricsPage:
        """Return the page, with its numbers if there is one for each entry."""
        plain = {name: getattr(self, name) for name in MetricsPage.model_fields}
        if self.numbers is None or _sizes(self.numbers) != _sizes(self.metrics):
            return MetricsPage(**plain)
        return NumberedPage(**plain, numbers=self.numbers)


class OperationServiceProxy:
    """Operations of a worker, asked for over HTTP.

    Guarantees:
        - Every failure is a `KtrdrError`: what the worker refused as the error it named, everything else as
          `WorkerUnavailable`; no reply is read beyond the bounds in `worker_replies`, none is
          believed that cannot be, and no redirect is followed.
        - Only what changes nothing when repeated is sent again, at most three times: a start carries its key.

    Attributes:
        base_url: Where the worker is.
        failures: How often each error code left here.

    Args:
        base_url: Such as `http://localhost:5003`.
        token: What the worker wants to see.
        transport: Replaces the network.
        failures: Where failures are counted; None: in a count of its own.
        pull_seconds: Most time for anything but a wait or a start, queueing included.
        start_seconds: The same for a start: the worker checks the request meanwhile.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        failures: Counter[str] | None = None,
        pull_seconds: float = _PULL_SECONDS,
        start_seconds: float = _START_SECONDS,
    ) -> None:
        self.base_url = _checked_url(base_url)
        self.failures = failures if failures is not None else Counter()
        self._pull_seconds = pull_seconds
        self._start_seconds = start_seconds
        self._lanes = _Lanes(anyio.Semaphore(2), anyio.Semaphore(16), anyio.Semaphore(2))
        self._client = httpx.AsyncClient(
            base_url=self.base_url,
            headers={"Accept-Encoding": "identity", **({"Authorization": f"Bearer {token}"} if token else {})},
            transport=transport,
            # Proxies and credentials of the environment are not for a worker; settings say all there is to say.
            trust_env=False,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=24, max_keepalive_connections=4),
        )

    async def start(self, path: str, body: Mapping[str, Any], idempotency_key: str) -> str:
        """Start work and return its id on the worker.

        Raises:
            InputError: The worker refused the request.
            QueueFull: Too much waits there.
            WorkerUnavailable: It cannot be reached, or does not answer as a worker does.
        """
        call = _Call("POST", path, body=body, headers={"Idempotency-Key": idempotency_key})
        reply = await self._ask(call, StartedReply, self._lanes.starts, self._start_seconds)
        if not is_operation_id(reply.operation_id):
            raise self._noted(self._defect(f"gave out an id that is none: {reply.operation_id[:80]!r}"))
        return reply.operation_id

    async def get_operation(self, operation_id: str, force_refresh: bool = False, wait_seconds: float = 0) -> Operation:
        """Return the worker's view, after a wait for the end if so asked.

        Raises:
            OperationNotFound: The worker does not know it.
            WorkerUnavailable: The worker cannot be reached, or does not answer as a worker does.
        """
        query = {"force_refresh": "true"} if force_refresh else {}
        if wait_seconds:
            query["wait"] = f"{wait_seconds:.3f}"
        lane = self._lanes.waits if wait_seconds else self._lanes.pulls
        call = _Call("GET", _address(operation_id), query)
        return self._checked(operation_id, await self._ask(call, Operation, lane, self._pull_seconds + wait_seconds))

    async def get_metrics(self, operation_id: str, cursor: int = 0, limit: int = 50) -> MetricsPage:
        """Return the worker's history after `cursor`.

        Raises:
            OperationNotFound, WorkerUnavailable: As `get_operation`.
            InvalidRequest: The cursor or the limit is out of range.
        """
        query = {"cursor": str(cursor), "limit": str(limit), "numbered": "true"}
        call = _Call("GET", f"{_address(operation_id)}/metrics", query)
        page = await self._ask(call, _PageReply, self._lanes.pulls, self._pull_seconds)
        with self._sound("metrics"):
            return checked_metrics(page.page(), cursor, limit)

    async def get_table(self, operation_id: str, name: str, offset: int = 0, limit: int = 100) -> TablePage:
        """Return rows of a result table.

        Raises:
            OperationNotFound, WorkerUnavailable: As `get_operation`.
            OperationConflict: There is no such table, or not yet.
            InvalidRequest: The offset or the limit is out of range.
        """
        path = f"{_address(operation_id)}/tables/{quote(name, safe='')}"
        offset = min(offset, MAX_OFFSET)
        call = _Call("GET", path, {"offset": str(offset), "limit": str(limit)}, most_bytes=MOST_TABLE_BYTES)
        page = await self._ask(call, TablePage, self._lanes.pulls, self._pull_seconds)
        with self._sound("rows"):
            return checked_table(page, offset, limit)

    async def cancel_operation(self, operation_id: str, reason: str | None = None) -> Operation:
        """Ask the worker to stop; return its view afterwards.

        Raises:
            OperationNotFound, WorkerUnavailable: As `get_operation`.
        """
        call = _Call("DELETE", f"{_address(operation_id)}/cancel", {"reason": reason} if reason else {})
        return self._checked(operation_id, await self._ask(call, Operation, self._lanes.pulls, self._pull_seconds))

    async def health(self) -> HealthReply:
        """Return how the worker is.

        Raises:
            WorkerUnavailable: As `get_operation`.
        """
        return await self._ask(_Call("GET", "/health"), HealthReply, self._lanes.pulls, self._pull_seconds)

    async def aclose(self) -> None:
        """Close all connections; the proxy cannot be used afterwards."""
        await self._client.aclose()

    async def _ask(self, call: _Call, model: type[ModelT], lane: anyio.Semaphore, seconds: float) -> ModelT:
        try:
            reply = await self._reply(call, lane, seconds)
            if not 200 <= reply.status < 300:
                raise self._refusal(call, reply)
            return self._parsed(model, reply)
        except KtrdrError as error:
            raise self._noted(error) from None

    async def _reply(self, call: _Call, lane: anyio.Semaphore, seconds: float) -> _Reply:
        try:
            with anyio.fail_after(seconds):
                async with lane:
                    return await self._send_until_answered(call, seconds)
        except (TimeoutError, httpx.TimeoutException):
            raise self._unreachable(f"did not answer within {seconds:g} s") from None
        except _NotNow as refused:
            return refused.reply
        except httpx.HTTPError as error:
            raise self._unreachable(f"cannot be reached ({error or type(error).__name__})") from None

    async def _send_until_answered(self, call: _Call, seconds: float) -> _Reply:
        attempts = stamina.retry_context(
            on=_may_be_repeated,
            attempts=_ATTEMPTS,
            timeout=seconds,
            wait_initial=0.05,
            wait_max=0.2,
            wait_jitter=0.05,
        )
        async for attempt in attempts:
            with attempt:
                reply = await self._send(call, seconds)
                if reply.status in _TRY_AGAIN:
                    raise _NotNow(reply)
        return reply

    async def _send(self, call: _Call, seconds: float) -> _Reply:
        timeout = httpx.Timeout(seconds, connect=_CONNECT_SECONDS)
        async with self._client.stream(
            call.method, call.path, params=call.query, json=call.body, headers=call.headers, timeout=timeout
        ) as response:
            if response.is_redirect or 300 <= response.status_code < 400:
                raise self._defect(f"redirects to {response.headers.get('location', '')[:200]!r}")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise self._defect("compresses its replies though it was asked not to")
            return _Reply(response.status_code, await self._read(response, call.most_bytes))

    async def _read(self, response: httpx.Response, most_bytes: int) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > most_bytes:
                raise self._defect(f"sent more than {most_bytes} bytes")
        return bytes(body)

    def _parsed(self, model: type[ModelT], reply: _Reply) -> ModelT:
        try:
            return model.model_validate_json(reply.body)
        except ValidationError as error:
            raise self._defect(f"sent something that is no {model.__name__} ({error.error_count()} mistakes)") from None

    def _checked(self, operation_id: str, operation: Operation) -> Operation:
        if operation.operation_id != operation_id:
            raise self._noted(self._defect(f"sent another operation than {operation_id!r}"))
        with self._sound("an operation"):
            return checked_operation(operation)

    @contextmanager
    def _sound(self, what: str) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            raise self._noted(self._defect(f"sent {what} that cannot be ({error})")) from None

    def _refusal(self, call: _Call, reply: _Reply) -> KtrdrError:
        """Return the error that a reply means."""
        info = _error_info(reply.body)
        message = info.message[:_MESSAGE_LENGTH] if info else f"status {reply.status}"
        if reply.status in (401, 403):
            return WorkerUnavailable(
                f"The worker at {self.base_url} refused the request ({message}) "
                "Set KTRDR_WORKER_TOKEN to the same value here and there.",
                details={"url": self.base_url, "status": reply.status},
            )
        if reply.status == 404 and call.path.startswith(f"{API}/operations/"):
            return OperationNotFound(message, details=info.details if info else None)
        if info and reply.status in (409, 422, 429) and (kind := _KNOWN.get(info.code)):
            return kind(message, details=info.details)
        if reply.status in _TRY_AGAIN:
            return self._unreachable(f"cannot answer now ({message})")
        return self._defect(f"answered {call.method} {call.path} with {reply.status} ({message})")

    def _unreachable(self, what: str) -> WorkerUnavailable:
        return WorkerUnavailable(
            f"The worker at {self.base_url} {what}. Check that it runs (`ktrdr-worker` starts it) and that "
            f"{_ADDRESSES} is its address, or unset the USE_REMOTE_... beside it to run here.",
            details={"url": self.base_url},
        )

    def _defect(self, what: str) -> WorkerDefect:
        return WorkerDefect(
            f"What answers at {self.base_url} {what}. Check that {_ADDRESSES} is the final "
            "address of a ktrdr-worker of the same version.",
            details={"url": self.base_url},
        )

    def _noted(self, error: KtrdrError) -> KtrdrError:
        self.failures[error.code] += 1
        return error


def _sizes(buckets: Mapping[str, Sequence[object]]) -> dict[str, int]:
    return {name: len(entries) for name, entries in buckets.items()}


def report_retries_to_nobody() -> None:
    """Switch off, for the process, what the retry library would log and count for itself: `failures` tells the rest."""
    stamina.instrumentation.set_on_retry_hooks(())


def _may_be_repeated(error: Exception) -> bool:
    """Return whether it is worth a second attempt: the connection broke, or something on the way was busy."""
    return isinstance(error, _NotNow | httpx.NetworkError | httpx.RemoteProtocolError | httpx.ConnectTimeout)


def _address(operation_id: str) -> str:
    return f"{API}/operations/{quote(operation_id, safe='')}"


def _error_info(body: bytes) -> ErrorInfo | None:
    try:
        return ErrorReply.model_validate_json(body).error
    except ValidationError:
        return None


def _checked_url(text: str) -> str:
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise InvalidRequest(
            "REMOTE_BACKTEST_SERVICE_URL is not the address of a worker: write it like http://localhost:5003, "
            "and a secret into KTRDR_WORKER_TOKEN.",
            details={"field": "REMOTE_BACKTEST_SERVICE_URL"},
        )
    return str(url).rstrip("/")
