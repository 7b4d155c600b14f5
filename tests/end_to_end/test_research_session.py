"""A whole session as an agent has it, over stdio: from a CSV and an idea to a verdict, no file touched between."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from ktrdr_engine.catalog import shipped_root
from tests.mcp.agent import Agent
from tests.mcp.wire import environment
from tests.worker_app.process import worker_process

# A tiny network and three epochs: what is tested is the way, not the verdict.
IDEA = """\
name: idea
description: Buy what fell too far, sell what rose too far.
training_data:
  symbols: {mode: single, symbol: ACME}
  timeframes: {mode: single, timeframe: 1d}
indicators:
  rsi_14: {type: rsi, period: 14}
fuzzy_sets:
  zone: {indicator: rsi_14, low: [0, 0, 25, 45], high: [55, 75, 100, 100]}
nn_inputs:
  - {fuzzy_set: zone}
model:
  type: mlp
  architecture: {hidden_layers: [8]}
decisions: {confidence_threshold: 0.34}
training:
  labels: {source: forward_return, threshold: 0.01, lookahead: 5}
  epochs: EPOCHS
  early_stopping: null
"""
TRAINED = {"start_date": "2004-08-19", "end_date": "2010-12-31"}
UNSEEN = {"start_date": "2011-01-15", "end_date": "2013-03-01"}
FAST, ENDLESS = IDEA.replace("EPOCHS", "3"), IDEA.replace("EPOCHS", "10000").replace("name: idea", "name: endless")


@asynccontextmanager
async def agent_over_stdio(home: Path, **settings: str) -> AsyncIterator[Agent]:
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "ktrdr_mcp.main"], env=environment(home, **settings)
    )
    async with Client(command) as client:
        yield Agent(client)


async def ended(agent: Agent, started: dict[str, Any]) -> dict[str, Any]:
    """Wait as an agent does, a bounded number of times."""
    for _ in range(3):
        operation = await agent.asks("get_operation", operation_id=started["operation_id"], wait_seconds=20)
        if operation["status"] not in ("PENDING", "RUNNING", "CANCELLING"):
            break
    assert operation["status"] == "COMPLETED", operation["error"]
    return operation


async def researches(agent: Agent, home: Path) -> None:
    loaded = await agent.asks("load_data", symbol="ACME", timeframe="1d", source="file", path="ACME.csv")
    assert (await ended(agent, loaded))["operation_type"] == "DATA_LOADING"
    assert "ACME" in [row["symbol"] for row in (await agent.asks("list_datasets", limit=100))["datasets"]]

    wrong = FAST.replace("period: 14", "perod: 14").replace("confidence_threshold: 0.34", "confidence_threshold: 34")
    refusal = await agent.is_refused("save_strategy", name="idea", yaml=wrong)
    assert "Did you mean 'period'?" in refusal
    assert "Did you mean 0.34?" in refusal
    assert (await agent.asks("validate_strategy", yaml=FAST))["datasets"] == ["ACME 1d"]
    path = (await agent.asks("save_strategy", name="idea", yaml=FAST))["strategy_config_path"]

    trained = await ended(agent, await agent.asks("start_training", strategy_config_path=path, **TRAINED))
    assert trained["results"]
    rows = (await agent.asks("list_models", limit=100))["models"]
    (model,) = [row for row in rows if row["strategy"] == "idea"]
    assert model["strategy_state"] == "unchanged"

    market = {"symbol": "ACME", "timeframe": "1d", "strategy_config_path": path}
    seen = await ended(agent, await agent.asks("start_backtest", **market, **TRAINED))
    unseen = await ended(agent, await agent.asks("start_backtest", **market, **UNSEEN))
    assert [one["results"]["model_relation"] for one in (seen, unseen)] == ["in_sample", "out_of_sample"]

    ids = [seen["operation_id"], unseen["operation_id"]]
    compared, text = await agent.does("compare_operations", operation_ids=ids)
    assert compared["same"] == {"data": False, "strategy": True, "model": True}
    assert "In sample" in text
    assert ids[0] in text

    second = (await agent.asks("save_strategy", name="endless", yaml=ENDLESS))["strategy_config_path"]
    endless = await agent.asks("start_training", strategy_config_path=second, **TRAINED)
    await agent.asks("cancel", operation_id=endless["operation_id"], reason="enough")
    stopped = await agent.asks("get_operation", operation_id=endless["operation_id"], wait_seconds=20)
    assert stopped["status"] == "CANCELLED"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "imports").mkdir(parents=True)
    shutil.copy(shipped_root() / "data" / "GOOG_1d.csv", home / "imports" / "ACME.csv")
    return home


@pytest.mark.timeout(120)
async def test_an_agent_takes_an_idea_from_a_file_to_a_verdict(home: Path) -> None:
    async with agent_over_stdio(home) as agent:
        await researches(agent, home)


@pytest.mark.timeout(120)
async def test_the_same_session_with_the_work_done_by_a_worker(home: Path) -> None:
    with worker_process(home) as worker:
        remote = {
            f"{what}_{kind}_SERVICE{end}": value
            for kind in ("BACKTEST", "TRAINING", "DATA")
            for what, end, value in (("USE_REMOTE", "", "true"), ("REMOTE", "_URL", worker.url))
        }
        async with agent_over_stdio(home, **remote) as agent:
            await researches(agent, home)
            rows = (await agent.asks("list_operations", limit=100))["operations"]
            first = await agent.asks("get_operation", operation_id=rows[-1]["operation_id"])
            assert first["execution"] == "remote"
