"""The command line run in this process, over the engine that tests hold."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from ktrdr_engine.cli import operations, watching
from ktrdr_engine.cli.app import app
from ktrdr_engine.composition import Application
from ktrdr_engine.operations.store import OperationStore
from ktrdr_engine.settings import Settings
from tests.mcp.held import open_held


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


Run = Callable[..., Ended]


@asynccontextmanager
async def open_held_application(settings: Settings) -> AsyncIterator[Application]:
    async with open_held(OperationStore(settings.ktrdr_home)) as held:
        yield held.as_application()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KTRDR_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ktrdr(home: Path) -> Run:
    """Run the command over the real engine."""

    def run(*arguments: str) -> Ended:
        result = CliRunner().invoke(app, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def held_ktrdr(ktrdr: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command over the held engine."""
    monkeypatch.setattr(watching, "open_application", open_held_application)
    monkeypatch.setattr(operations, "open_application", open_held_application)
    return ktrdr


def backtest_options(symbol: str, **changes: str) -> list[str]:
    options = {
        "symbol": symbol,
        "timeframe": "1h",
        "strategy": "strategies/rsi_mean_reversion.yaml",
        "start": "2017-01-02",
        "end": "2017-12-29",
        **changes,
    }
    return ["backtest", *(part for name, value in options.items() for part in (f"--{name}", value))]
