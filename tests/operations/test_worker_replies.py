"""What no worker's reply can be, whatever its schema says."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ktrdr_engine.errors import WorkerDefect
from ktrdr_engine.operations.mirror import Mirror
from ktrdr_engine.operations.models import MetricsPage, Operation
from ktrdr_engine.operations.proxy import OperationServiceProxy

ID = "op_backtest_20250103_k3v9x2m7qa"
OPERATION: dict[str, Any] = {
    "operation_id": ID,
    "operation_type": "BACKTESTING",
    "status": "COMPLETED",
    "progress": {"percentage": 100, "message": "Completed."},
    "results": {"total_return": 0.1, "notes": ["fine"]},
    "created_at": "2025-01-03T00:00:00Z",
    "updated_at": "2025-01-03T00:00:00Z",
}
PAGE: dict[str, Any] = {"metrics": {"bars": [{"pnl": 1.0}]}, "new_cursor": 8, "has_more": True, "dropped": 0}
TABLE: dict[str, Any] = {"rows": [{"x": 1}, {"x": 2}], "total": 9, "returned": 2, "offset": 3}


def proxy(reply: object) -> OperationServiceProxy:
    text = reply if isinstance(reply, str) else json.dumps(reply)
    return OperationServiceProxy(
        "http://worker:5003", transport=httpx.MockTransport(lambda _: httpx.Response(200, text=text))
    )


def deep(depth: int) -> object:
    return [deep(depth - 1)] if depth else 0


async def test_a_sound_reply_is_taken() -> None:
    assert (await proxy(OPERATION).get_operation(ID)).results == OPERATION["results"]
    assert (await proxy(PAGE).get_metrics(ID, 7)).metrics == PAGE["metrics"]
    assert (await proxy(TABLE).get_table(ID, "trades", 3, 2)).rows == TABLE["rows"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"progress": {"percentage": float("nan")}},
        {"progress": {"percentage": 101}},
        {"progress": {"current_step": -1}},
        {"progress": {"total_steps": 10**30}},
        {"progress": {"context": {"pnl": float("inf")}}},
        {"results": {"sharpe_ratio": float("-inf")}},
        {"results": {"notes": 5}},
        {"results": {"notes": "text"}},
        {"results": {"notes": [5]}},
        {"results": {"deep": deep(50)}},
        {"metadata": {"x": [float("nan")]}},
        {"error": {"code": "x", "message": "y", "details": {"z": float("nan")}}},
        {"created_at": "2025-01-03T00:00:00"},
        {"completed_at": "2025-01-03"},
        {"results": {"ballast": "x" * 3_000_000}},
    ],
    ids=lambda wrong: json.dumps(wrong)[:50],
)
async def test_an_operation_that_cannot_be_is_a_defect_of_the_worker(wrong: dict[str, object]) -> None:
    with pytest.raises(WorkerDefect):
        await proxy(OPERATION | wrong).get_operation(ID)


async def test_texts_of_a_worker_are_cut() -> None:
    long: dict[str, Any] = {
        "progress": {"message": "m" * 50_000},
        "warnings": ["w" * 50_000] * 20 + ["w"] * 500,
        "error": {"code": "c" * 500, "message": "e" * 50_000},
    }
    found: Operation = await proxy(OPERATION | long).get_operation(ID)
    assert found.error is not None
    assert [len(text) for text in (found.progress.message, found.warnings[0], found.error.message)] == [4_000] * 3
    assert (len(found.warnings), len(found.error.code)) == (200, 100)


@pytest.mark.parametrize(
    "wrong",
    [
        {"new_cursor": 7},
        {"new_cursor": 6, "has_more": False},
        {"new_cursor": 2**60},
        {"dropped": -1},
        {"metrics": {"bars": [{"pnl": float("nan")}]}},
        {"metrics": {"bars": [{"x": 1}] * 51}},
        {"numbers": {"bars": [7]}},
        {"numbers": {"bars": [9]}},
    ],
    ids=lambda wrong: json.dumps(wrong)[:50],
)
async def test_a_page_of_metrics_that_does_not_go_on_is_a_defect(wrong: dict[str, object]) -> None:
    with pytest.raises(WorkerDefect):
        await proxy(PAGE | wrong).get_metrics(ID, 7, 50)


@pytest.mark.parametrize(
    "wrong",
    [
        {"offset": -5},
        {"returned": 0},
        {"rows": [], "returned": 0},
        {"total": 4},
        {"total": 2**60},
        {"rows": [{"x": 1}, {"y": 2}]},
        {"rows": [{"x": float("nan")}, {"x": 2}]},
        {"rows": [{"x": 1}] * 3, "returned": 3},
    ],
    ids=lambda wrong: json.dumps(wrong)[:50],
)
async def test_rows_of_a_table_that_are_not_those_asked_for_are_a_defect(wrong: dict[str, object]) -> None:
    with pytest.raises(WorkerDefect):
        await proxy(TABLE | wrong).get_table(ID, "trades", 3, 2)


@pytest.mark.parametrize(
    "metrics",
    [
        lambda turn: {f"bucket {turn}": [{"x": 1}]},
        lambda turn: {"bars": [{"x": "y" * 5_000}]},
    ],
)
def test_what_is_copied_of_a_worker_is_bounded(metrics: Callable[[int], dict[str, Any]]) -> None:
    mirror = Mirror()
    taken = 0
    with contextlib.suppress(WorkerDefect):
        for turn in range(100):
            mirror.add(MetricsPage(metrics=metrics(turn), new_cursor=turn + 1, has_more=True, dropped=0))
            taken += 1
    assert taken == mirror.remote_cursor < 10
    assert mirror.last == taken
