"""The catalogue of mistakes: each is found, and its message repairs it."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import pytest
import yaml

from ktrdr_engine.errors import StrategyError
from ktrdr_engine.strategy.loader import check_mapping, parse_strategy
from tests.strategy.conftest import COMPLETE

REMOVED = object()
SEVERAL: dict[str, Any] = {"mode": "multi_timeframe", "list": ["1h", "4h"], "base_timeframe": "1h"}
LSTM: dict[str, Any] = {"type": "lstm", "features": {"lookback_periods": 20}}


def mistakes(root: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(StrategyError) as caught:
        check_mapping(root, "s.yaml")
    found: dict[str, str] = {}
    for error in caught.value.details["errors"]:
        assert error["path"] not in found, f"told twice: {error}"
        found[error["path"]] = f"{error['value']!r}: {error['problem']}. {error['repair']}"
    return found


def edit(root: Any, dotted: str, value: object) -> None:
    *outer, last = [int(part) if part.isdigit() else part for part in dotted.split("/")]
    for part in outer:
        root = root[part]
    if value is REMOVED:
        del root[last]
    else:
        root[last] = value


@pytest.mark.parametrize(
    ("place", "value", "path", "words"),
    [
        # Ranges, with percent taken for a fraction.
        ("decisions/confidence_threshold", 60, "decisions.confidence_threshold",
         ["a number at least 0 and at most 1", "Did you mean 0.6?", "fraction"]),
        ("decisions/confidence_threshold", -0.1, "decisions.confidence_threshold",
         ["at least 0", "0.05 means 5 percent"]),
        ("execution/stop_loss", 2, "execution.stop_loss", ["Did you mean 0.02?"]),
        ("execution/stop_loss", 0, "execution.stop_loss", ["above 0"]),
        ("execution/take_profit", 5, "execution.take_profit", ["Did you mean 0.05?"]),
        ("execution/trailing_stop", 1, "execution.trailing_stop", ["below 1", "0.01"]),
        ("execution/position_fraction", 100, "execution.position_fraction", ["Did you mean 1?"]),
        ("model/architecture/dropout", 20, "model.architecture.dropout", ["Did you mean 0.2?"]),
        ("training/labels/threshold", 3, "training.labels.threshold", ["Did you mean 0.03?"]),
        ("training/data_split/train", 70, "training.data_split.train", ["Did you mean 0.7?"]),
        ("training/epochs", 0, "training.epochs", ["a whole number at least 1 and at most 10000"]),
        ("training/learning_rate", 0.0, "training.learning_rate", ["above 0 and at most 1"]),
        ("training/learning_rate", 2.0, "training.learning_rate", ["at most 1"]),
        ("training/batch_size", -1, "training.batch_size", ["at least 1"]),
        ("training/seed", -1, "training.seed", ["at least 0"]),
        ("training/labels/lookahead", 0, "training.labels.lookahead", ["at least 1"]),
        ("training/early_stopping/patience", 0, "training.early_stopping.patience", ["at least 1"]),
        ("model/features/lookback_periods", -1, "model.features.lookback_periods", ["at least 0"]),
        ("model/architecture/hidden_layers", [50, 0], "model.architecture.hidden_layers[1]", ["at least 1"]),
        ("model/architecture/hidden_layers", [], "model.architecture.hidden_layers", ["at least 1 item"]),
        ("model/architecture/hidden_layers", [5] * 9, "model.architecture.hidden_layers", ["at most 8 items"]),
        ("decisions/filters/min_signal_separation", -4, "decisions.filters.min_signal_separation", ["at least 0"]),
        ("training_data/history_required", -1, "training_data.history_required", ["at least 0"]),
        # Kinds: nothing is converted.
        ("training/epochs", "100", "training.epochs", ["This is text: write 100 without quotes."]),
        ("training/learning_rate", "1e-3", "training.learning_rate", ["write 1e-3 without quotes"]),
        ("training/learning_rate", "small", "training.learning_rate", ["This is text"]),
        ("training/epochs", 10.0, "training.epochs", ["Did you mean 10?"]),
        ("training/epochs", True, "training.epochs", ["a whole number"]),
        ("training/epochs", math.inf, "training.epochs", ["a whole number"]),
        ("decisions/confidence_threshold", math.nan, "decisions.confidence_threshold", ["'nan'", "at least 0"]),
        ("execution/stop_loss", math.inf, "execution.stop_loss", ["'inf'", "below 1"]),
        ("decisions/confidence_threshold", None, "decisions.confidence_threshold", ["a number"]),
        ("decisions/position_awareness", "yes", "decisions.position_awareness", ["true or false"]),
        ("decisions/position_awareness", 1, "decisions.position_awareness", ["true or false"]),
        ("version", 1.0, "version", ["must be text", 'Put it in quotes: "1.0"']),
        ("name", None, "name", ["must be text"]),
        ("name", "my strategy!", "name", ["characters", "Use letters"]),
        ("name", "x" * 200, "name", ["at most 100 characters"]),
        ("training_data/symbols/symbol", "EUR USD", "training_data.symbols.symbol", ["letters (of any script)"]),
        ("model/architecture", [50, 25], "model.architecture", ["must be a mapping"]),
        ("indicators", [{"name": "rsi", "period": 14}], "indicators", ["must be a mapping", "rsi_14"]),
        ("model/architecture/hidden_layers", "50, 25", "model.architecture.hidden_layers", ["must be a list"]),
        ("nn_inputs", {"fuzzy_set": "rsi_zone"}, "nn_inputs", ["must be a list"]),
        ("execution", None, "execution", ["must be a mapping"]),
        # Words.
        ("model/architecture/activation", "rleu", "model.architecture.activation", ["Did you mean 'relu'?", "gelu"]),
        ("training_data/timeframes/timeframe", "1hr", "training_data.timeframes.timeframe", ["Did you mean '1h'?"]),
        ("training_data/timeframes/timeframe", 60, "training_data.timeframes.timeframe", ["one of 1m, 5m"]),
        ("training_data/symbols/mode", "multi", "training_data.symbols.mode", ["multi_symbol"]),
        ("training/labels/source", "zigzg", "training.labels.source", ["Did you mean 'zigzag'?"]),
        ("nn_inputs/2/normalization", "minmx", "nn_inputs[2].normalization", ["Did you mean 'minmax'?"]),
        # Missing.
        ("name", REMOVED, "name", ["required but missing", "Add `name: my_strategy`"]),
        ("model", REMOVED, "model", ["missing", "{type: mlp}"]),
        ("indicators/rsi_14/type", REMOVED, "indicators.rsi_14.type", ["missing", "type: rsi"]),
        ("training_data/timeframes", REMOVED, "training_data.timeframes", ["{mode: single, timeframe: 1h}"]),
        ("training_data/symbols/symbol", REMOVED, "training_data.symbols.symbol", ["needs symbol", "EURUSD"]),
        ("fuzzy_sets/rsi_zone/indicator", REMOVED, "fuzzy_sets.rsi_zone.indicator", ["missing"]),
        ("indicators", {}, "indicators", ["at least 1 item"]),
        ("nn_inputs", [], "nn_inputs", ["at least 1 item"]),
        # Symbols.
        ("training_data/symbols/list", ["AAPL"], "training_data.symbols.list", ["takes no list", "multi_symbol"]),
        ("training_data/symbols", {"mode": "multi_symbol"}, "training_data.symbols.list", ["[AAPL, MSFT]"]),
        ("training_data/symbols", {"mode": "multi_symbol", "list": ["A", "B"], "symbol": "A"},
         "training_data.symbols.symbol", ["takes no symbol", "mode: single"]),
        ("training_data/symbols", {"mode": "multi_symbol", "list": ["A", "B", "A"]},
         "training_data.symbols.list[2]", ["second time"]),
        # Timeframes.
        ("training_data/timeframes/timeframe", REMOVED, "training_data.timeframes.timeframe",
         ["needs timeframe", "timeframe: 1h"]),
        ("training_data/timeframes/list", ["1h", "4h"], "training_data.timeframes.list",
         ["takes no list", "mode: multi_timeframe"]),
        ("training_data/timeframes/base_timeframe", "1h", "training_data.timeframes.base_timeframe",
         ["takes no base_timeframe", "Leave it out"]),
        ("training_data/timeframes/mode", "multi_timeframe", "training_data.timeframes.list",
         ["needs list", "list: [1h, 4h]"]),
        ("training_data/timeframes/mode", "multi_timeframe", "training_data.timeframes.base_timeframe",
         ["needs base_timeframe", "base_timeframe: 1h"]),
        ("training_data/timeframes/mode", "multi_timeframe", "training_data.timeframes.timeframe",
         ["takes no timeframe", "mode: single"]),
        ("training_data/timeframes", SEVERAL | {"mode": "multi"}, "training_data.timeframes.mode",
         ["must be one of single, multi_timeframe"]),
        ("training_data/timeframes", SEVERAL | {"list": ["1h", "4hr"]}, "training_data.timeframes.list[1]",
         ["Did you mean '4h'?"]),
        ("training_data/timeframes", SEVERAL | {"list": ["1h", "4h", "1h"]}, "training_data.timeframes.list[2]",
         ["second time"]),
        ("training_data/timeframes", SEVERAL | {"list": "1h"}, "training_data.timeframes.list", ["must be a list"]),
        ("training_data/timeframes", SEVERAL | {"base_timeframe": "15m"}, "training_data.timeframes.base_timeframe",
         ["not in the list", "Add it there, or write 1h"]),
        ("training_data/timeframes", SEVERAL | {"base_timeframe": "4h"}, "training_data.timeframes.base_timeframe",
         ["the shortest timeframe, 1h", "Write 1h"]),
        ("training_data/timeframes", SEVERAL | {"base_timeframe": "1hr"}, "training_data.timeframes.base_timeframe",
         ["Did you mean '1h'?"]),
        ("training_data/timeframes", SEVERAL | {"list": ["4h", "1d"], "base_timeframe": "4h"},
         "nn_inputs[1].timeframes", ["4h, 1d bars only", "[4h, 1d]"]),
        # Indicators.
        ("indicators/rsi_14/period", -5, "indicators.rsi_14.period", ["from 2 to 1000", "default is 14"]),
        ("indicators/rsi_14/period", "14", "indicators.rsi_14.period", ["a whole number"]),
        ("indicators/rsi_14/period", math.nan, "indicators.rsi_14.period", ["a whole number"]),
        ("indicators/rsi_14/perod", 14, "indicators.rsi_14.perod", ["no parameter", "Did you mean 'period'?"]),
        ("indicators/macd/fast", 12, "indicators.macd.fast", ["Did you mean 'fast_period'?"]),
        ("indicators/macd/fast_period", 30, "indicators.macd", ["fast_period must be smaller than slow_period"]),
        ("indicators/rsi_14/source", "clsoe", "indicators.rsi_14.source", ["Did you mean 'close'?"]),
        ("indicators/rsi_14/type", "RSI", "indicators.rsi_14.type", ["Did you mean 'rsi'"]),
        ("indicators/rsi_14/type", "rsii", "indicators.rsi_14.type", ["no such indicator", "Did you mean 'rsi'"]),
        ("indicators/rsi_14/type", 14, "indicators.rsi_14.type", ["must be text"]),
        ("indicators/rsi_14/type", "zigzag", "indicators.rsi_14.type", ["repaints", "future", "training.labels"]),
        ("indicators/rsi_14/type", "ichimokku", "indicators.rsi_14.type", ["Did you mean 'ichimoku'?"]),
        ("indicators/w", {"type": "vwap", "use_typical_price": 1}, "indicators.w.use_typical_price", ["true or false"]),
        ("indicators/rsi_14", "rsi", "indicators.rsi_14", ["must be a mapping"]),
        ("indicators/my rsi", {"type": "rsi"}, "indicators.my rsi", ["characters"]),
        # Fuzzy sets.
        ("fuzzy_sets/rsi_zone/oversold", [0, 40, 35], "fuzzy_sets.rsi_zone.oversold", ["a <= b <= c", "[30, 50, 70]"]),
        ("fuzzy_sets/rsi_zone/neutral", [30, 60, 55, 70], "fuzzy_sets.rsi_zone.neutral", ["a <= b <= c <= d"]),
        ("fuzzy_sets/rsi_zone/oversold", [0, 40], "fuzzy_sets.rsi_zone.oversold", ["3 numbers", "not 2"]),
        ("fuzzy_sets/rsi_zone/oversold", [0, "20", 35], "fuzzy_sets.rsi_zone.oversold.parameters[1]",
         ["without quotes"]),
        ("fuzzy_sets/rsi_zone/oversold", [0, math.nan, 35], "fuzzy_sets.rsi_zone.oversold.parameters[1]", ["number"]),
        ("fuzzy_sets/rsi_zone/oversold", {"type": "gausian", "parameters": [1, 2]}, "fuzzy_sets.rsi_zone.oversold",
         ["no membership function 'gausian'", "Did you mean 'gaussian'?"]),
        ("fuzzy_sets/rsi_zone/oversold", {"type": "gaussian", "parameters": [1, 0]}, "fuzzy_sets.rsi_zone.oversold",
         ["sigma > 0"]),
        ("fuzzy_sets/rsi_zone/oversold", {"type": "gaussian", "parameters": [1, 2, 3]}, "fuzzy_sets.rsi_zone.oversold",
         ["2 numbers, not 3"]),
        ("fuzzy_sets/rsi_zone/oversold", {"typ": "gaussian", "parameters": [1, 2]}, "fuzzy_sets.rsi_zone.oversold.typ",
         ["Did you mean 'type'?"]),
        ("fuzzy_sets/rsi_zone/oversold", 30, "fuzzy_sets.rsi_zone.oversold",
         ["not a membership function", "[a, b, c]"]),
        ("fuzzy_sets/rsi_zone/over-sold", [0, 20, 35], "fuzzy_sets.rsi_zone.over-sold", ["characters"]),
        ("fuzzy_sets/rsi_zone/indicater", "rsi_14", "fuzzy_sets.rsi_zone.indicater",
         ["Did you mean the key 'indicator'?"]),
        ("fuzzy_sets/rsi_zone/indicator", "rsi_41", "fuzzy_sets.rsi_zone.indicator", ["no indicator", "'rsi_14'"]),
        ("fuzzy_sets/rsi_zone/indicator", "macd.histogramm", "fuzzy_sets.rsi_zone.indicator",
         ["no output 'histogramm'", "Did you mean 'histogram'?"]),
        ("fuzzy_sets/rsi_zone/indicator", "macd", "fuzzy_sets.rsi_zone.indicator", ["several outputs", "macd.line"]),
        ("fuzzy_sets/rsi_zone/indicator", "rsi_14.line", "fuzzy_sets.rsi_zone.indicator", ["no output 'line'"]),
        ("fuzzy_sets/rsi_zone", {"indicator": "rsi_14"}, "fuzzy_sets.rsi_zone", ["no membership function", "oversold"]),
        ("fuzzy_sets/rsi_zone", [0, 20, 35], "fuzzy_sets.rsi_zone", ["must be a mapping"]),
        # Inputs of the network.
        ("nn_inputs/0/fuzzy_set", "rsi_zon", "nn_inputs[0].fuzzy_set", ["no such fuzzy set", "'rsi_zone'"]),
        ("nn_inputs/0/normalization", "minmax", "nn_inputs[0].normalization", ["not normalised", "Leave it out"]),
        ("nn_inputs/0/raw_indicator", "rsi_14", "nn_inputs[0]", ["either a fuzzy_set or a raw_indicator"]),
        ("nn_inputs/0", {"timeframes": "all"}, "nn_inputs[0]", ["either a fuzzy_set or a raw_indicator"]),
        ("nn_inputs/2/raw_indicator", "rsi_15", "nn_inputs[2].raw_indicator", ["no indicator 'rsi_15'"]),
        ("nn_inputs/2/raw_indicator", "macd", "nn_inputs[2].raw_indicator", ["several outputs"]),
        ("nn_inputs/0/timeframes", ["4h"], "nn_inputs[0].timeframes", ["1h bars only", "Write all"]),
        ("nn_inputs/0/timeframes", [], "nn_inputs[0].timeframes", ["1h bars only", "[1h]"]),
        ("nn_inputs/0/timeframes", ["1h", "1h"], "nn_inputs[0].timeframes[1]", ["second time"]),
        ("nn_inputs/0/timeframes", ["all", "1h"], "nn_inputs[0].timeframes", ["Write all, or some of [1h]"]),
        ("nn_inputs/0/timeframes", 7, "nn_inputs[0].timeframes", ["must be a list"]),
        ("nn_inputs/1", dict(COMPLETE["nn_inputs"][0]), "nn_inputs[1]", ["second time"]),
        ("nn_inputs/0", "rsi_zone", "nn_inputs[0]", ["must be a mapping"]),
        # Networks: each kind has fields of its own.
        ("model/architecture/hidden_size", 32, "model.architecture.hidden_size",
         ["mlp networks have no hidden_size", "Theirs: hidden_layers, activation, dropout"]),
        ("model", LSTM | {"architecture": {"hidden_layers": [50]}}, "model.architecture.hidden_layers",
         ["lstm networks have no hidden_layers", "Theirs: hidden_size, num_layers, dropout"]),
        ("model", LSTM | {"type": "gru", "architecture": {"activation": "relu"}}, "model.architecture.activation",
         ["gru networks have no activation"]),
        ("model", LSTM | {"architecture": {"hiden_size": 8}}, "model.architecture.hiden_size", ["'hidden_size'"]),
        ("model", LSTM | {"architecture": {"hidden_size": 513}}, "model.architecture.hidden_size", ["at most 512"]),
        ("model", LSTM | {"architecture": {"num_layers": 0}}, "model.architecture.num_layers", ["at least 1"]),
        ("model", LSTM | {"architecture": {"num_layers": 1.5}}, "model.architecture.num_layers", ["whole number"]),
        ("model", {"type": "lstm"}, "model.features.lookback_periods", ["a sequence", "{lookback_periods: 20}"]),
        ("model", LSTM | {"architecture": {"sequence_length": 20}}, "model.architecture.sequence_length",
         ["not supported yet", "lookback_periods: 19"]),
        ("model", LSTM | {"architecture": {"bidirectional": True}}, "model.architecture.bidirectional", ["oldest bar"]),
        ("model", LSTM | {"architecture": {"cell_type": "gru"}}, "model.architecture.cell_type", ["type: gru"]),
        # Sums, and what only the whole shows.
        ("training/data_split", {"train": 0.7, "validation": 0.2, "test": 0.2}, "training.data_split",
         ["sum to 1.1, not 1"]),
        ("training/data_split", {"train": 0.8}, "training.data_split", ["sum to 1.1"]),
        ("training_data/history_required", 30, "training_data.history_required", ["need 35 bars", "Write 35 or more"]),
        # Unsupported, by name.
        ("model/type", "transformer", "model.type", ["must be one of mlp, lstm, gru"]),
        ("training_data/date_range", {"start": "2024-01-01"}, "training_data.date_range", ["not supported yet"]),
        ("decisions/output_format", "regression", "decisions.output_format", ["not supported yet", "classification"]),
        ("scope", "universal", "scope", ["not supported yet", "Leave it out"]),
        ("model/training", {"epochs": 1}, "model.training", ["Move its fields to the top-level training section"]),
        ("model/architecture/output_activation", "softmax", "model.architecture.output_activation", ["logits"]),
        ("training/labels/zigzag_threshold", 0.03, "training.labels.zigzag_threshold", ["Write threshold"]),
        ("training/early_stopping/enabled", True, "training.early_stopping.enabled", ["early_stopping: null"]),
        # Keys in the wrong section.
        ("confidence_threshold", 0.6, "confidence_threshold", ["Did you mean decisions.confidence_threshold?"]),
        ("min_signal_seperation", 4, "min_signal_seperation", ["decisions.filters.min_signal_separation"]),
        ("frobnicate", 1, "frobnicate", ["unknown key", "Known here: name, version"]),
    ],
)  # fmt: skip
def test_a_mistake_is_named_and_repaired(
    complete: dict[str, Any], place: str, value: object, path: str, words: list[str]
) -> None:
    edit(complete, place, value)
    found = mistakes(complete)
    assert path in found, found
    for word in words:
        assert word in found[path]


def keys_of_fixed_sections(section: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    free = {("indicators",), ("fuzzy_sets",)}
    found = []
    for key, value in section.items():
        found.append((*path, key))
        if isinstance(value, dict) and (*path, key) not in free:
            found += keys_of_fixed_sections(value, (*path, key))
    return found


@pytest.mark.parametrize("place", keys_of_fixed_sections(COMPLETE), ids=".".join)
def test_a_misspelt_key_is_refused_at_every_level(complete: dict[str, Any], place: tuple[str, ...]) -> None:
    section: dict[str, Any] = complete
    for part in place[:-1]:
        section = section[part]
    misspelt = place[-1][:-1] + "x" + place[-1][-1]
    section[misspelt] = section.pop(place[-1])
    found = mistakes(complete)
    path = ".".join((*place[:-1], misspelt))
    assert "unknown key" in found[path]
    assert f"Did you mean {place[-1]!r}" in found[path]


def test_all_mistakes_are_listed_at_once_in_the_order_of_the_file() -> None:
    text = """\
name: bad
training_data:
  symbols: {mode: single, symbol: EURUSD}
  timeframes: {mode: single, timeframe: 1hr}
indicators:
  rsi_14: {type: rsi, perod: 14}
fuzzy_sets:
  rsi_zone: {indicator: rsi_41, oversold: [0, 40, 35]}
nn_inputs:
  - {fuzzy_set: rsi_zon}
model: {type: ltsm}
decisions: {confidence_threshold: 60}
training:
  data_split: {train: 0.5}
"""
    with pytest.raises(StrategyError) as caught:
        parse_strategy(text.encode(), "bad.yaml")
    lines = caught.value.message.splitlines()
    assert lines[0] == "bad.yaml: 8 mistakes."
    places = [line.removeprefix("- ").partition(":")[0] for line in lines[1:]]
    assert places == [
        "training_data.timeframes.timeframe = '1hr' (line 4)",
        "indicators.rsi_14.perod = 14 (line 6)",
        "fuzzy_sets.rsi_zone.indicator = 'rsi_41' (line 8)",
        "fuzzy_sets.rsi_zone.oversold = [0, 40, 35] (line 8)",
        "nn_inputs[0].fuzzy_set = 'rsi_zon' (line 10)",
        "model.type = 'ltsm' (line 11)",
        "decisions.confidence_threshold = 60 (line 12)",
        "training.data_split = {train",
    ]
    assert caught.value.details["count"] == 8


def test_one_mistake_is_called_one(complete: dict[str, Any]) -> None:
    complete["nam"] = 1
    with pytest.raises(StrategyError, match=r"^s.yaml: 1 mistake\.\n- nam = 1: unknown key\. Did you mean 'name'\?$"):
        check_mapping(complete, "s.yaml")


def test_a_file_of_garbage_gives_a_short_message() -> None:
    text = "\n".join(f"key_{number}_{'x' * 200}: {'y' * 500}" for number in range(300))
    with pytest.raises(StrategyError) as caught:
        parse_strategy(text.encode(), "garbage.yaml")
    assert len(caught.value.message) < 20_000
    assert "- and " in caught.value.message
    assert len(caught.value.details["errors"]) == 100


def test_the_details_are_plain_json(complete: dict[str, Any]) -> None:
    complete["execution"]["stop_loss"] = math.nan
    complete["model"] = [1, {"a": object()}]
    complete["name"] = "x" * 1000
    with pytest.raises(StrategyError) as caught:
        check_mapping(complete, "s.yaml")
    json.dumps(caught.value.details, allow_nan=False)


def test_two_features_of_one_name_are_refused(complete: dict[str, Any]) -> None:
    complete["fuzzy_sets"] = {
        "rsi": {"indicator": "rsi_14", "zone_low": [0, 20, 35]},
        "rsi_zone": {"indicator": "rsi_14", "low": [0, 20, 35]},
    }
    complete["nn_inputs"] = [{"fuzzy_set": "rsi"}, {"fuzzy_set": "rsi_zone"}]
    assert "1h_rsi_zone_low" in mistakes(complete)["nn_inputs"]


def test_more_features_than_a_network_should_have_are_refused(complete: dict[str, Any]) -> None:
    zones = {f"m{number}": [0, 20, 35] for number in range(60)}
    complete["fuzzy_sets"]["rsi_zone"] = {"indicator": "rsi_14", **zones}
    complete["model"]["features"]["lookback_periods"] = 50
    complete["training_data"]["history_required"] = 0
    assert "more than 2000 features" in mistakes(complete)["nn_inputs"]


def test_a_strategy_damaged_at_random_is_a_strategy_error_or_still_a_strategy() -> None:
    chance = random.Random(3)
    text = yaml.safe_dump(COMPLETE, sort_keys=False).encode()
    pieces = [b"null", b"[]", b"{}", b".nan", b"-1", b"true", b"1e999", b"\n", b"'", b"  ", b": ", b"- ", b"&a ", b"*a"]
    accepted = 0
    for _ in range(600):
        damaged = bytearray(text)
        for _ in range(chance.choice([1, 1, 2, 5])):
            place = chance.randrange(len(damaged))
            damaged[place : place + chance.choice([0, 1, 8])] = chance.choice(pieces)
        try:
            parse_strategy(bytes(damaged), "s.yaml").feature_plan()
            accepted += 1
        except StrategyError as error:
            json.dumps(error.details, allow_nan=False)
    assert 0 < accepted < 300


def test_a_key_with_a_line_break_keeps_the_message_in_its_lines(complete: dict[str, Any]) -> None:
    complete["a\nb"] = 1
    with pytest.raises(StrategyError, match=r"\n- 'a\\nb' = 1: unknown key"):
        check_mapping(complete, "s.yaml")


@pytest.mark.parametrize(
    ("place", "about"),
    [
        ("execution/position_size", "Sizing"), ("execution/size", "Sizing"), ("execution/time_stop", "Time stops"),
        ("execution/max_holding_bars", "Time stops"), ("execution/entry", "Limit and stop entries"),
        ("execution/order_type", "Limit and stop entries"), ("execution/max_leverage", "Leverage"),
        ("execution/pyramiding", "Adding to a position"), ("decisions/short_only", "Short-only"),
        ("decisions/cooldown", "min_signal_separation"), ("portfolio", "A portfolio"), ("universe", "A portfolio"),
        ("entry_rules", "fuzzy_rules"), ("commission", "given with each backtest"), ("trading_hours", "Hours"),
        ("execution/atr_stop", "Stops in ATR"), ("training/validation_split", "data_split"),
        ("training/class_weights", "fixed here"), ("minimal_roi", "take_profit"), ("warmup", "history_required"),
    ],
)  # fmt: skip
def test_what_other_backtesters_have_is_answered_by_what_is_so_here(
    complete: dict[str, Any], place: str, about: str
) -> None:
    edit(complete, place, 1)
    (found,) = mistakes(complete).values()
    assert about in found
    assert "Did you mean" not in found or "history_required" in found
