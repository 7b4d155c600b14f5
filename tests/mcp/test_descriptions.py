"""Descriptions, instructions and examples promise nothing that the tools do not have."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from mcp_types import Tool

from ktrdr_mcp.arguments import StrictTool
from ktrdr_mcp.server import INSTRUCTIONS, server_tools
from tests.mcp.conftest import Session
from tests.mcp.held import open_held

_QUOTED = re.compile(r"`([^`]+)`")


@pytest.fixture
async def listed(session: Session) -> list[Tool]:
    return (await session.client.list_tools()).tools


@pytest.fixture
async def declared() -> list[StrictTool]:
    async with open_held() as held:
        application = held.as_application()
        return server_tools(application)


async def test_every_key_a_description_names_exists(listed: list[Tool]) -> None:
    names = {tool.name for tool in listed}
    for tool in listed:
        known = names | set(tool.input_schema["properties"]) | set(_keys(tool.output_schema or {}))
        promised = set(_QUOTED.findall(tool.description or ""))
        assert promised, tool.name
        assert promised <= known, f"{tool.name}: {promised - known}"


async def test_a_description_says_what_when_and_what_next_in_three_sentences(listed: list[Tool]) -> None:
    for tool in listed:
        sentences = re.split(r"(?<=\.) (?=[A-Z])", tool.description or "")
        assert len(sentences) == 3, f"{tool.name}: {sentences}"
        assert sentences[1].startswith("Use it")
        assert sentences[2].startswith("Call ")


async def test_every_status_named_to_a_model_is_one_of_the_engine(listed: list[Tool]) -> None:
    statuses = {"PENDING", "RUNNING", "CANCELLING", "COMPLETED", "FAILED", "CANCELLED"}
    for text in [INSTRUCTIONS, *(tool.description or "" for tool in listed)]:
        assert set(re.findall(r"\b[A-Z]{6,}\b", text)) <= statuses | {"EURUSD"}


async def test_every_example_is_a_call_its_tool_accepts(declared: list[StrictTool]) -> None:
    for tool in declared:
        call = ast.parse(tool.example, mode="eval").body
        assert isinstance(call, ast.Call)
        assert isinstance(call.func, ast.Name)
        assert call.func.id == tool.name
        arguments = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
        assert arguments.keys() <= tool.parameters["properties"].keys()
        tool.fn_metadata.validate_arguments(arguments)


async def test_every_schema_is_valid_json_schema(listed: list[Tool]) -> None:
    validator = importlib.import_module("jsonschema").Draft202012Validator
    for tool in listed:
        validator.check_schema(tool.input_schema)
        validator.check_schema(tool.output_schema or {})


def _keys(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for value in schema.values():
            yield from _keys(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _keys(value)
