"""What a model has seen, through a real client: start replies, results, comparisons, lists; here and on a worker."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client, StdioServerParameters

from ktrdr_engine.catalog import shipped_root
from tests.mcp.conftest import text_of
from tests.mcp.wire import environment
from tests.worker_app.process import worker_process

pytestmark = pytest.mark.timeout(90)

RSI = {"timeframe": "1h", "strategy_config_path": "strategies/rsi_mean_reversion.yaml"}
TREND = {"timeframe": "1d", "strategy_config_path": "strategies/trend_following.yaml"}
MODEL = "models/rsi_mlp_v1.0.0.pt"
SEEN = RSI | {"symbol": "EURUSD", "start_date": "2017-03-01", "end_date": "2017-04-30"}
UNSEEN = RSI | {"symbol": "EURUSD", "start_date": "2017-11-03", "end_date": "2017-12-29"}
COPY = SEEN | {"symbol": "EURUSD-COPY", "model_path": MODEL}
OTHER = TREND | {
    "symbol": "GOOG",
    "model_path": "models/trend_mlp_v1.0.0.pt",
    "start_date": "2011-06-01",
    "end_date": "2012-12-31",
}
RULES = TREND | {"strategy_config_path": "strategies/trend_rules.yaml", "symbol": "AAPL"}
RULES |= {"start_date": "2005-01-01", "end_date": "2006-12-31"}


class Told:
    """A client that checks that both halves of a start reply, and the results, tell the same relation."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def both(self, tool: str, **arguments: Any) -> tuple[dict[str, Any], str]:
        result = await self.client.call_tool(tool, arguments)
        assert not result.is_error, text_of(result)
        return dict(result.structured_content or {}), text_of(result)

    async def run(self, request: dict[str, Any], model: str, relation: str) -> str:
        started, text = await self.both("start_backtest", **request)
        remark = f"model {model}: {relation}" if model else f"model: {relation}"
        assert remark in text
        assert remark in started["message"]
        assert (started["model_path"], started["model_relation"]) == (model, relation)
        operation_id = str(started["operation_id"])
        operation, _ = await self.both("get_operation", operation_id=operation_id, wait_seconds=25)
        assert operation["results"]["model_relation"] == operation["metadata"]["model_relation"] == relation
        assert "in_sample" not in operation["results"]
        return operation_id


def copied(home: Path) -> None:
    """Put the shipped EURUSD into a home under another name."""
    (home / "data").mkdir(parents=True)
    (source,) = (shipped_root() / "data").glob("EURUSD_1h.*")
    shutil.copy(source, home / "data" / f"EURUSD-COPY_1h{source.suffix}")


@pytest.mark.parametrize("where", ["here", "on a worker"])
async def test_every_start_names_the_model_and_what_it_has_seen(where: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    copied(home)
    if where == "here":
        await told_by(environment(home))
        return
    with worker_process(home) as worker:
        await told_by(environment(home, USE_REMOTE_BACKTEST_SERVICE="true", REMOTE_BACKTEST_SERVICE_URL=worker.url))
        reply = httpx.post(f"{worker.url}/backtests/start", json=UNSEEN, timeout=20).json()
        assert (reply["model_path"], reply["model_relation"]) == (MODEL, "out_of_sample")
        assert f"model {MODEL}: out_of_sample" in reply["message"]


async def told_by(environment: dict[str, str]) -> None:
    server = StdioServerParameters(command=sys.executable, args=["-m", "ktrdr_mcp.main"], env=environment)
    async with Client(server) as client:
        told = Told(client)
        seen = await told.run(SEEN, MODEL, "in_sample")
        unseen = await told.run(UNSEEN, MODEL, "out_of_sample")
        await told.run(COPY, MODEL, "in_sample")
        await told.run(OTHER, "models/trend_mlp_v1.0.0.pt", "other_symbol")
        rules = [await told.run(RULES | {"commission": rate}, "", "none") for rate in (0.0, 0.001)]

        refused = await client.call_tool("start_backtest", OTHER | {"model_path": None})
        assert refused.is_error
        assert "models/trend_mlp_v1.0.0.pt (AAPL, MSFT, IBM)" in text_of(refused)
        training = 'start_training(strategy_config_path="strategies/trend_following.yaml", symbols=["GOOG"], '
        assert training in text_of(refused)

        found, text = await told.both("compare_operations", operation_ids=[seen, unseen])
        assert found["model_relations"] == ["in_sample", "out_of_sample"]
        assert f"{seen}, model in_sample" in text
        marked = [one["name"] for one in found["numbers"] if one["best"] is not None]
        assert set(marked) <= {"total_commission", "total_slippage"}

        found, text = await told.both("compare_operations", operation_ids=rules)
        assert found["model_relations"] == ["none", "none"]
        assert found["same"]["model"] is True
        assert "other model" not in text

        page, text = await told.both("list_models")
        row = next(one for one in page["models"] if one["name"] == "rsi_mlp_v1.0.0.pt")
        assert (row["validation"], row["test"]) == ("2017-09-11..2017-10-31", "2017-11-02..2017-12-27")
        assert row["read_to"] == "2017-11-02T16:00:00Z"
        for days in ("train 2017-01-02..2017-09-07", row["validation"], row["test"], "read to 2017-11-02"):
            assert days in text
