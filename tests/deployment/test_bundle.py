"""The bundle for desktop hosts: packed by the official tool, and a server once it is unpacked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from scripts.build_bundle import CONTENT, TOOL, pack
from tests.mcp.wire import environment

pytestmark = [pytest.mark.image, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("npx") is None:
        pytest.fail("packing the bundle takes npm: install Node.js")
    return pack(tmp_path_factory.mktemp("dist"))


def test_the_official_tool_reads_what_was_packed(bundle: Path) -> None:
    told = subprocess.run([*TOOL, "info", str(bundle)], check=True, capture_output=True, text=True)
    assert bundle.name in told.stdout


def test_the_bundle_holds_source_and_no_leftovers(bundle: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {*CONTENT, "manifest.json", "icon.png"}
    assert not [name for name in names if "__pycache__" in name or ".venv" in name]


async def test_the_unpacked_bundle_serves(bundle: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(tmp_path / "unpacked")
    # What the host's `uv run` does, with the dependencies that are here already.
    paths = os.pathsep.join([str(tmp_path / "unpacked"), os.environ.get("PYTHONPATH", "")])
    server = StdioServerParameters(
        command=sys.executable,
        args=["-P", "-m", "ktrdr_mcp.main"],
        env=environment(tmp_path / "home", PYTHONPATH=paths),
        cwd=tmp_path,
    )
    async with Client(server) as client:
        started = await client.call_tool(
            "start_backtest",
            {
                "symbol": "EURUSD",
                "timeframe": "1h",
                "strategy_config_path": "strategies/rsi_mean_reversion.yaml",
                "start_date": "2017-01-02",
                "end_date": "2017-02-28",
            },
        )
        assert not started.is_error
