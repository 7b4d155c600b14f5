"""The OpenAPI 3.1 description, built from the models that read and write the wire. Pure data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ktrdr_engine import __version__
from ktrdr_engine.operations.http_requests import (
    CancelQuery,
    ListQuery,
    MetricsQuery,
    OperationQuery,
    TableQuery,
)
from ktrdr_engine.operations.models import MetricsPage, Operation, OperationPage, TablePage
from ktrdr_engine.operations.starting import StartRoute
from ktrdr_engine.operations.wire import API, ErrorReply, HealthReply

Json = dict[str, Any]

_ABOUT = "Start long computations, then pull their state. Times are ISO-8601 UTC, ratios are fractions."
_REF = "#/components/schemas/{model}"
_ID = "op_backtest_20250103_k3v9x2m7qa"
_REPLIES = (Operation, OperationPage, MetricsPage, TablePage, HealthReply, ErrorReply)
_MEANINGS = {
    400: "Malformed: an unknown or repeated query parameter, or a body that is no JSON object",
    401: "No token, or a wrong one",
    403: "A page of another server asks",
    404: "No operation has this id",
    409: "The operation, or the idempotency key, is not in a state for that",
    413: "The body is too large",
    415: "The body is not said to be application/json",
    422: "Well formed, but it cannot work: details name the field, the value and the repair",
    429: "As many operations wait as may wait",
    500: "A defect; the log has the details",
    503: "Not now: the server is about to end, its storage cannot be used, or its worker does not answer",
}
_LINKS: Json = {
    name: {"operationId": name, "parameters": {"operation_id": "$response.body#/operation_id"}}
    for name in ("get_operation", "get_metrics", "cancel_operation")
}
_KEY_SCHEMA: Json = {"type": "string", "minLength": 1, "maxLength": 200}


def describe(starts: Sequence[StartRoute]) -> Json:
    """Return the description of everything `http.operation_routes` serves for these starts."""
    paths = {path: item for start in starts for path, item in _start_paths(start).items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "ktrdr operations", "version": __version__, "description": _ABOUT},
        "paths": {**paths, **_operation_paths(), **_plain_paths()},
        "components": {
            "schemas": _schemas(starts),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }


def _start_paths(start: StartRoute) -> Json:
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Any text; a repeat with the same key starts nothing new",
        "schema": {**_KEY_SCHEMA, "pattern": "^[!-~]+$"},
    }
    word = start.path.strip("/").replace("/", "_")
    return {
        path: {
            "post": {
                "operationId": name,
                "summary": start.summary,
                "parameters": [key],
                "requestBody": {"required": True, "content": _content(start.request.__name__)},
                "responses": {
                    "202": {
                        "description": "Accepted; its state is at the operation's address",
                        "content": _content(start.reply.__name__),
                        "links": _LINKS,
                    },
                    **_errors(400, 401, 403, 409, 413, 415, 422, 429, 500, 503),
                },
            }
        }
        for path, name in ((start.path, word), (API + start.path, f"{word}_v1"))
    }


def _operation_paths() -> Json:
    one = f"{API}/operations/{{operation_id}}"
    table = {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "examples": ["trades"]}}
    lost = (400, 401, 404, 422, 500, 503)
    return {
        f"{API}/operations": {
            "get": _get(
                "list_operations", "List operations, newest first", ListQuery, OperationPage, (400, 401, 422, 500, 503)
            )
        },
        one: {
            "parameters": [_id()],
            "get": _get("get_operation", "Show an operation", OperationQuery, Operation, lost),
        },
        f"{one}/metrics": {
            "parameters": [_id()],
            "get": _get("get_metrics", "Read the history after a cursor", MetricsQuery, MetricsPage, lost),
        },
        f"{one}/tables/{{name}}": {
            "parameters": [_id(), table],
            "get": _get("get_table", "Read rows of a result table", TableQuery, TablePage, (*lost, 409)),
        },
        f"{one}/cancel": {
            "parameters": [_id()],
            "delete": _get("cancel_operation", "Cancel an operation", CancelQuery, Operation, lost),
        },
    }


def _plain_paths() -> Json:
    return {
        "/health": {
            "get": {
                "operationId": "health",
                "summary": "Show how the server is; needs no token",
                "security": [],
                "responses": {"200": {"description": "It answers", "content": _content(HealthReply.__name__)}},
            }
        },
        "/metrics": {
            "get": {
                "operationId": "exposition",
                "summary": "Show the server's own numbers, for Prometheus",
                "responses": {
                    "200": {"description": "Text", "content": {"text/plain": {"schema": {"type": "string"}}}},
                    **_errors(401),
                },
            }
        },
        "/openapi.json": {
            "get": {
                "operationId": "openapi",
                "summary": "Show this description",
                "responses": {
                    "200": {
                        "description": "OpenAPI 3.1",
                        "content": {"application/json": {"schema": {"type": "object"}}},
                    },
                    **_errors(401),
                },
            }
        },
    }


def _get(name: str, summary: str, query: type[BaseModel], reply: type[BaseModel], errors: Sequence[int]) -> Json:
    return {
        "operationId": name,
        "summary": summary,
        "parameters": _parameters(query),
        "responses": {"200": {"description": summary, "content": _content(reply.__name__)}, **_errors(*sorted(errors))},
    }


def _parameters(query: type[BaseModel]) -> list[Json]:
    schema = query.model_json_schema(ref_template=_REF)
    return [
        {"name": name, "in": "query", "description": field.pop("description", ""), "schema": _inlined(field, schema)}
        for name, field in schema["properties"].items()
    ]


def _inlined(field: Json, schema: Mapping[str, Any]) -> Json:
    """Return a parameter's schema with its enumeration in place, and without null, which no query can say."""
    choices = [choice for choice in field.pop("anyOf", []) if choice.get("type") != "null"]
    merged = {**field, **(choices[0] if choices else {})}
    if "$ref" in merged:
        merged = {**merged, **schema["$defs"][merged.pop("$ref").rsplit("/", 1)[1]]}
    return {key: value for key, value in merged.items() if key != "title" and value is not None}


def _schemas(starts: Sequence[StartRoute]) -> Json:
    answered: tuple[type[BaseModel], ...] = (*_REPLIES, *dict.fromkeys(start.reply for start in starts))
    _, replies = models_json_schema([(model, "serialization") for model in answered], ref_template=_REF)
    _, requests = models_json_schema([(start.request, "validation") for start in starts], ref_template=_REF)
    schemas: Json = {**replies.get("$defs", {}), **requests.get("$defs", {})}
    schemas["MetricsPage"]["properties"]["numbers"] = {
        "type": "object",
        "description": "Only if asked for: the sequence number of each entry",
        "additionalProperties": {"type": "array", "items": {"type": "integer"}},
    }
    for start in starts:
        key = {**_KEY_SCHEMA, "description": "The same as the header Idempotency-Key"}
        schemas[start.request.__name__]["properties"]["idempotency_key"] = key
    return schemas


def _errors(*statuses: int) -> Json:
    return {
        str(status): {"description": _MEANINGS[status], "content": _content(ErrorReply.__name__)} for status in statuses
    }


def _content(model: str) -> Json:
    return {"application/json": {"schema": {"$ref": _REF.format(model=model)}}}


def _id() -> Json:
    schema = {"type": "string", "examples": [_ID]}
    return {"name": "operation_id", "in": "path", "required": True, "schema": schema}
