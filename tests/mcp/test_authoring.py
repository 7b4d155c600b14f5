"""Looking up, writing and comparing, as an agent meets them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ktrdr_engine.catalog import shipped_root
from tests.mcp.agent import Agent, agent_at
from tests.mcp.conftest import backtest_of

SHIPPED = (shipped_root() / "strategies" / "rsi_mean_reversion.yaml").read_text()
SHIPPED_NAMES = sorted(path.name for path in (shipped_root() / "strategies").glob("*.yaml"))
MINE = SHIPPED.replace("name: rsi_mean_reversion", "name: mine")


@pytest.fixture
async def agent(tmp_path: Path, mode: str) -> AsyncIterator[Agent]:
    async with agent_at(tmp_path, mode) as connected:
        yield connected


async def test_strategies_are_listed_in_pages(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "broken.yaml").write_text("name: broken")
    page, text = await agent.does("list_strategies", limit=2)
    assert (page["total"], page["returned"]) == (len(SHIPPED_NAMES) + 1, 2)
    assert "broken.yaml (user): CANNOT BE USED" in text
    assert "list_strategies(limit=2, offset=2)" in text
    rest = await agent.asks("list_strategies", offset=2)
    assert [row["name"] for row in rest["strategies"]] == SHIPPED_NAMES[1:]
    models = {row["name"]: row["newest_model"] for row in rest["strategies"]}
    assert models["rsi_mean_reversion.yaml"] == "rsi_mlp_v1.0.0.pt"
    assert models["trend_rules.yaml"] is None


async def test_a_strategy_is_read_as_text_with_its_hash(agent: Agent) -> None:
    found, text = await agent.does("get_strategy", name="rsi_mean_reversion")
    assert found["yaml"] == SHIPPED
    assert SHIPPED in text
    assert found["sha256"] in text
    assert "rsi_zone says how far" in found["summary"]


async def test_an_agent_writes_reads_errors_repairs_and_saves(agent: Agent, tmp_path: Path) -> None:
    wrong = MINE.replace("period: 14", "perod: -5").replace("confidence_threshold: 0.4", "confidence_threshold: 60")
    refusal = await agent.is_refused("save_strategy", name="mine", yaml=wrong)
    assert "indicators.rsi_14.perod = -5 (line 13): rsi has no parameter 'perod'. Did you mean 'period'?" in refusal
    assert "decisions.confidence_threshold = 60" in refusal
    assert "Did you mean 0.6?" in refusal
    assert not (tmp_path / "strategies").exists()

    check, text = await agent.does("validate_strategy", yaml=wrong)
    assert (check["valid"], check["mistakes"]) == (False, 2)
    assert "NOT VALID: 2 mistakes" in text
    assert "Next: repair them, then validate_strategy(yaml=...)" in text

    check, text = await agent.does("validate_strategy", yaml=MINE)
    assert check["valid"]
    assert check["models"] == ["rsi_mlp_v1.0.0.pt"]
    assert "Next: save_strategy(" in text

    saved, text = await agent.does("save_strategy", name="mine", yaml=MINE)
    assert saved["strategy_config_path"] == "strategies/mine.yaml"
    assert (tmp_path / "strategies" / "mine.yaml").read_text() == MINE
    assert "Next: validate_strategy(name='mine')" in text

    check, text = await agent.does("validate_strategy", name="mine")
    assert check["valid"]
    assert "save_strategy" not in text


async def test_replacing_a_strategy_takes_its_hash_and_keeps_the_old_text(agent: Agent) -> None:
    first = await agent.asks("save_strategy", name="mine", yaml=MINE)
    changed = MINE + "# changed\n"
    refusal = await agent.is_refused("save_strategy", name="mine", yaml=changed)
    assert first["sha256"] in refusal
    assert "get_strategy" in refusal
    saved, text = await agent.does("save_strategy", name="mine", yaml=changed, expected_sha256=first["sha256"])
    assert saved["previous_sha256"] == first["sha256"]
    assert "kept as version" in text
    found = await agent.asks("get_strategy", name="mine", version=first["sha256"][:12])
    assert found["yaml"] == MINE
    assert (await agent.asks("get_strategy", name="mine"))["versions"] == [first["sha256"]]
    assert "is already exactly that" in await agent.reads("save_strategy", name="mine", yaml=changed)


async def test_a_shadowed_shipped_strategy_is_told(agent: Agent) -> None:
    saved, text = await agent.does("save_strategy", name="rsi_mean_reversion", yaml=SHIPPED + "# mine\n")
    assert saved["shadows_shipped"]
    assert "A shipped strategy has the same name" in text


async def test_a_name_cannot_leave_the_folder(agent: Agent, tmp_path: Path) -> None:
    for name in ("../mine", "/tmp/mine", "a/../../mine"):
        assert "bare file name" in await agent.is_refused("save_strategy", name=name, yaml=MINE)
        assert "bare file name" in await agent.is_refused("get_strategy", name=name)
    assert not list(tmp_path.rglob("*.yaml"))


async def test_models_are_listed_with_how_they_did(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "broken.pt").write_bytes(b"x")
    page, text = await agent.does("list_models", limit=4)
    assert (page["total"], page["returned"]) == (5, 4)
    assert "broken.pt (user): CANNOT BE USED" in text
    assert "test accuracy 0.282162 (majority 0.638919), strategy unchanged" in text
    assert "offset=4)" in text


async def test_indicators_are_described_all_and_one_by_one(agent: Agent) -> None:
    page, text = await agent.does("describe_indicators")
    assert len(page["indicators"]) >= 18
    assert "macd(line, signal, histogram)" in text
    one, text = await agent.does("describe_indicators", name="macd")
    assert one["indicators"][0]["example"] in text
    assert "fast_period: a whole number from 2 to 1000, default 12" in text
    _, text = await agent.does("describe_indicators", name="gaussian")
    assert "sigma > 0" in text
    assert "Did you mean 'macd'" in await agent.is_refused("describe_indicators", name="madc")


async def ended(agent: Agent, **changes: Any) -> str:
    request = backtest_of("EURUSD", model_path="models/rsi_mlp_v1.0.0.pt", **changes)
    operation_id = str((await agent.asks("start_backtest", **request))["operation_id"])
    operation = await agent.asks("get_operation", operation_id=operation_id, wait_seconds=20)
    assert operation["status"] == "COMPLETED"
    return operation_id


@pytest.mark.timeout(60)
async def test_results_are_compared_also_those_of_an_earlier_session(tmp_path: Path) -> None:
    async with agent_at(tmp_path) as first:
        seen = await ended(first)
    async with agent_at(tmp_path) as agent:
        unseen = await ended(agent, start_date="2017-11-15", commission=0.0)
        found, text = await agent.does("compare_operations", operation_ids=[seen, unseen])
    values = {one["name"]: one for one in found["numbers"]}
    assert values["total_commission"]["values"][1] == 0
    assert {one["best"] for one in found["numbers"]} == {None}
    assert "*" not in text
    assert "model_beats_majority" not in values
    assert found["same"] == {"data": False, "strategy": True, "model": True}
    assert found["differences"]["commission"] == [0.001, 0.0]
    assert "Not the same range" in text
    assert "numbers flatter it): [0]." in text
    assert f"[0] {seen}, model in_sample" in text
    assert text.index("warning:") < text.index("total_return") < text.index("commission differs")


@pytest.mark.timeout(60)
async def test_the_text_of_a_comparison_of_ten_holds_every_number_and_difference(agent: Agent) -> None:
    ids = [await ended(agent, commission=0.0001 * tried, start_date="2017-11-15") for tried in range(10)]
    found, text = await agent.does("compare_operations", operation_ids=ids)
    lines = text.splitlines()
    for number in found["numbers"]:
        (line,) = [one for one in lines if one.startswith(f"{number['name']}: ")]
        assert line.count(" | ") == 9 or line.endswith(" (all)")
    assert all(any(line.startswith(f"{name} differs: ") for line in lines) for name in found["differences"])
    assert lines[-1].startswith("Next: ")


async def test_what_cannot_be_compared_is_refused(agent: Agent) -> None:
    unknown = "op_backtest_20250103_aaaaaaaaaa"
    other = "op_backtest_20250103_bbbbbbbbbb"
    assert "2 to 10" in await agent.is_refused("compare_operations", operation_ids=[unknown])
    assert "listed twice" in await agent.is_refused("compare_operations", operation_ids=[unknown, unknown])
    assert "list_operations" in await agent.is_refused("compare_operations", operation_ids=[unknown, other])
    assert "a list of 2 to 10 values" in await agent.is_refused("compare_operations", operation_ids="both")


async def test_replies_stay_small_whatever_is_asked(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "strategies").mkdir()
    for number in range(120):
        (tmp_path / "strategies" / f"s{number}.yaml").write_text(
            MINE.replace("name: mine", f"name: s{number}").replace("description: ", "description: " + "long " * 100)
        )
    sets = yaml.safe_load(MINE)
    sets["fuzzy_sets"] = {
        f"zone_{number}": {"indicator": "rsi_14", **{f"part_{i}": [i, i + 1, i + 2] for i in range(10)}}
        for number in range(90)
    }
    sets["nn_inputs"] = [{"fuzzy_set": name} for name in sets["fuzzy_sets"]]
    sets["model"]["features"] = {"lookback_periods": 0}
    large = yaml.safe_dump(sets)
    calls: list[tuple[str, dict[str, Any]]] = [
        ("list_strategies", {"limit": 100}),
        ("list_models", {"limit": 100}),
        ("validate_strategy", {"yaml": large}),
        ("validate_strategy", {"yaml": "name: s\n" + "".join(f"key_{number}: 1\n" for number in range(500))}),
        ("save_strategy", {"name": "mine", "yaml": large}),
        ("get_strategy", {"name": "mine"}),
        ("describe_indicators", {}),
    ]
    for tool, arguments in calls:
        structured, text = await agent.does(tool, **arguments)
        assert len(json.dumps(structured).encode()) + len(text.encode()) < 20_000, tool
        assert "Next: " in text.splitlines()[-1], tool
        if tool not in ("get_strategy", "validate_strategy"):
            assert len(text.encode()) < 2_048, tool


async def test_a_hundred_mistakes_fit_a_reply_whose_text_is_short(agent: Agent) -> None:
    zones = "".join(f"  zone_{number}: {{indicator: rsi_14, low: [0, 20, 35]}}\n" for number in range(90))
    asked = "".join(f"  - {{fuzzy_set: nothing_like_it_{number}}}\n" for number in range(90))
    before, after = MINE.split("fuzzy_sets:")[0], MINE.split("\nmodel:")[1]
    wrong = f"{before}fuzzy_sets:\n{zones}\nnn_inputs:\n{asked}\nmodel:{after}"
    check, text = await agent.does("validate_strategy", yaml=wrong)
    assert check["mistakes"] == 90
    assert "zone_0, " in check["errors"][0]["repair"]
    assert len(check["errors"]) == text.count("(line ")
    assert "more, told once these are repaired" in text
    assert text.endswith("Next: repair them, then validate_strategy(yaml=...) again.")
    assert len(text.encode()) < 2_000
    assert len(text) + len(json.dumps(check)) < 20_000


async def test_a_text_that_is_no_mapping_is_refused_in_one_sentence(agent: Agent) -> None:
    text = await agent.reads("validate_strategy", yaml="5")
    assert "Start with `name: my_strategy`.\nNext:" in text


async def test_a_strategy_may_be_written_in_json(agent: Agent) -> None:
    check = await agent.asks("validate_strategy", yaml=json.dumps(yaml.safe_load(MINE)))
    assert check["valid"]
    assert "Start with `name: my_strategy`" in await agent.reads("validate_strategy", yaml="[1, 2]")
