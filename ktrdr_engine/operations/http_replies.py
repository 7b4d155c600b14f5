"""What goes back over HTTP: models as JSON, and every error as `{"error": {code, message, details}}`.

Neighbours: `http` has the routes, `proxy` reads all this on the other side of the wire.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ktrdr_engine.errors import (
    InputError,
    KtrdrError,
    OperationConflict,
    OperationNotFound,
    QueueFull,
    ShuttingDown,
    StorageError,
    WorkerUnavailable,
)
from ktrdr_engine.operations.endings import error_info
from ktrdr_engine.operations.models import ErrorInfo, to_json
from ktrdr_engine.operations.wire import ErrorReply

logger = logging.getLogger(__name__)

Answer = Callable[[Request], Awaitable[Response]]

RETRY_AFTER_SECONDS = 5
# The first that fits counts: ShuttingDown is a conflict as well.
_STATUS: tuple[tuple[type[KtrdrError], int], ...] = (
    (InputError, 422),
    (OperationNotFound, 404),
    (ShuttingDown, 503),
    (OperationConflict, 409),
    (QueueFull, 429),
    (WorkerUnavailable, 503),
    (StorageError, 503),
)
_WAITING = (429, 503)
_WORDS = {
    400: ("malformed", "The request is malformed."),
    404: ("not_found", "There is nothing here; /openapi.json lists what there is."),
    405: ("method_not_allowed", "This address takes another method; /openapi.json says which."),
}
_DEFECT = ErrorInfo(
    code="internal",
    message="This failed inside ktrdr. It is a defect, not your request; the server's log has the details.",
)


class Refused(Exception):
    """A request that was turned away before anything was asked of the engine."""

    def __init__(self, status: int, code: str, message: str, details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.info = ErrorInfo(code=code, message=message, details=dict(details or {}))


def model_reply(model: BaseModel, status: int = 200) -> Response:
    """Return a model as JSON; numbers that are not finite become null."""
    return _json(model.model_dump_json(), status)


def data_reply(data: object) -> Response:
    """Return plain data as JSON."""
    return _json(to_json(data, what="reply"), 200)


def error_reply(status: int, info: ErrorInfo, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error."""
    waiting = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status in _WAITING else {}
    return _json(ErrorReply(error=info).model_dump_json(), status, {**waiting, **(headers or {})})


def answered(answer: Answer) -> Answer:
    """Wrap an endpoint so that it always replies, and never with a traceback."""

    async def endpoint(request: Request) -> Response:
        try:
            return await answer(request)
        except Refused as refusal:
            return error_reply(refusal.status, refusal.info)
        except KtrdrError as error:
            return _of_ours(error)
        except ClientDisconnect:
            return error_reply(400, ErrorInfo(code="malformed", message="The body ended early."))
        except Exception:
            # The top of a request: the log gets the traceback, the client a stable code.
            logger.exception("%s %s failed", request.method, request.url.path)
            return error_reply(500, _DEFECT)

    return endpoint


async def http_exception_reply(request: Request, error: Exception) -> Response:
    """Return the framework's own refusals (no such address, wrong method) in our form."""
    assert isinstance(error, HTTPException)
    code, message = _WORDS.get(error.status_code, ("http_error", error.detail))
    info = ErrorInfo(code=code, message=message, details={"method": request.method, "path": request.url.path[:200]})
    return error_reply(error.status_code, info, error.headers)


async def defect_reply(request: Request, error: Exception) -> Response:
    """Return what a client is told of an exception nothing else caught."""
    return error_reply(500, _DEFECT)


def status_of(kind: type[KtrdrError]) -> int:
    """Return the HTTP status of an error of ours."""
    return next((status for known, status in _STATUS if issubclass(kind, known)), 500)


def _of_ours(error: KtrdrError) -> Response:
    return error_reply(status_of(type(error)), error_info(error))


def _json(text: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    plain = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(text, status, {**plain, **(headers or {})}, media_type="application/json")
