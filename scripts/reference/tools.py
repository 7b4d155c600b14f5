"""The MCP tools, as a client is told of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
from mcp_types import Tool

from ktrdr_engine.composition import open_application
from ktrdr_engine.operations.mistakes import expected
from ktrdr_engine.settings import Settings
from ktrdr_mcp.server import create_server
from scripts.reference.words import heading, paragraph, table


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield from heading("Tools")
    yield from paragraph(
        """What a client sees in `tools/list`. Every tool refuses arguments it does not know, and takes `null` or an
        empty text for an optional one as left out. It answers with a short text that ends with the next step, and with
        the same as typed data (but for a picture): `next` is the call to make."""
    )
    for tool in anyio.run(_listed):
        yield from _tool(tool)


async def _listed() -> list[Tool]:
    with tempfile.TemporaryDirectory() as home:
        async with open_application(Settings(ktrdr_home=Path(home), _env_file=None)) as application:
            return list(await create_server(application).list_tools())


def _tool(tool: Tool) -> Iterator[str]:
    yield from ("", f"## {tool.name}", "", tool.description or "", "")
    replies = ", ".join(f"`{name}`" for name in (tool.output_schema or {}).get("properties", {}))
    yield f"{_hints(tool)} Replies with {replies or 'text and a picture'}."
    properties: dict[str, dict[str, Any]] = tool.input_schema["properties"]
    if properties:
        required = tool.input_schema.get("required", [])
        rows = (
            (
                f"`{name}`",
                "required" if name in required else f"`{schema.get('default')}`",
                expected(schema),
                schema.get("description", ""),
            )
            for name, schema in properties.items()
        )
        yield from table(("argument", "default", "takes", "meaning"), rows)


def _hints(tool: Tool) -> str:
    hints = tool.annotations
    if hints is None or hints.read_only_hint:
        return "Reads only."
    return "Stops or replaces something." if hints.destructive_hint else "Adds something, replaces nothing."
