"""The server as a process: what is on the wire, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ktrdr_engine.operations.models import OperationPage
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.operations.store import OperationStore
from ktrdr_mcp.main import main
from tests.mcp.conftest import TOOLS, backtest_of
from tests.mcp.wire import ROOT, Wire, server

HELD = "tests.mcp.held_server"
REAL = "ktrdr_mcp.main"


def start(wire: Wire, symbol: str) -> str:
    return str(wire.call("start_backtest", **backtest_of(symbol))["structuredContent"]["operation_id"])


def until_running(wire: Wire, operation_id: str) -> None:
    while (
        wire.call("get_operation", operation_id=operation_id, force_refresh=True)["structuredContent"]["status"]
        == "PENDING"
    ):
        pass


async def stored(home: Path) -> OperationPage:
    async with OperationsService(OperationStore(home)) as operations:
        return await operations.list_operations()


@pytest.mark.parametrize(("how", "code"), [("EOF", 0), ("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
async def test_the_process_ends_and_what_ran_is_cancelled_on_disk(tmp_path: Path, how: str, code: int) -> None:
    with server(HELD, tmp_path) as wire:
        wire.greet()
        held, deaf = start(wire, "HELD"), start(wire, "DEAF")
        until_running(wire, held)
        until_running(wire, deaf)
        assert wire.end(how) == code
    page = await stored(tmp_path)
    assert {row.operation_id: row.status for row in page.operations} == {held: "CANCELLED", deaf: "CANCELLED"}


@pytest.mark.parametrize("how", ["EOF", "SIGTERM"])
async def test_a_call_that_waits_does_not_hold_up_the_end(tmp_path: Path, how: str) -> None:
    with server(HELD, tmp_path) as wire:
        wire.greet()
        held = start(wire, "HELD")
        until_running(wire, held)
        wire.ask_later("tools/call", name="get_operation", arguments={"operation_id": held, "wait_seconds": 25})
        wire.call("list_operations")
        wire.end(how)
    assert [row.status for row in (await stored(tmp_path)).operations] == ["CANCELLED"]


@pytest.mark.parametrize("how", ["EOF", "SIGTERM"])
async def test_a_request_that_is_still_checked_does_not_hold_up_the_end(tmp_path: Path, how: str) -> None:
    with server(HELD, tmp_path) as wire:
        wire.greet()
        wire.ask_later("tools/call", name="start_backtest", arguments=backtest_of("SLOW"))
        assert wire.process.stderr is not None
        assert wire.process.stderr.readline() == "checking\n"
        wire.end(how)
    assert (await stored(tmp_path)).total == 0


@pytest.mark.parametrize(("how", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_an_idle_process_ends_too(tmp_path: Path, how: str, code: int) -> None:
    with server(HELD, tmp_path) as wire:
        wire.greet()
        assert wire.end(how) == code


@pytest.mark.parametrize("closes_stdin", [False, True])
async def test_a_client_that_stops_reading_ends_the_process(tmp_path: Path, closes_stdin: bool) -> None:
    with server(HELD, tmp_path) as wire:
        wire.greet()
        held = start(wire, "HELD")
        until_running(wire, held)
        assert wire.process.stdout is not None
        wire.process.stdout.close()
        wire.ask_later("tools/list")
        if closes_stdin:
            assert wire.process.stdin is not None
            wire.process.stdin.close()
        assert wire.process.wait(10) == 0
    assert [row.status for row in (await stored(tmp_path)).operations] == ["CANCELLED"]


def test_a_print_of_the_engine_does_not_reach_the_wire(tmp_path: Path) -> None:
    with server(HELD, tmp_path) as wire:
        wire.greet()
        start(wire, "LOUD")
        assert wire.process.stderr is not None
        assert "this must not reach the wire" in wire.process.stderr.readline()
        wire.call("list_operations")
        wire.end("EOF")
        assert wire.process.stdout is not None
        assert wire.process.stdout.read() == ""


def test_a_number_that_json_does_not_have_is_refused_readably(tmp_path: Path) -> None:
    with server(HELD, tmp_path) as wire:
        wire.greet()
        for number in ("NaN", "Infinity", "-Infinity", "1e999"):
            arguments = json.dumps(backtest_of("HELD")).replace("}", f', "initial_capital": {number}}}')
            params = f'{{"name": "start_backtest", "arguments": {arguments}}}'
            wire.send(f'{{"jsonrpc": "2.0", "id": 77, "method": "tools/call", "params": {params}}}')
            result = wire.receive()["result"]
            assert result["isError"] is True
            assert "initial_capital" in result["content"][0]["text"]
            assert "a finite number" in result["content"][0]["text"]


def test_a_line_that_is_no_json_does_not_end_the_session(tmp_path: Path) -> None:
    with server(HELD, tmp_path) as wire:
        wire.greet()
        wire.send("hello?")
        wire.send('{"jsonrpc": "2.0", "id": 5}')
        assert len(wire.ask("tools/list")["tools"]) == len(TOOLS)


def test_the_real_server_greets_and_lists_its_tools(tmp_path: Path) -> None:
    with server(REAL, tmp_path) as wire:
        greeting = wire.greet()
        assert greeting["serverInfo"]["name"] == "ktrdr"
        assert "start_backtest" in greeting["instructions"]
        assert next(tool["name"] for tool in wire.ask("tools/list")["tools"]) == "start_backtest"
        assert wire.end("EOF") == 0
        assert wire.process.stderr is not None
        assert wire.process.stderr.read() == ""


def test_a_defect_while_opening_is_logged_and_ends_the_process(tmp_path: Path) -> None:
    with server(HELD, tmp_path, "broken") as wire:
        assert wire.process.wait(10) == 1
        assert wire.process.stderr is not None
        assert "the home is on fire" in wire.process.stderr.read()


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    heavy = {"torch", "pandas", "numba", "numpy", "talib", "pyarrow"}
    script = (
        "import importlib, pkgutil, sys, ktrdr_mcp, ktrdr_engine.composition\n"
        "for module in pkgutil.walk_packages(ktrdr_mcp.__path__, 'ktrdr_mcp.'):\n"
        "    importlib.import_module(module.name)\n"
        "print(*sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert not heavy & set(shown.stdout.split())


def test_on_stdio_nothing_that_serves_http_is_imported() -> None:
    script = "import sys, ktrdr_mcp.main, ktrdr_engine.composition, ktrdr_mcp.stdio; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    ours = [name for name in shown.stdout.split() if name.startswith("ktrdr_")]
    assert not {"ktrdr_mcp.web", "ktrdr_mcp.access"} & set(ours)
    assert not [name for name in ours if name.startswith("ktrdr_engine.operations.http")]


def test_a_bad_configuration_is_refused_with_the_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPERATIONS_CACHE_TTL", "soon")
    assert main([]) == 2
    assert "OPERATIONS_CACHE_TTL='soon'" in capsys.readouterr().err


@pytest.mark.parametrize(("option", "code"), [("--help", 0), ("--version", 0), ("--colour", 2)])
def test_options_are_explained_and_unknown_ones_refused(
    option: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([option])
    assert ended.value.code == code
    shown = capsys.readouterr()
    assert "ktrdr-mcp" in shown.out + shown.err


NOT_JSON_RPC = [
    rb'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"validate_strategy","arguments":{"yaml":"\ud83d"}}}',
    b'{"jsonrpc":"2.0","id":7,"method":"ping","params":{"x":"caf\xe9"}}',
    b'{"jsonrpc":"2.0","id":7,"method":"ping"\xff}',
    b'{"jsonrpc":"2.0","id":7,"method":"pi',
    b'[{"jsonrpc":"2.0","id":7,"method":"ping"}]',
    b"7",
    b"null",
    b'"ping"',
    b"{}",
    b"GET / HTTP/1.1",
    b"\x00",
    b"[" * 5_000,
    b'{"jsonrpc":"1.0","id":7,"method":"ping"}',
    b'{"jsonrpc":"2.0","id":{},"method":"ping"}',
]


def test_a_line_that_is_no_message_is_answered_at_once_and_the_next_is_served(tmp_path: Path) -> None:
    with server(REAL, tmp_path) as wire:
        wire.greet()
        assert wire.process.stdin is not None
        for line in NOT_JSON_RPC:
            os.write(wire.process.stdin.fileno(), line + b"\n\n")
            answer = wire.receive()
            assert (answer["id"], answer["error"]["code"]) == (None, -32700), line
        assert wire.ask("ping") == {}
        # What JSON does not know and the SDK takes is answered under its own id.
        wire.send(
            '{"jsonrpc":"2.0","id":"n","method":"tools/call","params":{"name":"list_models","arguments":{"limit":NaN}}}'
        )
        assert wire.receive()["id"] == "n"


@pytest.mark.parametrize("closed", ["0<&-", "1>&-"])
def test_without_stdin_or_stdout_the_server_says_so_and_ends(tmp_path: Path, closed: str) -> None:
    ended = subprocess.run(
        ["sh", "-c", f'exec "$0" -m ktrdr_mcp.main {closed}', sys.executable],
        env={**os.environ, "KTRDR_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 2
    assert "closed" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_stderr_the_server_serves(tmp_path: Path) -> None:
    ended = subprocess.run(
        ["sh", "-c", 'exec "$0" -m ktrdr_mcp.main 2>&-', sys.executable],
        env={**os.environ, "KTRDR_HOME": str(tmp_path)},
        input="no message\n",
        stdout=subprocess.PIPE,
        text=True,
    )
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["error"]["code"] == -32700
