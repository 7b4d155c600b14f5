"""What comes in over HTTP: bodies of bounded size, and queries in which nothing is unknown.

Malformed is 400; well formed but out of range is the engine's `InvalidRequest`, 422.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from ktrdr_engine.errors import InvalidRequest, did_you_mean
from ktrdr_engine.operations.http_hosts import is_same_origin
from ktrdr_engine.operations.http_replies import Refused
from ktrdr_engine.operations.models import OperationStatus, OperationType
from ktrdr_engine.operations.tables import MAX_OFFSET

QueryT = TypeVar("QueryT", bound=BaseModel)

MAX_BODY_BYTES = 1_000_000

Count = Annotated[int, Field(ge=0, le=MAX_OFFSET)]


class _Query(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ListQuery(_Query):
    """Which operations to list."""

    status: Annotated[OperationStatus | None, Field(description="Only these")] = None
    operation_type: Annotated[OperationType | None, Field(description="Only these")] = None
    limit: Annotated[int, Field(ge=1, le=500, description="Most rows")] = 20
    offset: Annotated[Count, Field(description="Rows to skip, newest first")] = 0


class OperationQuery(_Query):
    """How to look at one."""

    force_refresh: Annotated[bool, Field(description="Look past every cache")] = False
    wait: Annotated[float, Field(ge=0, le=25, allow_inf_nan=False, description="Seconds to wait for its end")] = 0


class MetricsQuery(_Query):
    """Which part of a history."""

    cursor: Annotated[Count, Field(description="0, or the new_cursor of the last reply")] = 0
    limit: Annotated[int, Field(ge=1, le=500, description="Most entries")] = 50
    numbered: Annotated[bool, Field(description="Also tell each entry's sequence number, as `numbers`")] = False


class TableQuery(_Query):
    """Which rows of a table."""

    offset: Annotated[Count, Field(description="Rows to skip")] = 0
    limit: Annotated[int, Field(ge=1, le=10_000, description="Most rows")] = 100


class CancelQuery(_Query):
    """Why to cancel."""

    reason: Annotated[str | None, Field(max_length=500, description="Kept with the operation")] = None


class NoQuery(_Query):
    """Nothing may be asked besides."""


def read_query(request: Request, model: type[QueryT]) -> QueryT:
    """Return the query of a request.

    Raises:
        Refused: A parameter is unknown or given twice.
        InvalidRequest: A value is out of range.
    """
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in model.model_fields:
            known = did_you_mean(name, model.model_fields) or " This address takes none."
            raise _malformed(f"Unknown query parameter {name[:80]!r}.{known}", name)
        if name in given:
            raise _malformed(f"The query parameter {name!r} is given twice: give it once.", name)
        given[name] = value
    try:
        return model.model_validate(given)
    except ValidationError as error:
        mistakes = [
            {"field": str(e["loc"][0]), "value": str(e["input"])[:200], "problem": e["msg"]}
            for e in error.errors(include_url=False)
        ]
        text = "; ".join(f"{m['field']}={m['value']!r}: {m['problem']}" for m in mistakes)
        raise InvalidRequest(f"The query is not valid: {text}.", details={"errors": mistakes}) from None


def require_own_page(request: Request) -> None:
    """Return quietly if the request comes from no web page, or from one of this very server.

    Raises:
        Refused: It comes from another page, perhaps of another server on this machine.
    """
    if "origin" in request.headers and not is_same_origin(request.scope):
        raise Refused(403, "forbidden", "Pages of other servers may start and cancel nothing here.")


async def read_object(request: Request) -> dict[str, Any]:
    """Return the JSON object a request carries.

    Raises:
        Refused: The body is not said to be JSON, is too large, not JSON, or not an object.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        # A page of any site can have a browser send other kinds without asking first.
        raise Refused(415, "not_json", "Send the body as JSON, with the header Content-Type: application/json.")
    body = await _read_body(request)
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is a string that can never be sent back
    except (ValueError, RecursionError) as error:
        raise _malformed(f'The body is not JSON ({error}): send an object, such as {{"symbol": "EURUSD"}}.') from None
    if not isinstance(value, dict):
        raise _malformed(f"The body is a JSON {type(value).__name__}: send an object.")
    return value


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise Refused(
                413, "body_too_large", f"The body is larger than {MAX_BODY_BYTES} bytes, the most there may be."
            )
    return bytes(body)


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not a JSON number")


def _malformed(message: str, field: str | None = None) -> Refused:
    return Refused(400, "malformed", message, {"field": field[:80]} if field else None)
