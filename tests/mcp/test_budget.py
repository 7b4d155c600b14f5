"""What a client pays before its first call: the list of tools and the instructions, in tokens."""

from __future__ import annotations

import json

from mcp_types import Tool

from benchmarks.context import tokens
from tests.mcp.conftest import Session, rows_of

MOST_TOOLS = 17
MOST_TOKENS = 5_000
MOST_TOKENS_A_TOOL = 700


def listing(tool: Tool) -> str:
    """Return what hosts show a model of a tool; the shape of its reply is for programs."""
    shown = tool.model_dump(mode="json", by_alias=True, include={"name", "description", "input_schema"})
    return json.dumps(shown, separators=(",", ":"))


async def test_the_listing_of_all_tools_costs_little_context(session: Session) -> None:
    tools = (await session.client.list_tools()).tools
    costs = {tool.name: round(tokens(listing(tool))) for tool in tools}
    assert len(tools) <= MOST_TOOLS
    assert sum(costs.values()) < MOST_TOKENS, costs
    assert max(costs.values()) < MOST_TOKENS_A_TOOL, costs


async def test_the_instructions_cost_little_context(session: Session) -> None:
    assert session.client.instructions is not None
    assert tokens(session.client.instructions) < 400


async def test_a_page_of_metrics_costs_a_quarter_less_than_its_rows_would_with_their_names(session: Session) -> None:
    operation_id = await session.start("QUICK")
    await session.answer("get_operation", operation_id=operation_id, wait_seconds=15)
    page = await session.answer("get_metrics", operation_id=operation_id)
    rows = {bucket: rows_of(page, bucket) for bucket in page["metrics"]}
    assert tokens(json.dumps(page["metrics"])) < 0.75 * tokens(json.dumps(rows))
