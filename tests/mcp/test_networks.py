"""Strategies of several timeframes and of a recurrent network, trained and backtested by an agent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from ktrdr_engine.composition import open_application
from ktrdr_engine.inference.bundle import save_bundle
from ktrdr_engine.inference.metadata import Architecture, RecurrentArchitecture
from ktrdr_engine.settings import Settings
from ktrdr_engine.strategy.library import StrategyLibrary
from ktrdr_mcp.server import create_server
from tests.inference.models import bundle
from tests.mcp.conftest import text_of

STRATEGY = """
name: NAME
training_data:
  symbols: {mode: single, symbol: EURUSD}
  timeframes: {mode: multi_timeframe, list: [1h, 4h], base_timeframe: 1h}
indicators: {rsi_14: {type: rsi, period: 14}}
fuzzy_sets: {zone: {indicator: rsi_14, low: [0, 0, 30, 60], high: [40, 70, 100, 100]}}
nn_inputs: [{fuzzy_set: zone, timeframes: all}]
model: MODEL
decisions: {confidence_threshold: 0.0, allow_short_from_flat: true}
training: {labels: {source: forward_return, threshold: 0.003, lookahead: 24}, epochs: 1, batch_size: 256}
"""
MODELS = {
    "ladder": ("{type: mlp}", Architecture(hidden_layers=(8,), activation="relu", dropout=0)),
    "memory": (
        "{type: lstm, architecture: {hidden_size: 8}, features: {lookback_periods: 10}}",
        RecurrentArchitecture(type="lstm", hidden_size=8, num_layers=1, dropout=0),
    ),
}


def furnish(home: Path) -> None:
    """Put a strategy of each kind, and a model with drawn weights for it, into a home."""
    for folder in ("strategies", "models"):
        (home / folder).mkdir(parents=True)
    for name, (model, architecture) in MODELS.items():
        text = STRATEGY.replace("NAME", name).replace("MODEL", model)
        (home / "strategies" / f"{name}.yaml").write_text(text)
        plan = StrategyLibrary((home,)).load(name).config.feature_plan()
        trained = bundle(seed=3, plan=plan, architecture=architecture, strategy_name=name, timeframes=("1h", "4h"))
        save_bundle(trained, home / "models" / f"{name}.pt")


@pytest.mark.parametrize("name", MODELS)
async def test_an_agent_backtests_it(tmp_path: Path, name: str) -> None:
    async with at_work(tmp_path) as ask:
        operation = await ask("start_backtest", symbol="EURUSD", timeframe="1h", **asked(name, "2017-03-01"))
        assert operation["results"]["total_trades"] > 0
        assert operation["results"]["warmup_bars"] == 0
        assert any("4h made from the 1h bars" in note for note in operation["results"]["notes"])


async def test_an_agent_trains_it_and_backtests_what_came_of_it(tmp_path: Path) -> None:
    async with at_work(tmp_path) as ask:
        trained = await ask("start_training", **asked("memory", "2017-01-02"))
        assert trained["results"]["timeframes"] == "1h, 4h"
        path = trained["results"]["model_path"]
        operation = await ask(
            "start_backtest", symbol="EURUSD", timeframe="1h", model_path=path, **asked("memory", "2017-03-01")
        )
        assert operation["metadata"]["model_path"] == path
        assert any(note.startswith("In sample") for note in operation["results"]["notes"])


def asked(name: str, start_date: str) -> dict[str, str]:
    return {"strategy_config_path": f"strategies/{name}.yaml", "start_date": start_date, "end_date": "2017-12-29"}


@asynccontextmanager
async def at_work(home: Path) -> AsyncIterator[Callable[..., Awaitable[dict[str, Any]]]]:
    """Yield what starts an operation in a home that has them and returns it once it has completed."""
    furnish(home)
    settings = Settings(ktrdr_home=home, _env_file=None)
    async with open_application(settings) as application, Client(create_server(application)) as client:

        async def call(tool: str, **arguments: Any) -> dict[str, Any]:
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, text_of(result)
            assert result.structured_content is not None
            return dict(result.structured_content)

        async def start(tool: str, **arguments: Any) -> dict[str, Any]:
            operation_id = (await call(tool, **arguments))["operation_id"]
            operation = await call("get_operation", operation_id=operation_id, wait_seconds=25)
            assert operation["status"] == "COMPLETED"
            return operation

        yield start
