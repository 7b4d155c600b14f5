from __future__ import annotations

import subprocess
import sys

import pytest

from ktrdr_engine import __version__
from tests.cli.conftest import Run
from tests.mcp.wire import ROOT


def test_help_names_every_command(ktrdr: Run) -> None:
    shown = ktrdr("--help")
    assert shown.code == 0
    for command in ("demo", "backtest", "operations", "strategies", "models", "data"):
        assert command in shown.stdout


def test_the_version_is_printed(ktrdr: Run) -> None:
    assert ktrdr("--version").stdout == f"ktrdr {__version__}\n"


def test_a_bad_configuration_exits_with_2_and_names_the_variable(ktrdr: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTRDR_MAX_CONCURRENT_OPERATIONS", "many")
    ended = ktrdr("operations", "list")
    assert ended.code == 2
    assert "KTRDR_MAX_CONCURRENT_OPERATIONS" in ended.stderr


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys\nfrom typer.testing import CliRunner\nfrom ktrdr_engine.cli.app import app\n"
        "CliRunner().invoke(app, ['--help'])\nprint(*sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert not {"torch", "pandas", "numba", "numpy", "talib", "pyarrow", "mcp"} & set(shown.stdout.split())


def test_the_module_runs_like_the_command() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "ktrdr_engine.cli", "--version"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert __version__ in shown.stdout
