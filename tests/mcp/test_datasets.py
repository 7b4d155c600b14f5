"""Prices from a file into a backtest, as an agent meets it; and what it is told when that cannot be."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.datasets.file import DatasetFile
from ktrdr_engine.operations.models import Operation, OperationStatus, OperationType, utc_now
from ktrdr_mcp.views import operation_text
from tests.datasets.prices import bars, csv, put
from tests.mcp.agent import Agent, agent_at
from tests.mcp.conftest import rows_of, text_of
from tests.mcp.wire import environment

EURUSD = (shipped_root() / "data" / "EURUSD_1h.csv").read_text()


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    async with agent_at(tmp_path) as connected:
        yield connected


@pytest.mark.timeout(60)
async def test_a_csv_is_loaded_listed_and_backtested_over_stdio(tmp_path: Path) -> None:
    put(tmp_path, EURUSD, "mine.csv")
    server = StdioServerParameters(command=sys.executable, args=["-m", "ktrdr_mcp.main"], env=environment(tmp_path))
    async with Client(server) as client:

        async def ask(tool: str, **arguments: Any) -> dict[str, Any]:
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, text_of(result)
            assert len(text_of(result)) < 2_048
            assert "Next: " in text_of(result)
            return dict(result.structured_content or {})

        load = await ask("load_data", symbol="MY/FX", timeframe="1h", source="file", path="mine.csv")
        operation = await ask("get_operation", operation_id=load["operation_id"], wait_seconds=20)
        told = text_of(await client.call_tool("get_operation", {"operation_id": load["operation_id"]}))
        assert "Next: start_backtest(symbol='MY-FX', timeframe='1h', ...)" in told
        assert (operation["status"], operation["operation_type"]) == ("COMPLETED", "DATA_LOADING")
        assert (operation["results"]["symbol"], operation["results"]["new_bars"]) == ("MY-FX", 6_225)
        page = await ask("get_metrics", operation_id=load["operation_id"])
        assert rows_of(page, "segments")[0]["new"] == 6_225
        (mine,) = [row for row in (await ask("list_datasets"))["datasets"] if row["symbol"] == "MY-FX"]
        assert mine == {
            "symbol": "MY-FX",
            "timeframe": "1h",
            "bars": 6_225,
            "first": "2017-01-01T22:00:00Z",
            "last": "2017-12-29T21:00:00Z",
            "gaps": 0,
            "longest_gap": None,
            "market": "fx",
            "market_inferred": True,
            "source": "user",
            "loaded_from": "file mine.csv",
            "problem": None,
        }
        run = await ask(
            "start_backtest",
            symbol="MY-FX",
            timeframe="1h",
            strategy_config_path="strategies/rsi_mean_reversion.yaml",
            model_path="models/rsi_mlp_v1.0.0.pt",
            start_date="2017-01-02",
            end_date="2017-12-29",
        )
        # The bars are EURUSD's under another name.
        assert run["model_relation"] == "in_sample"
        backtest = await ask("get_operation", operation_id=run["operation_id"], wait_seconds=25)
        assert backtest["status"] == "COMPLETED"
        assert backtest["results"]["bars"] > 6_000


async def test_datasets_are_listed_in_pages_and_a_broken_file_with_its_problem(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "ABC_1h.csv").write_text("timestamp,open\n")
    page, text = await agent.does("list_datasets", limit=2)
    assert (page["total"], page["returned"]) == (7, 2)
    (apple,) = [row for row in page["datasets"] if row["symbol"] == "AAPL"]
    assert (apple["symbol"], apple["bars"], apple["gaps"]) == ("AAPL", 3270, 0)
    assert (apple["market"], apple["market_inferred"], apple["source"]) == ("us_equity", False, "shipped")
    assert "AAPL 1d (us_equity; shipped): 3270 bars, 2000-03-01 to 2013-03-01" in text
    assert "ABC 1h: CANNOT BE USED: ABC_1h.csv: column" in text
    assert "list_datasets(limit=2, offset=2) shows more" in text
    rest = await agent.asks("list_datasets", offset=2)
    assert rest["returned"] == 5


async def test_many_datasets_stay_within_a_reply(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for number in range(100):
        (tmp_path / "data" / f"S{number:02d}{'x' * 50}_1h.csv").write_text("nothing\n" * 3)
    page, text = await agent.does("list_datasets", limit=100)
    assert len(text.encode()) < 2_048
    assert 5 < page["returned"] == len(page["datasets"]) == len(text.splitlines()) - 2
    assert page["next"] == {"tool": "list_datasets", "arguments": {"limit": 100, "offset": page["returned"]}}
    assert f"list_datasets(limit=100, offset={page['returned']})" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"source": "file", "path": "pricse.csv"}, ["Did you mean 'prices'", "KTRDR_HOME/imports", "load_data("]),
        ({"source": "file", "path": "../../etc/passwd"}, ["not a name inside imports/"]),
        ({"source": "fiel"}, ["Did you mean 'file'"]),
        ({"source": "yahoo"}, ["start_date is missing", "Give the first day wanted"]),
        ({"symbol": "a b", "source": "file", "path": "prices.csv"}, ["symbol", "BTC/USDT"]),
        ({"source": "file", "pth": "prices.csv"}, ["\"pth\": unknown argument. Did you mean 'path'?"]),
        ({"source": "file", "path": "prices.csv", "on_conflict": "overwrite"}, ["one of keep, replace"]),
    ],
)
async def test_a_load_that_cannot_be_is_refused_with_the_way_on(
    agent: Agent, tmp_path: Path, arguments: dict[str, Any], words: list[str]
) -> None:
    put(tmp_path, csv(bars([0, 1])))
    refusal = await agent.is_refused("load_data", **{"symbol": "TEST", "timeframe": "1h", **arguments})
    for word in words:
        assert word in refusal
    assert (await agent.asks("list_operations"))["total"] == 0


async def test_a_busy_dataset_is_told_to_wait_for(agent: Agent, tmp_path: Path) -> None:
    put(tmp_path, csv(bars([0, 1])))
    with DatasetFile(tmp_path, "TEST", "1h").locked():
        refusal = await agent.is_refused("load_data", symbol="TEST", timeframe="1h", source="file", path="prices.csv")
    assert "wait until it has ended" in refusal
    assert "list_operations shows it" in refusal


async def test_a_failed_load_says_why_and_in_what_row(agent: Agent, tmp_path: Path) -> None:
    put(tmp_path, csv(bars([0, 1])) + "2024-01-03,1,2,3,4,5\n")
    started = await agent.asks("load_data", symbol="TEST", timeframe="1h", source="file", path="prices.csv")
    text = await agent.reads("get_operation", operation_id=started["operation_id"], wait_seconds=15)
    assert "FAILED" in text
    assert "prices.csv, row 3 (2024-01-03T00:00:00Z): low 3 is above open 1" in text


async def test_a_repeated_key_loads_once(agent: Agent, tmp_path: Path) -> None:
    put(tmp_path, csv(bars([0, 1])))
    arguments = {"symbol": "TEST", "timeframe": "1h", "source": "file", "path": "prices.csv", "idempotency_key": "k"}
    first = await agent.asks("load_data", **arguments)
    assert (await agent.asks("load_data", **arguments))["operation_id"] == first["operation_id"]


def test_a_load_that_was_stopped_is_to_be_asked_for_again() -> None:
    now = utc_now()
    operation = Operation(
        operation_id="op_data_20250103_k3v9x2m7qa",
        operation_type=OperationType.DATA_LOADING,
        status=OperationStatus.CANCELLED,
        results={"symbol": "TEST", "bars": 10, "partial": True},
        created_at=now,
        updated_at=now,
    )
    assert "Next: load_data(...) with the same arguments goes on from there" in operation_text(operation)
