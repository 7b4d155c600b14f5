"""What a model pays for ktrdr in its context: the list of tools, and the structured half of replies, in tokens."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.report import Measurement
from benchmarks.server import MAIN_JOB
from benchmarks.wire import StdioServer

BYTES_A_TOKEN = 3.6

# How GPT-like tokenizers cut before they merge: words with the blank before them, numbers, runs of signs. A long word
# is more than one token, which the division by 6 stands for.
PIECES = re.compile(r" ?[A-Za-z]+|\d{1,3}| ?[^\sA-Za-z\d]+|\s+")
LETTERS_A_TOKEN = 6

_SHOWN_OF_A_TOOL = ("name", "description", "inputSchema")


def tokens(text: str) -> float:
    """The larger of two estimates, since no encoding can be had offline."""
    pieces = sum(-(-len(piece.strip()) // LETTERS_A_TOKEN) or 1 for piece in PIECES.findall(text))
    return max(len(text.encode()) / BYTES_A_TOKEN, pieces)


def replies() -> Iterator[Measurement]:
    """Count the tools, and the replies of the main job that are longest and most frequent."""
    with tempfile.TemporaryDirectory() as home, StdioServer(Path(home)) as server:
        tools = server.request("tools/list", {})["tools"]
        listed = sum(tokens(_json({name: tool[name] for name in _SHOWN_OF_A_TOOL})) for tool in tools)
        started = server.call("start_backtest", **MAIN_JOB)
        operation = server.call("get_operation", operation_id=started["operation_id"], wait_seconds=25)
        page = server.call("get_metrics", operation_id=started["operation_id"], limit=50)
    rows = sum(len(table["rows"]) for table in page["metrics"].values())
    yield Measurement(f"{len(tools)} tools, as hosts show them", listed, "tokens", 5_000)
    yield Measurement("reply of start_backtest", tokens(_json(started)), "tokens")
    yield Measurement("reply of get_operation, COMPLETED", tokens(_json(operation)), "tokens", 900)
    yield Measurement(f"reply of get_metrics, {rows} rows", tokens(_json(page)), "tokens", 1_370)


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
