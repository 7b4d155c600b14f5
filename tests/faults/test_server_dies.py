"""The MCP server is killed while something runs, here or on a worker; another server takes its place."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from ktrdr_mcp.replies import lean_numbers
from tests.faults.rig import LONG_JOB, furnish
from tests.mcp.conftest import rows_of
from tests.mcp.wire import Wire, server
from tests.worker_app.process import Worker

# Processes start slowly on a machine that is busy with other tests.
pytestmark = pytest.mark.timeout(60)

MCP = "ktrdr_mcp.main"


def ask(wire: Wire, tool: str, **arguments: Any) -> dict[str, Any]:
    result = wire.call(tool, **arguments)
    assert not result.get("isError"), result["content"]
    reply: dict[str, Any] = result["structuredContent"]
    return reply


def start_running(wire: Wire) -> str:
    """Start a run and return once it has begun and not ended."""
    operation_id = str(ask(wire, "start_backtest", **LONG_JOB)["operation_id"])
    status = "PENDING"
    while status == "PENDING":
        status = ask(wire, "get_operation", operation_id=operation_id, force_refresh=True)["status"]
    assert status == "RUNNING"
    return operation_id


def kill(wire: Wire) -> None:
    wire.process.send_signal(signal.SIGKILL)
    assert wire.process.wait(10) == -signal.SIGKILL


def entries_over_mcp(wire: Wire, operation_id: str, cursor: int) -> tuple[dict[str, list[Any]], int]:
    """Return all entries after `cursor` by bucket, and the newest cursor."""
    entries: dict[str, list[Any]] = {"bars": [], "trades": []}
    while True:
        page = ask(wire, "get_metrics", operation_id=operation_id, cursor=cursor, limit=500)
        cursor = page["new_cursor"]
        for name in page["metrics"]:
            entries[name] += rows_of(page, name)
        if not page["has_more"]:
            return entries, cursor


def entries_of_worker(worker: Worker, operation_id: str) -> dict[str, list[Any]]:
    """Return all entries of the worker, as short as an agent sees them."""
    entries: dict[str, list[Any]] = {"bars": [], "trades": []}
    with httpx.Client(base_url=f"{worker.url}/api/v1/operations/{operation_id}") as client:
        cursor, has_more = 0, True
        while has_more:
            page = client.get("/metrics", params={"cursor": cursor, "limit": 500}).json()
            cursor, has_more = page["new_cursor"], page["has_more"]
            for name, found in page["metrics"].items():
                entries[name] += lean_numbers(found)
    return entries


def test_a_new_server_follows_what_a_killed_one_had_on_a_worker(worker: Worker, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    environment = {"USE_REMOTE_BACKTEST_SERVICE": "true", "REMOTE_BACKTEST_SERVICE_URL": worker.url}
    with server(MCP, home, **environment) as wire:
        wire.greet()
        operation_id = start_running(wire)
        page = ask(wire, "get_metrics", operation_id=operation_id, limit=100)
        kill(wire)
    with server(MCP, home, **environment) as wire:
        wire.greet()
        (row,) = ask(wire, "list_operations", status="RUNNING")["operations"]
        assert row["operation_id"] == operation_id
        operation = ask(wire, "get_operation", operation_id=operation_id, wait_seconds=15)
        assert (operation["status"], operation["execution"]) == ("COMPLETED", "remote")
        rest, last = entries_over_mcp(wire, operation_id, page["new_cursor"])
        again, same_last = entries_over_mcp(wire, operation_id, 0)
    with httpx.Client(base_url=worker.url) as client:
        (there, *_) = client.get("/api/v1/operations").json()["operations"]
    theirs = entries_of_worker(worker, there["operation_id"])
    assert again == theirs
    assert last == same_last
    # What was read before the kill and what was read after it meet without a gap and without an overlap.
    assert len(rest["trades"]) + len(rows_of(page, "trades")) >= len(theirs["trades"])
    stamps = [entry["bar_index"] for entry in rest["bars"]]
    assert stamps == sorted(set(stamps))
    assert [entry for entry in theirs["bars"] if entry in rest["bars"]] == rest["bars"]


def test_what_a_killed_server_ran_itself_is_interrupted_and_can_still_be_asked_about(
    prices: Path, tmp_path: Path
) -> None:
    home = furnish(tmp_path / "home", prices)
    with server(MCP, home) as wire:
        wire.greet()
        operation_id = start_running(wire)
        page = ask(wire, "get_metrics", operation_id=operation_id, limit=50)
        while not rows_of(page, "bars"):
            page = ask(wire, "get_metrics", operation_id=operation_id, limit=50)
        kill(wire)
    with server(MCP, home) as wire:
        wire.greet()
        (row,) = ask(wire, "list_operations")["operations"]
        assert (row["operation_id"], row["status"]) == (operation_id, "FAILED")
        operation = ask(wire, "get_operation", operation_id=operation_id)
        assert operation["error"]["code"] == "interrupted"
        assert "Start the operation again" in operation["error"]["message"]
        # What a client saw can be read again, as far as it was not thinned out since; a cursor it was given is not
        # refused, though there is nothing after it.
        seen = {entry["bar_index"]: entry for entry in rows_of(page, "bars")}
        again = rows_of(ask(wire, "get_metrics", operation_id=operation_id, limit=50), "bars")
        known = [entry for entry in again if entry["bar_index"] in seen]
        assert known == [seen[entry["bar_index"]] for entry in known] != []
        assert ask(wire, "get_metrics", operation_id=operation_id, cursor=10**6)["metrics"] == {}
