"""Strategy files: every section and field, from the schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ktrdr_engine.strategy.schema import StrategyConfig
from scripts.reference.words import heading, paragraph, table


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield from heading("Strategy files")
    yield from paragraph(
        """YAML, one document. Keys that are not listed here are refused with the nearest known one; all
        mistakes are told at once, each with its path, its value and the repair."""
    )
    yield from _section("", StrategyConfig, set())


def _section(path: str, model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[str]:
    seen.add(model)
    yield from ("", f"## {path or 'Top level'}", "", " ".join((model.__doc__ or "").split()))
    fields = [(field.alias or name, field) for name, field in model.model_fields.items()]
    yield from table(("key", "default", "takes", "meaning"), (_row(name, field, model) for name, field in fields))
    for name, field in fields:
        for inner in _models(field.annotation):
            if inner not in seen:
                yield from _section(f"{path}.{name}".removeprefix("."), inner, seen)


def _row(name: str, field: FieldInfo, model: type[BaseModel]) -> tuple[str, str, str, str]:
    whole = model.model_json_schema(by_alias=True)
    schema, named = whole["properties"].get(name, {}), whole.get("$defs", {})
    return f"`{name}`", _default(field), _takes(schema, named), field.description or ""


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    if isinstance(field.default, BaseModel):
        return "see below"
    return f"`{_written(field.default)}`" if field.default not in ((), {}, "", None) else "none"


def _written(value: object) -> str:
    """Return a value as a strategy file holds it."""
    return json.dumps(value).strip('"').replace('["all"]', "all")


def _takes(schema: dict[str, Any], named: dict[str, Any]) -> str:
    options = [named.get(one.get("$ref", "").rpartition("/")[2], one) for one in schema.get("anyOf", [schema])]
    return " or ".join(dict.fromkeys(_kind(option) for option in options))


def _kind(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(str(choice) for choice in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    bounds = [f"{sign} {schema[key]:.12g}" for key, sign in _BOUNDS.items() if key in schema]
    noun = {"array": "list", "object": "mapping", "integer": "whole number", "null": "null"}
    kind = noun.get(schema.get("type", "object"), schema.get("type", "mapping"))
    return f"{kind} {', '.join(bounds)}".strip()


_BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
