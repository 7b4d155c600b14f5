"""What a client pays before its first call: the list of tools and the instructions, in tokens."""

from __future__ import annotations

import json
import re

from mcp_types import Tool

from tests.mcp.conftest import Session

MOST_TOOLS = 17
MOST_TOKENS = 5_000
MOST_TOKENS_A_TOOL = 700
BYTES_A_TOKEN = 3.6

# How GPT-like tokenizers cut before they merge: words with the blank before them, numbers, runs of signs. A long word
# is more than one token, which the division by 6 stands for.
PIECES = re.compile(r" ?[A-Za-z]+|\d{1,3}| ?[^\sA-Za-z\d]+|\s+")
LETTERS_A_TOKEN = 6


def listing(tool: Tool) -> str:
    """Return what hosts show a model of a tool; the shape of its reply is for programs."""
    shown = tool.model_dump(mode="json", by_alias=True, include={"name", "description", "input_schema"})
    return json.dumps(shown, separators=(",", ":"))


def tokens(text: str) -> float:
    """The larger of two estimates, since no encoding can be had offline."""
    pieces = sum(-(-len(piece.strip()) // LETTERS_A_TOKEN) or 1 for piece in PIECES.findall(text))
    return max(len(text.encode()) / BYTES_A_TOKEN, pieces)


async def test_the_listing_of_all_tools_costs_little_context(session: Session) -> None:
    tools = (await session.client.list_tools()).tools
    costs = {tool.name: round(tokens(listing(tool))) for tool in tools}
    assert len(tools) <= MOST_TOOLS
    assert sum(costs.values()) < MOST_TOKENS, costs
    assert max(costs.values()) < MOST_TOKENS_A_TOOL, costs


async def test_the_instructions_cost_little_context(session: Session) -> None:
    assert session.client.instructions is not None
    assert tokens(session.client.instructions) < 400
