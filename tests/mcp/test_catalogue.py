"""The catalogue of mistakes agents really made: each is refused through a client, naming path, value and repair."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ktrdr_engine.catalog import shipped_root
from tests.mcp.agent import Agent, agent_at
from tests.mcp.conftest import backtest_of

SWING = (shipped_root() / "strategies" / "long_short_swing.yaml").read_text()

MISTAKES: list[tuple[str, str, str, Any, str]] = [
    # what stands there, what an agent wrote, path, value, repair
    ("indicators:\n", "indicater:\n", "indicater", None, "Did you mean 'indicators'?"),
    (
        "cci_20: {type: cci, period: 20}",
        "cci_20: {type: cci, periods: 20}",
        "indicators.cci_20.periods",
        20,
        "'period'",
    ),
    ("cci_20: {type: cci, period: 20}", "cci_20: {type: cci, period: -5}", "indicators.cci_20.period", -5, "from 2"),
    ("cci_20: {type: cci,", "cci_20: {type: cic,", "indicators.cci_20.type", "cic", "Did you mean 'cci'"),
    (
        "cci_20: {type: cci, period: 20}",
        "cci_20: {type: zigzag}",
        "indicators.cci_20.type",
        "zigzag",
        "training.labels",
    ),
    (
        "confidence_threshold: 0.4",
        "confidence_threshold: 60",
        "decisions.confidence_threshold",
        60,
        "Did you mean 0.6?",
    ),
    ("confidence_threshold: 0.4", "confidence: 0.4", "decisions.confidence", 0.4, "'confidence_threshold'"),
    ("stop_loss: 0.03", "stop_loss: 3", "execution.stop_loss", 3, "Did you mean 0.03?"),
    ("stop_loss: 0.03", "stoploss: 0.03", "execution.stoploss", 0.03, "Did you mean 'stop_loss'?"),
    ("indicator: cci_20", "indicator: cci_2", "fuzzy_sets.stretch.indicator", "cci_2", "Did you mean 'cci_20'?"),
    ("indicator: stochastic_14.d", "indicator: stochastic_14.e", "fuzzy_sets.swing.indicator", "stochastic_14.e", "d"),
    ("low: [0, 0, 10, 40]", "low: [0, 50, 10, 40]", "fuzzy_sets.swing.low", None, "a <= b <= c <= d"),
    ("{fuzzy_set: swing,", "{fuzzy_set: swings,", "nn_inputs[0].fuzzy_set", "swings", "Did you mean 'swing'?"),
    ("activation: tanh", "activation: tahn", "model.architecture.activation", "tahn", "Did you mean 'tanh'?"),
    ("dropout: 0.2", "dropout: 20", "model.architecture.dropout", 20, "Did you mean 0.2?"),
    (
        "source: triple_barrier",
        "source: tripple_barrier",
        "training.labels.source",
        "tripple_barrier",
        "triple_barrier",
    ),
    ("epochs: 100", "epochs: 0", "training.epochs", 0, "at least 1"),
    ("symbol: SPX", "symbol: S P X", "training_data.symbols.symbol", "S P X", "letters"),
]
CALLS: list[tuple[dict[str, Any], list[str]]] = [
    ({"startdate": "2017-01-02"}, ['"startdate": unknown argument', "Did you mean 'start_date'?"]),
    ({"start_date": "2017-12-29", "end_date": "2017-01-02"}, ["2017-01-02", "before start_date", "swap"]),
    ({"start_date": "2031-01-01", "end_date": "2031-02-01"}, ["2031-01-01", "2017-12-29"]),
    ({"start_date": "02.01.2017"}, ["start_date '02.01.2017'", "Did you mean '2017-01-02'?"]),
    ({"commission": 1.5}, ["commission=1.5", "0.001 is 0.1 %"]),
    ({"commission": "NaN"}, ["commission"]),
    ({"initial_capital": 0}, ["initial_capital=0", "above 0"]),
    ({"symbol": "EURUDS"}, ["EURUDS", "Did you mean 'EURUSD'"]),
    ({"timeframe": "1hr"}, ["1hr", "Did you mean '1h'"]),
    ({"strategy_config_path": "strategies/rsi_mean_revesion.yaml"}, ["Did you mean 'rsi_mean_reversion"]),
    ({"strategy_config_path": "../../etc/passwd"}, ["bare file name"]),
    ({"model_path": "rsi_mpl_v1.0.0.pt"}, ["Did you mean 'rsi_mlp"]),
    ({"model_path": "swing_mlp_v1.0.0.pt"}, ["other features"]),
]


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    async with agent_at(tmp_path) as connected:
        yield connected


@pytest.mark.parametrize(("there", "written", "path", "value", "repair"), MISTAKES, ids=[one[1] for one in MISTAKES])
async def test_a_mistake_in_a_strategy_is_named_with_path_value_and_repair(
    agent: Agent, there: str, written: str, path: str, value: Any, repair: str
) -> None:
    assert there in SWING
    text = SWING.replace(there, written, 1)
    check, told = await agent.does("validate_strategy", yaml=text)
    assert check["valid"] is False
    found = {one["path"]: one for one in check["errors"]}
    assert path in found
    assert value is None or found[path]["value"] == value
    assert repair in f"{found[path]['problem']}. {found[path]['repair']}"
    assert path in told
    assert path in await agent.is_refused("save_strategy", name="long_short_swing", yaml=text)


async def test_all_mistakes_come_at_once(agent: Agent) -> None:
    text = SWING
    written = {"period: 20}": "period: -5}", "stop_loss: 0.03": "stop_loss: 3", "epochs: 100": "epochs: 0"}
    for there, wrong in written.items():
        text = text.replace(there, wrong, 1)
    assert (await agent.asks("validate_strategy", yaml=text))["mistakes"] == 3


@pytest.mark.parametrize(("changes", "words"), CALLS, ids=[str(one[0]) for one in CALLS])
async def test_a_mistake_in_a_call_is_refused_and_nothing_runs(
    agent: Agent, changes: dict[str, Any], words: list[str]
) -> None:
    refusal = await agent.is_refused("start_backtest", **(backtest_of("EURUSD") | changes))
    for word in words:
        assert word in refusal
    assert (await agent.asks("list_operations"))["total"] == 0
