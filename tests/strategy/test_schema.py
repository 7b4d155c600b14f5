from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from ktrdr_engine.features.plan import FuzzyInput, IndicatorPlan, RawInput
from ktrdr_engine.inference import metadata
from ktrdr_engine.strategy.loader import check_mapping, parse_strategy
from ktrdr_engine.strategy.schema import Architecture, StrategyConfig

SMALLEST = b"""
name: smallest
training_data: {symbols: {mode: single, symbol: EURUSD}, timeframes: {mode: single, timeframe: 1h}}
indicators: {rsi_14: {type: rsi}}
nn_inputs: [{raw_indicator: rsi_14}]
model: {type: mlp}
"""


def test_the_smallest_strategy_gets_the_stated_defaults() -> None:
    config = parse_strategy(SMALLEST, "s.yaml")
    assert config.decisions.confidence_threshold == 0.6
    assert config.decisions.position_awareness is True
    assert config.decisions.allow_short_from_flat is False
    assert config.decisions.filters.min_signal_separation == 0
    assert config.execution.position_fraction == 1.0
    assert (config.execution.stop_loss, config.execution.take_profit, config.execution.trailing_stop) == (None,) * 3
    assert config.training.labels.source == "zigzag"
    assert config.training_data.history_required == 0
    assert config.feature_plan().names == ("1h_rsi_14_raw",)
    assert config.feature_plan().indicators == (IndicatorPlan("rsi_14", "rsi", (("period", 14), ("source", "close"))),)


def test_the_plan_follows_the_inputs_in_order(complete: dict[str, Any]) -> None:
    plan = check_mapping(complete, "s.yaml").feature_plan()
    assert plan.timeframe == "1h"
    assert plan.lags == 2
    assert [indicator.id for indicator in plan.indicators] == ["rsi_14", "macd"]
    zone, trend, raw, line = plan.inputs
    assert isinstance(zone, FuzzyInput)
    assert [(m.name, m.function) for m in zone.memberships] == [
        ("oversold", "triangular"),
        ("neutral", "trapezoidal"),
        ("overbought", "triangular"),
    ]
    assert (trend.indicator, trend.output) == ("macd", "histogram")
    assert raw == RawInput("rsi_14", None, "minmax")
    assert line == RawInput("macd", "line", "zscore")
    assert plan.names[:6] == (
        "1h_rsi_zone_oversold", "1h_rsi_zone_oversold_lag_1", "1h_rsi_zone_oversold_lag_2",
        "1h_rsi_zone_neutral", "1h_rsi_zone_neutral_lag_1", "1h_rsi_zone_neutral_lag_2",
    )  # fmt: skip
    assert plan.names[-3:] == ("1h_macd_line_raw", "1h_macd_line_raw_lag_1", "1h_macd_line_raw_lag_2")
    assert plan.warmup == 33 + 2


def test_an_indicator_no_input_reads_is_not_computed(complete: dict[str, Any]) -> None:
    complete["nn_inputs"] = complete["nn_inputs"][:1]
    assert [i.id for i in check_mapping(complete, "s.yaml").feature_plan().indicators] == ["rsi_14"]


def test_the_single_output_may_be_named(complete: dict[str, Any]) -> None:
    complete["nn_inputs"] = [{"raw_indicator": "rsi_14.value"}]
    assert check_mapping(complete, "s.yaml").feature_plan().names[0] == "1h_rsi_14_raw"


def test_a_strategy_survives_json_as_it_travels_in_a_model(complete: dict[str, Any]) -> None:
    complete["training"]["early_stopping"] = None
    config = check_mapping(complete, "s.yaml")
    assert check_mapping(json.loads(json.dumps(config.as_mapping())), "model") == config


def test_several_symbols_may_be_listed(complete: dict[str, Any]) -> None:
    assert check_mapping(complete, "s.yaml").training_data.symbols.names == ("EURUSD",)
    complete["training_data"]["symbols"] = {"mode": "multi_symbol", "list": ["AAPL", "MSFT"]}
    assert check_mapping(complete, "s.yaml").training_data.symbols.names == ("AAPL", "MSFT")


def test_several_timeframes_are_read_shortest_first_however_they_are_listed(complete: dict[str, Any]) -> None:
    several = {"mode": "multi_timeframe", "list": ["1d", "1h", "4h"], "base_timeframe": "1h"}
    complete["training_data"]["timeframes"] = several
    complete["nn_inputs"] = [{"fuzzy_set": "macd_trend"}, {"raw_indicator": "rsi_14", "timeframes": ["1d", "1h"]}]
    complete["model"]["features"]["lookback_periods"] = 1
    plan = check_mapping(complete, "s.yaml").feature_plan()
    assert (plan.timeframe, plan.higher) == ("1h", ("4h", "1d"))
    assert plan.names == (
        "1h_macd_trend_falling", "1h_macd_trend_falling_lag_1", "1h_macd_trend_rising", "1h_macd_trend_rising_lag_1",
        "4h_macd_trend_falling", "4h_macd_trend_falling_lag_1", "4h_macd_trend_rising", "4h_macd_trend_rising_lag_1",
        "1d_macd_trend_falling", "1d_macd_trend_falling_lag_1", "1d_macd_trend_rising", "1d_macd_trend_rising_lag_1",
        "1h_rsi_14_raw", "1h_rsi_14_raw_lag_1", "1d_rsi_14_raw", "1d_rsi_14_raw_lag_1",
    )  # fmt: skip


@pytest.mark.parametrize("written", ["all", ["all"], ["1h", "4h"], ["4h", "1h"]])
def test_all_timeframes_may_be_written_in_several_ways(complete: dict[str, Any], written: object) -> None:
    complete["training_data"]["timeframes"] = {"mode": "multi_timeframe", "list": ["1h", "4h"], "base_timeframe": "1h"}
    complete["nn_inputs"] = [{"fuzzy_set": "macd_trend", "timeframes": written}]
    assert [item.timeframes for item in check_mapping(complete, "s.yaml").feature_plan().inputs] == [()]


@pytest.mark.parametrize("type", ["lstm", "gru"])
def test_a_recurrent_network_gets_the_stated_defaults(complete: dict[str, Any], type: str) -> None:
    complete["model"] = {"type": type, "features": {"lookback_periods": 20}}
    config = check_mapping(complete, "s.yaml")
    shape = {"hidden_size": 32, "num_layers": 1, "dropout": 0.0}
    assert config.as_mapping()["model"]["architecture"] == shape
    assert check_mapping(config.as_mapping(), "model") == config


def test_a_strategy_of_one_timeframe_travels_as_before_there_were_several(complete: dict[str, Any]) -> None:
    mapping = check_mapping(complete, "s.yaml").as_mapping()
    assert mapping["training_data"]["timeframes"] == {"mode": "single", "timeframe": "1h"}
    assert list(mapping["model"]["architecture"]) == ["hidden_layers", "activation", "dropout"]


def test_a_strategy_of_several_timeframes_survives_json(complete: dict[str, Any]) -> None:
    complete["training_data"]["timeframes"] = {"mode": "multi_timeframe", "list": ["1h", "4h"], "base_timeframe": "1h"}
    config = check_mapping(complete, "s.yaml")
    assert check_mapping(json.loads(json.dumps(config.as_mapping())), "model") == config


def test_a_strategy_cannot_be_changed(complete: dict[str, Any]) -> None:
    config: StrategyConfig = check_mapping(complete, "s.yaml")
    with pytest.raises(ValidationError):
        config.name = "other"  # type: ignore[misc]  # that is what is tried


def test_strategy_and_network_know_the_same_activations() -> None:
    assert get_args(Architecture.model_fields["activation"].annotation) == get_args(metadata.Activation)
