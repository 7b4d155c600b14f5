"""`ktrdr mcp`: the server behind the one command that `uvx ktrdr` knows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from tests.mcp.wire import environment


@pytest.mark.timeout(60)
async def test_the_command_is_the_server_on_stdio(tmp_path: Path) -> None:
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "ktrdr_engine.cli", "mcp"], env=environment(tmp_path)
    )
    async with Client(server) as client:
        assert "start_backtest" in {tool.name for tool in (await client.list_tools()).tools}


def test_the_command_takes_the_options_of_the_server(tmp_path: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "ktrdr_engine.cli", "mcp", "--help"],
        capture_output=True,
        text=True,
        env=environment(tmp_path),
    )
    assert shown.returncode == 0
    assert "--transport" in shown.stdout


def test_the_command_imports_nothing_from_the_folder_it_is_run_in(tmp_path: Path) -> None:
    for name in ("ktrdr_mcp", "anyio"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a stranger was run')\n")
    shown = subprocess.run(
        [sys.executable, "-P", "-m", "ktrdr_engine.cli", "mcp", "--help"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(tmp_path),
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "--transport" in shown.stdout
