"""From a strategy to a backtest of the model it gave: through a client, here and on a worker; and a kill meanwhile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp_types import TextResourceContents

from ktrdr_engine.composition import open_application
from ktrdr_engine.settings import Settings
from ktrdr_mcp.server import create_server
from tests.mcp.conftest import rows_of, text_of
from tests.mcp.wire import server
from tests.training.conftest import REQUEST, write_prices, write_strategy
from tests.training.prices import series, wave
from tests.worker_app.process import worker_process

# Processes start slowly on a machine that is busy with other tests.
pytestmark = pytest.mark.timeout(90)

BACKTEST = {
    "symbol": "WAVE",
    "timeframe": "1h",
    "strategy_config_path": "strategies/tiny.yaml",
    "start_date": "1970-02-10",
    "end_date": "1970-02-18",
}


def furnish(home: Path) -> Path:
    write_strategy(home)
    write_strategy(home, "endless", epochs=10_000, early_stopping=None)
    write_prices(home, series(wave(1_200)))
    return home


async def train_and_backtest(client: Client) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train, wait, backtest with whatever model is the newest; return both operations."""

    async def ask(tool: str, **arguments: Any) -> dict[str, Any]:
        result = await client.call_tool(tool, arguments)
        assert not result.is_error, text_of(result)
        assert len(text_of(result)) < 2_048
        assert "Next: " in text_of(result)
        assert result.structured_content is not None
        return dict(result.structured_content)

    async def end_of(operation_id: str) -> dict[str, Any]:
        operation = await ask("get_operation", operation_id=operation_id, wait_seconds=25)
        assert operation["status"] == "COMPLETED", operation
        # Where the numbers come from is told by the resource alone.
        (whole,) = (await client.read_resource(operation["resources"][-2])).contents
        assert isinstance(whole, TextResourceContents)
        return {**operation, "results": json.loads(whole.text)}

    training = await end_of(str((await ask("start_training", **REQUEST | {"end_date": "1970-02-08"}))["operation_id"]))
    page = await ask("get_metrics", operation_id=training["operation_id"], limit=500)
    assert [entry["epoch"] for entry in rows_of(page, "epochs")] == [1, 2, 3, 4]
    backtest = await end_of(str((await ask("start_backtest", **BACKTEST))["operation_id"]))
    return training, backtest


def check(training: dict[str, Any], backtest: dict[str, Any]) -> None:
    assert training["results"]["model_path"] == backtest["metadata"]["model_path"] == "models/tiny_v1.0.0.pt"
    trained, used = training["results"]["provenance"], backtest["results"]["provenance"]
    assert trained["model_sha256"] == used["model_sha256"]
    assert trained["strategy_sha256"] == used["strategy_sha256"]
    assert backtest["results"]["model_relation"] == "out_of_sample"


async def test_a_model_is_trained_and_backtested_on_later_bars(tmp_path: Path) -> None:
    home = furnish(tmp_path)
    settings = Settings(ktrdr_home=home, _env_file=None)
    async with open_application(settings) as application, Client(create_server(application)) as client:
        check(*await train_and_backtest(client))
        refused = await client.call_tool("start_training", REQUEST | {"symbol": ["WAVE"]})
        assert refused.is_error
        assert "Did you mean 'symbols'" in text_of(refused)


async def test_a_model_trained_on_a_worker_is_found_by_a_backtest_there(tmp_path: Path) -> None:
    home = furnish(tmp_path / "worker")
    with worker_process(home) as worker:
        settings = Settings(
            ktrdr_home=tmp_path / "server",
            use_remote_backtest_service=True,
            remote_backtest_service_url=worker.url,
            use_remote_training_service=True,
            remote_training_service_url=worker.url,
            _env_file=None,
        )
        async with open_application(settings) as application, Client(create_server(application)) as client:
            training, backtest = await train_and_backtest(client)
    check(training, backtest)
    assert (training["execution"], backtest["execution"]) == ("remote", "remote")
    assert "KTRDR_HOME of the worker" in training["results"]["notes"][-1]
    assert (home / "models" / "tiny_v1.0.0.pt").is_file()
    assert not (tmp_path / "server" / "models").exists()


def test_a_training_whose_process_is_killed_is_interrupted_and_leaves_no_model(tmp_path: Path) -> None:
    home = furnish(tmp_path)
    with server("ktrdr_mcp.main", home) as wire:
        wire.greet()
        started = wire.call("start_training", **REQUEST | {"strategy_config_path": "endless"})["structuredContent"]
        operation_id = started["operation_id"]
        while not wire.call("get_metrics", operation_id=operation_id)["structuredContent"]["metrics"]["epochs"]["rows"]:
            pass
        wire.process.kill()
        wire.process.wait(10)
    with server("ktrdr_mcp.main", home) as wire:
        wire.greet()
        operation = wire.call("get_operation", operation_id=operation_id)["structuredContent"]
        assert (operation["status"], operation["error"]["code"]) == ("FAILED", "interrupted")
    assert list((home / "models").iterdir()) == []
