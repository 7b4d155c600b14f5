"""The published schemas against what model APIs, and the helpers between them and a server, take.

Each rule was found at the client it is named after; the keywords are those that were refused, dropped or crashed there.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from mcp_types import Tool

from tests.mcp.conftest import Session

Schema = dict[str, Any]

NOWHERE: Final = {"$ref", "$defs", "$schema", "title", "examples", "additionalProperties", "exclusiveMinimum"}
"""Never in an input schema: google-genai's helper crashes on one, Gemini answers 400 to another, all cost context."""

_COMMON: Final = frozenset(
    {"type", "description", "enum", "anyOf", "properties", "required", "items", "default", "pattern"}
    | {"minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength"}
)
ALLOWED: Final[Mapping[str, frozenset[str]]] = {
    # Raw function declarations: any other key is answered 400, on every turn.
    "Gemini": _COMMON | {"format", "nullable", "minProperties", "maxProperties"},
    # Strict mode; the Agents SDK closes objects and requires all properties by itself.
    "OpenAI strict": _COMMON | {"const", "format", "multipleOf", "exclusiveMinimum", "exclusiveMaximum"},
    "Anthropic": _COMMON | {"const", "format"},
    # Anything of JSON schema is carried to the model; a reference is not resolved.
    "Bedrock": _COMMON,
}
NAMES: Final[Mapping[str, str]] = {
    "Anthropic": r"[a-zA-Z0-9_-]{1,128}",
    "OpenAI": r"[a-zA-Z0-9_-]{1,64}",
    "Gemini": r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}",
    "Bedrock": r"[a-zA-Z][a-zA-Z0-9_-]{0,63}",
}
TYPES: Final = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
# Cursor shows at most 60 characters of server and tool name together; others put a prefix before it.
LONGEST_WITH_SERVER: Final = 60


@pytest.fixture
async def tools(session: Session) -> list[Tool]:
    return (await session.client.list_tools()).tools


async def test_no_input_schema_holds_what_a_host_crashes_on(tools: list[Tool]) -> None:
    for tool in tools:
        for where, schema in _schemas(tool.input_schema):
            assert not NOWHERE & schema.keys(), f"{tool.name} {where}"


@pytest.mark.parametrize("api", ALLOWED)
async def test_every_keyword_of_an_input_schema_is_taken_by(tools: list[Tool], api: str) -> None:
    for tool in tools:
        for where, schema in _schemas(tool.input_schema):
            assert schema.keys() <= ALLOWED[api], f"{tool.name} {where}: {schema.keys() - ALLOWED[api]}"


async def test_the_root_is_a_plain_object_and_each_part_has_one_type(tools: list[Tool]) -> None:
    for tool in tools:
        # Anthropic and OpenAI refuse a choice at the root; Codex reads no list of types.
        assert tool.input_schema["type"] == "object"
        assert not {"anyOf", "oneOf", "allOf", "enum", "not"} & tool.input_schema.keys()
        assert set(tool.input_schema.get("required", ())) <= tool.input_schema["properties"].keys()
        for where, schema in _schemas(tool.input_schema):
            assert ("type" in schema) != ("anyOf" in schema), f"{tool.name} {where}"
            assert schema.get("type", "null") in TYPES
            assert ("items" in schema) == (schema.get("type") == "array")


async def test_names_fit_every_api_also_with_the_servers_name_before_them(tools: list[Tool]) -> None:
    for tool in tools:
        assert all(re.fullmatch(pattern, f"mcp__ktrdr__{tool.name}") for pattern in NAMES.values())
        assert len(f"ktrdr{tool.name}") < LONGEST_WITH_SERVER
        assert tool.description
        assert len(tool.description) <= 1_024  # OpenAI's limit


async def test_the_agents_sdk_can_make_every_schema_strict(tools: list[Tool]) -> None:
    for tool in tools:
        strict = _made_strict(copy.deepcopy(tool.input_schema))
        assert set(strict["required"]) == strict["properties"].keys()
        for name, schema in strict["properties"].items():
            # All are required then: what may be left out is null, or has a default that the description names.
            if name not in tool.input_schema.get("required", ()) and "default" in tool.input_schema["properties"][name]:
                default = tool.input_schema["properties"][name]["default"]
                shown = str(default).lower() if isinstance(default, bool) else str(default)
                is_nullable = any(option.get("type") == "null" for option in schema.get("anyOf", ()))
                assert is_nullable or f"default {shown}" in schema["description"], f"{tool.name}.{name}"


async def test_ranges_and_defaults_stand_in_the_descriptions_since_codex_drops_the_keywords(tools: list[Tool]) -> None:
    described = {f"{tool.name}.{name}": one for tool in tools for name, one in tool.input_schema["properties"].items()}
    assert "0..25" in described["get_operation.wait_seconds"]["description"]
    assert "default 50" in described["get_metrics.limit"]["description"]
    assert "1..500" in described["get_metrics.limit"]["description"]
    assert "above 0" in described["start_backtest.initial_capital"]["description"]
    assert "0..0.2" in described["start_backtest.commission"]["description"]
    for name, schema in described.items():
        assert schema.get("description"), name
        if schema.get("default") is not None:
            assert "default " in schema["description"], name
        if "maximum" in schema and schema["maximum"] < 1e6:
            assert f"..{schema['maximum']:g}" in schema["description"], name


async def test_output_schemas_choose_by_any_of_and_refer_to_nothing(tools: list[Tool]) -> None:
    for tool in tools:
        for where, schema in _schemas(tool.output_schema or {}):
            assert not isinstance(schema.get("type"), list), f"{tool.name} {where}"
            assert "$ref" not in schema, f"{tool.name} {where}"
    replies = {tool.name: tool.output_schema for tool in tools}
    assert replies.pop("plot_operation") is None
    for name, reply in replies.items():
        assert reply is not None, name
        assert reply["properties"]["next"]["required"] == ["tool", "arguments"]


def _schemas(schema: Schema, where: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield a schema and all within it, with where they stand."""
    yield where, schema
    for name, one in schema.get("properties", {}).items():
        yield from _schemas(one, f"{where}.{name}")
    for option in schema.get("anyOf", ()):
        yield from _schemas(option, f"{where}|")
    if "items" in schema:
        yield from _schemas(schema["items"], f"{where}[]")


def _made_strict(schema: Schema) -> Schema:
    """Return what the Agents SDK makes of a schema (ensure_strict_json_schema), refusing what it refuses."""
    if schema.get("type") == "object":
        assert schema.get("additionalProperties", False) is False
        schema["additionalProperties"] = False
        properties = schema.get("properties", {})
        schema["required"] = list(properties)
        schema["properties"] = {name: _made_strict(one) for name, one in properties.items()}
    if "items" in schema:
        schema["items"] = _made_strict(schema["items"])
    if "anyOf" in schema:
        schema["anyOf"] = [_made_strict(one) for one in schema["anyOf"]]
    if "default" in schema and schema["default"] is None:
        del schema["default"]
    return schema
