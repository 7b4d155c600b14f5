"""Schemas as clients are told them: what every host and model API takes, and no word more than a model needs.

Not what is checked: `arguments` keeps that. Some APIs refuse a keyword, some helpers crash on one, and others drop
them, so that a range also stands in the description.
"""

from __future__ import annotations

from typing import Any, Final

from ktrdr_mcp.replies import FOLLOWED

Schema = dict[str, Any]

_NOT_IN_INPUTS: Final = frozenset({"title", "examples", "additionalProperties", "exclusiveMinimum", "exclusiveMaximum"})
_NOT_IN_OUTPUTS: Final = frozenset({"title", "description", "default", "format", "additionalProperties"})
_TOO_LARGE_TO_SAY: Final = 1e6


def published_input(schema: Schema) -> Schema:
    """Return the input schema of a tool: no `$ref`, and what is left of each argument's range in its description."""
    lean = _lean(_inlined(schema), _NOT_IN_INPUTS)
    told = _inlined(schema).get("properties", {})
    lean["properties"] = {
        name: _described(one, told[name], name in schema.get("required", ()))
        for name, one in lean.get("properties", {}).items()
    }
    return lean


def published_output(schema: Schema) -> Schema:
    """Return the schema of a structured reply, with what every one has beside its own fields."""
    lean = _lean(_inlined(schema), _NOT_IN_OUTPUTS)
    lean["properties"] = {**lean.get("properties", {}), **FOLLOWED}
    return lean


def _described(lean: Schema, whole: Schema, is_required: bool) -> Schema:
    facts = [fact for fact in (_range(whole), "" if is_required else _default(whole)) if fact]
    about = whole.get("description", "")
    if not facts:
        return lean
    return {**lean, "description": f"{about} ({', '.join(facts)})".strip()}


def _range(schema: Schema) -> str:
    """Return the range of a number, as far as it says something to a model."""
    option: Schema = next(
        (one for one in schema.get("anyOf", [schema]) if one.get("type") in ("number", "integer")), {}
    )
    low, high = option.get("minimum"), option.get("maximum")
    if low is not None and high is not None:
        return f"{low:g}..{high:g}" if high < _TOO_LARGE_TO_SAY else ""
    if "exclusiveMinimum" in option:
        return f"above {option['exclusiveMinimum']:g}"
    return ""


def _default(schema: Schema) -> str:
    default = schema.get("default")
    if default is None:
        return ""
    return f"default {str(default).lower() if isinstance(default, bool) else default}"


def _inlined(schema: Schema) -> Schema:
    """Return the schema with every reference to a definition replaced by it."""
    definitions = schema.get("$defs", {})

    def inline(value: Any) -> Any:
        if isinstance(value, list):
            return [inline(one) for one in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            return inline({**definitions[value["$ref"].rpartition("/")[2]], **_without(value, "$ref")})
        return {key: inline(one) for key, one in value.items()}

    whole: Schema = inline(_without(schema, "$defs"))
    return whole


def _without(schema: Schema, key: str) -> Schema:
    return {name: value for name, value in schema.items() if name != key}


def _lean(schema: Schema, without: frozenset[str]) -> Schema:
    """Return the schema without some keywords; properties may be called like one."""
    return {
        key: {name: _lean(one, without) for name, one in value.items()}
        if key == "properties"
        else _lean_value(value, without)
        for key, value in schema.items()
        if key not in without
    }


def _lean_value(value: Any, without: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return _lean(value, without)
    return [_lean_value(one, without) for one in value] if isinstance(value, list) else value
