"""An agent deletes, undoes and looks into the trash."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ktrdr_engine.catalog import shipped_root
from ktrdr_mcp.replies import Call
from tests.datasets.prices import bars, csv, put
from tests.mcp.agent import Agent, agent_at
from tests.mcp.conftest import backtest_of

MINE = (shipped_root() / "strategies" / "trend_rules.yaml").read_text().replace("name: trend_rules", "name: mine")


@pytest.fixture
async def agent(tmp_path: Path, mode: str) -> AsyncIterator[Agent]:
    async with agent_at(tmp_path, mode) as connected:
        yield connected


async def test_a_deleted_strategy_is_restored_by_the_call_the_reply_names(agent: Agent) -> None:
    saved = await agent.asks("save_strategy", name="mine", yaml=MINE)
    done, text = await agent.does("manage_library", action="delete", kind="strategy", name="mine")
    assert "manage_library(action='restore', kind='strategy', name='mine')" in text
    assert str(Call(**done["next"])) in text
    assert done["entries"][0]["name"] == "mine"
    await agent.is_refused("get_strategy", name="mine")
    await agent.asks("manage_library", action="restore", kind="strategy", name="mine")
    assert (await agent.asks("get_strategy", name="mine"))["sha256"] == saved["sha256"]


async def test_what_a_save_wrote_over_is_restored(agent: Agent) -> None:
    first = await agent.asks("save_strategy", name="mine", yaml=MINE)
    await agent.asks("save_strategy", name="mine", yaml=MINE + "# 2\n", expected_sha256=first["sha256"])
    await agent.asks("manage_library", action="restore", kind="strategy", name="mine")
    assert (await agent.asks("get_strategy", name="mine"))["sha256"] == first["sha256"]


async def test_a_run_over_a_dataset_is_not_hurt_by_its_deletion(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    shipped = (shipped_root() / "data" / "EURUSD_1h.csv").read_text()
    (tmp_path / "data" / "MINE_1h.csv").write_text(shipped)
    started = await agent.asks("start_backtest", **backtest_of("MINE"), model_path="rsi_mlp_v1.0.0.pt")
    await agent.asks("manage_library", action="delete", kind="dataset", name="MINE_1h")
    ended = await agent.asks("get_operation", operation_id=started["operation_id"], wait_seconds=20)
    assert ended["status"] == "COMPLETED"
    assert "deleted" in await agent.reads("manage_library", action="list")


async def test_what_a_load_wrote_over_is_restored_as_its_note_says(agent: Agent, tmp_path: Path) -> None:
    load = {"symbol": "BTC/USDT", "timeframe": "1h", "source": "file"}
    for name, base in (("a.csv", 100.0), ("b.csv", 200.0)):
        put(tmp_path, csv(bars(list(range(10)), base=base)), name)
        started = await agent.asks("load_data", **load, path=name, on_conflict="replace")
        ended, text = await agent.does("get_operation", operation_id=started["operation_id"], wait_seconds=20)
        assert ended["status"] == "COMPLETED"
    assert "manage_library(action='restore', kind='dataset', name='BTC-USDT_1h')" in text
    second = (await agent.asks("list_datasets"))["datasets"][1]
    await agent.asks("manage_library", action="restore", kind="dataset", name="BTC/USDT_1h")
    assert second["symbol"] == "BTC-USDT"
    assert (await agent.asks("list_datasets"))["datasets"][1]["loaded_from"] == "file a.csv"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"action": "delete", "kind": "strategy"}, "needs name"),
        ({"action": "restore", "name": "mine"}, "needs kind"),
        ({"action": "delete", "kind": "strategy", "name": "trend_rules"}, "shipped"),
        ({"action": "empty"}, "delete, restore, list"),
        ({"action": "delete", "kind": "model", "name": "../x"}, "without folders"),
    ],
)
async def test_a_call_that_cannot_be_is_refused_with_the_way_on(
    agent: Agent, arguments: dict[str, str], words: str
) -> None:
    assert words in await agent.is_refused("manage_library", **arguments)


async def test_a_long_trash_is_listed_as_far_as_a_reply_goes(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for number in range(20):
        (tmp_path / "data" / f"S{number}_1d.csv").write_text("x")
        await agent.asks("manage_library", action="delete", kind="dataset", name=f"S{number}_1d")
    page, text = await agent.does("manage_library", action="list")
    assert (page["total"], page["returned"]) == (20, 14)
    assert all(row["name"] in text for row in page["entries"])
    assert len(text.encode()) < 2_000
