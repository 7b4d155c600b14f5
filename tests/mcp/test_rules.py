"""A strategy of rules, from text to numbers: written, refused, repaired, saved, and run in one start_backtest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mcp_types import TextResourceContents

from tests.mcp.agent import agent_at

RULES = """\
name: dip_rules
description: Buy dips of MSFT above its average.
training_data: {symbols: {mode: single, symbol: MSFT}, timeframes: {mode: single, timeframe: 1d}}
indicators:
  rsi_5: {type: rsi, period: 5}
  distance_50: {type: distancefromma, period: 50, ma_type: EMA}
fuzzy_sets:
  dip: {indicator: rsi_5, deep: [0, 0, 20, 45], over: [50, 80, 100, 100]}
  side: {indicator: distance_50, above: {type: sigmoid, parameters: [0, 2]}}
model:
  type: fuzzy_rules
  norm: product
  rules:
    - {if: dip is deep and side is above, then: BUY}
    - {if: dip is over, then: SELL, weight: 0.9}
    - {if: not (dip is deep or dip is over), then: HOLD, weight: 0.5}
decisions: {confidence_threshold: 0.55}
execution: {stop_loss: 0.05}
"""
BACKTEST = {"symbol": "MSFT", "timeframe": "1d", "start_date": "2005-01-03", "end_date": "2012-12-31"}


@pytest.mark.timeout(60)
async def test_an_agent_writes_rules_and_runs_them_without_training(tmp_path: Path, mode: str) -> None:
    async with agent_at(tmp_path, mode) as agent:
        wrong = RULES.replace("dip is deep and", "dip is depe &").replace("then: SELL", "then: sell")
        refusal = await agent.is_refused("save_strategy", name="dip_rules", yaml=wrong)
        assert "model.rules[0].if = 'dip is depe & side is above' (line 14): at character 13 there is '&'" in refusal
        assert "Write the word: and." in refusal
        assert "model.rules[1].then = 'sell' (line 15): must be one of BUY, HOLD, SELL. Did you mean 'SELL'" in refusal

        saved, text = await agent.does("save_strategy", name="dip_rules", yaml=RULES)
        assert "BUY when dip is deep and side is above" in text
        started = await agent.asks("start_backtest", strategy_config_path=saved["strategy_config_path"], **BACKTEST)
        operation = await agent.asks("get_operation", operation_id=started["operation_id"], wait_seconds=20)
        address = f"ktrdr://operations/{started['operation_id']}/results"
        (whole,) = (await agent.client.read_resource(address)).contents

    assert isinstance(whole, TextResourceContents)
    provenance = json.loads(whole.text)["provenance"]
    assert provenance["model_sha256"] is None
    assert provenance["strategy_sha256"] == saved["sha256"]
    assert operation["status"] == "COMPLETED"
    assert operation["metadata"]["model_path"] is None
    results = operation["results"]
    assert results["total_trades"] > 5
    assert "provenance" not in results
    assert results["model_relation"] == "none"


async def test_a_model_named_beside_rules_is_refused(tmp_path: Path, mode: str) -> None:
    async with agent_at(tmp_path, mode) as agent:
        refusal = await agent.is_refused(
            "start_backtest",
            strategy_config_path="strategies/trend_rules.yaml",
            model_path="models/rsi_mlp_v1.0.0.pt",
            **BACKTEST,
        )
    assert "decides by rules (fuzzy_rules), which need no model. Leave model_path out." in refusal
