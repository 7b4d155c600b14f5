"""Prompts and completions lead a fresh model, and name nothing that is not there."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mcp import MCPError
from mcp_types import INVALID_PARAMS, PromptReference, ResourceTemplateReference, TextContent, TextResourceContents

from ktrdr_engine.backtesting.models import BacktestResults
from ktrdr_mcp.prompts import EXPLAIN, RESEARCH
from ktrdr_mcp.server import INSTRUCTIONS
from tests.mcp.agent import Agent, agent_at
from tests.mcp.conftest import TOOLS

RESEARCH_ARGUMENTS = {"symbol": "EURUSD", "timeframe": "1h", "idea": "buy what fell too far"}


@pytest.fixture
async def agent(tmp_path: Path, mode: str) -> AsyncIterator[Agent]:
    async with agent_at(tmp_path, mode) as connected:
        yield connected


async def told(agent: Agent, name: str, arguments: dict[str, str]) -> str:
    (message,) = (await agent.client.get_prompt(name, arguments)).messages
    assert message.role == "user"
    assert isinstance(message.content, TextContent)
    return message.content.text


async def completed(agent: Agent, place: str, argument: str, value: str, **chosen: str) -> list[str]:
    reference = ResourceTemplateReference(uri=place) if "://" in place else PromptReference(name=place)
    answer = await agent.client.complete(reference, {"name": argument, "value": value}, chosen or None)
    return answer.completion.values


async def test_the_prompts_say_what_they_are_for(agent: Agent) -> None:
    prompts = {prompt.name: prompt for prompt in (await agent.client.list_prompts()).prompts}
    assert list(prompts) == ["research_strategy", "explain_backtest"]
    assert all(prompt.title and prompt.description for prompt in prompts.values())
    assert [one.name for one in prompts["research_strategy"].arguments or ()] == ["symbol", "timeframe", "idea"]


async def test_research_leads_from_data_to_a_verdict_in_the_order_of_the_work(agent: Agent) -> None:
    text = await told(agent, "research_strategy", RESEARCH_ARGUMENTS)
    assert "EURUSD, 1h bars" in text
    assert "buy what fell too far" in text
    steps = ["load_data", "save_strategy", "start_training", "start_backtest", "compare_operations"]
    places = [text.index(f"`{step}`") for step in steps]
    assert places == sorted(places)
    for honest in ("set aside", "model_relation", "Commission and slippage", "Count your tries"):
        assert honest in text


async def test_an_explanation_is_about_one_backtest(agent: Agent) -> None:
    text = await told(agent, "explain_backtest", {"operation_id": "op_backtest_20250103_k3v9x2m7qa"})
    assert "Explain the backtest op_backtest_20250103_k3v9x2m7qa" in text


@pytest.mark.parametrize("text", [RESEARCH, EXPLAIN], ids=["research", "explain"])
def test_every_tool_and_number_a_prompt_names_exists(text: str) -> None:
    assert set(re.findall(r"`([^`]+)`", text)) <= set(TOOLS)
    numbers = set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", re.sub(r"`[^`]+`|\{[^}]+\}", "", text))) - {"fuzzy_rules"}
    assert numbers <= BacktestResults.model_fields.keys()
    assert len(text) < 3_000


def test_the_instructions_name_every_tool_and_nothing_else() -> None:
    named = set(re.findall(r"\b[a-z]+_[a-z_]+\b|\bcancel\b", INSTRUCTIONS))
    others = {"operation_id", "wait_seconds", "model_relation", "out_of_sample", "rsi_mean_reversion"}
    assert named - others == set(TOOLS)


async def test_a_long_idea_is_cut_and_a_missing_argument_refused(agent: Agent) -> None:
    assert len(await told(agent, "research_strategy", RESEARCH_ARGUMENTS | {"idea": "x" * 50_000})) < 6_000
    with pytest.raises(MCPError):
        await agent.client.get_prompt("research_strategy", {"symbol": "EURUSD"})


async def test_braces_in_an_idea_are_only_text(agent: Agent) -> None:
    assert "{symbol}" in await told(agent, "research_strategy", RESEARCH_ARGUMENTS | {"idea": "{symbol} {0}"})


async def test_symbols_and_timeframes_are_completed_from_the_prices_there_are(agent: Agent) -> None:
    assert await completed(agent, "research_strategy", "symbol", "E") == ["EURUSD"]
    assert await completed(agent, "research_strategy", "symbol", "", timeframe="1h") == ["EURUSD"]
    assert await completed(agent, "research_strategy", "timeframe", "") == ["1d", "1h"]
    assert await completed(agent, "research_strategy", "timeframe", "", symbol="SPX") == ["1d"]


async def test_names_are_completed_by_what_they_name(agent: Agent) -> None:
    assert await completed(agent, "ktrdr://strategies/{name}", "name", "rsi") == ["rsi_mean_reversion.yaml"]
    assert await completed(agent, "ktrdr://models/{name}", "name", "rsi") == ["rsi_mlp_v1.0.0.pt"]


async def test_only_backtests_are_offered_for_an_explanation(agent: Agent) -> None:
    request = {"symbol": "EURUSD", "timeframe": "1h", "start_date": "2017-11-15", "end_date": "2017-12-01"}
    started = await agent.asks("start_backtest", strategy_config_path="strategies/rsi_mean_reversion.yaml", **request)
    assert await completed(agent, "explain_backtest", "operation_id", "op_b") == [started["operation_id"]]


async def test_the_card_of_a_model_is_a_resource(agent: Agent) -> None:
    (content,) = (await agent.client.read_resource("ktrdr://models/rsi_mlp_v1.0.0.pt")).contents
    assert isinstance(content, TextResourceContents)
    card = json.loads(content.text)
    assert (card["strategy_name"], card["strategy_state"]) == ("rsi_mean_reversion", "unchanged")
    for name in ("rsi_mpl", "..%2Fsecret"):
        with pytest.raises(MCPError):
            await agent.client.read_resource(f"ktrdr://models/{name}")


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("research", {}, ["no prompt 'research'", "Did you mean 'research_strategy'?"]),
        ("research_strategy", {"symbol": "EURUSD"}, ["lacks timeframe, idea", "each of symbol, timeframe, idea"]),
        ("research_strategy", RESEARCH_ARGUMENTS | {"ticker": "X"}, ["takes no 'ticker'", "Known: idea, symbol"]),
        ("explain_backtest", {"operation": "op_x"}, ["lacks operation_id", "Did you mean 'operation_id'?"]),
    ],
)
async def test_a_mistake_in_a_prompt_is_named_and_repaired(
    agent: Agent, name: str, arguments: dict[str, str], words: list[str]
) -> None:
    with pytest.raises(MCPError) as refused:
        await agent.client.get_prompt(name, arguments)
    assert refused.value.code == INVALID_PARAMS
    for word in words:
        assert word in refused.value.message
