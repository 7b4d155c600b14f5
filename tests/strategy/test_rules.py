"""Strategies whose model is rules: what is accepted, what it becomes, and every mistake."""

from __future__ import annotations

import copy
import subprocess
import sys
from typing import Any

import pytest

from ktrdr_engine.errors import StrategyError
from ktrdr_engine.features.plan import FuzzyInput
from ktrdr_engine.strategy.loader import check_mapping, parse_strategy
from tests.strategy.conftest import COMPLETE
from tests.strategy.test_mistakes import REMOVED, edit, mistakes

RULES = [
    {"if": "rsi_zone is oversold and macd_trend is rising", "then": "BUY"},
    {"if": "rsi_zone is overbought or macd_trend is not rising", "then": "SELL", "weight": 0.8},
]


@pytest.fixture
def ruled() -> dict[str, Any]:
    strategy = {key: copy.deepcopy(value) for key, value in COMPLETE.items() if key not in ("training", "nn_inputs")}
    return strategy | {"model": {"type": "fuzzy_rules", "norm": "product", "rules": copy.deepcopy(RULES)}}


def test_rules_are_read(ruled: dict[str, Any]) -> None:
    config = check_mapping(ruled, "s.yaml")
    assert [str(rule) for rule in config.rules()] == [
        "BUY when rsi_zone is oversold and macd_trend is rising",
        "SELL when rsi_zone is overbought or macd_trend is not rising (weight 0.8)",
    ]
    assert config.model.norm == "product"
    assert not config.model.is_trained


def test_the_inputs_are_the_memberships_that_rules_ask_about(ruled: dict[str, Any]) -> None:
    plan = check_mapping(ruled, "s.yaml").feature_plan()
    assert plan.names == ("1h_rsi_zone_oversold", "1h_rsi_zone_overbought", "1h_macd_trend_rising")
    assert plan.lags == 0
    assert [used.id for used in plan.used] == ["rsi_14", "macd"]


def test_inputs_may_be_listed_when_they_are_those_of_the_rules(ruled: dict[str, Any]) -> None:
    plain = check_mapping(ruled, "s.yaml").feature_plan()
    ruled["nn_inputs"] = [{"fuzzy_set": "macd_trend"}, {"fuzzy_set": "rsi_zone", "timeframes": "all"}]
    assert check_mapping(ruled, "s.yaml").feature_plan() == plain


def test_a_strategy_of_rules_written_out_is_itself(ruled: dict[str, Any]) -> None:
    config = check_mapping(ruled, "s.yaml")
    written = config.as_mapping()
    assert set(written["model"]) == {"type", "norm", "rules"}
    assert not {"training", "nn_inputs"} & set(written)
    assert check_mapping(written, "again") == config


def test_a_rule_may_ask_on_a_longer_timeframe(ruled: dict[str, Any]) -> None:
    ruled["training_data"]["timeframes"] = {"mode": "multi_timeframe", "list": ["1h", "4h"], "base_timeframe": "1h"}
    ruled["model"]["rules"][0]["if"] = "rsi_zone is oversold and 4h rsi_zone is not overbought"
    plan = check_mapping(ruled, "s.yaml").feature_plan()
    assert plan.names == (
        "1h_rsi_zone_oversold",
        "1h_rsi_zone_overbought",
        "4h_rsi_zone_overbought",
        "1h_macd_trend_rising",
    )
    assert [item.timeframes for item in plan.inputs if isinstance(item, FuzzyInput)] == [("1h",), ("4h",), ("1h",)]


@pytest.mark.parametrize(
    ("place", "value", "path", "words"),
    [
        # The text of a condition.
        ("model/rules/0/if", "rsi_zone iz oversold", "model.rules[0].if", ["at character 10 there is 'iz'", "'is'"]),
        ("model/rules/1/if", "", "model.rules[1].if", ["at character 1 it ends", "For example"]),
        ("model/rules/0/if", "rsi_zone is oversold && macd_trend is rising", "model.rules[0].if", ["Write the word"]),
        ("model/rules/0/if", 7, "model.rules[0].if", ["must be text"]),
        ("model/rules/0/if", REMOVED, "model.rules[0].if", ["required but missing", "Add `if: "]),
        ("model/rules/0/if", "x" * 1001, "model.rules[0].if", ["beyond 1000 characters", "Make two rules of it."]),
        # Its names, with the place and the nearest known.
        ("model/rules/0/if", "macd_trend is rising and rsi_zon is oversold", "model.rules[0].if",
         ["at character 26 there is no fuzzy set 'rsi_zon'", "Did you mean 'rsi_zone'?"]),
        ("model/rules/0/if", "rsi_zone is oversolt", "model.rules[0].if",
         ["at character 1 rsi_zone has no 'oversolt'", "Did you mean 'oversold'"]),
        ("model/rules/0/if", "rsi_zone is hot and macd_tren is rising", "model.rules[0].if",
         ["has no 'hot'; at character 21", "Known: neutral, overbought, oversold. Did you mean 'macd_trend'?"]),
        ("model/rules/0/if", "rsi_14 is oversold", "model.rules[0].if", ["no fuzzy set 'rsi_14'"]),
        ("model/rules/0/if", "rsi_zone is indicator", "model.rules[0].if", ["has no 'indicator'"]),
        ("model/rules/0/if", "4h rsi_zone is oversold", "model.rules[0].if", ["no 4h bars", "Known: 1h"]),
        # What it says, and how strongly.
        ("model/rules/0/then", "buy", "model.rules[0].then", ["one of BUY, HOLD, SELL", "Did you mean 'BUY'?"]),
        ("model/rules/0/then", ["BUY"], "model.rules[0].then", ["one of BUY, HOLD, SELL"]),
        ("model/rules/0/weight", 0, "model.rules[0].weight", ["above 0 and at most 1"]),
        ("model/rules/0/weight", 80, "model.rules[0].weight", ["above 0 and at most 1"]),
        ("model/rules/0/wieght", 1, "model.rules[0].wieght", ["unknown key", "Did you mean 'weight'?"]),
        ("model/rules/0/when", "a is b", "model.rules[0].when", ["unknown key"]),
        ("model/norm", "minmax", "model.norm", ["one of min_max, product", "Did you mean 'min_max'?"]),
        # Rules among themselves.
        ("model/rules/1", {"if": "macd_trend is rising and (rsi_zone is oversold)", "then": "BUY", "weight": 0.5},
         "model.rules[1].if", ["rules[0] has the same condition", "Keep one of them."]),
        ("model/rules/1", {"if": "macd_trend is rising and rsi_zone is oversold", "then": "SELL"},
         "model.rules[1].if", ["rules[0] has the same condition and says BUY, this one SELL"]),
        ("model/rules/0/then", "HOLD", "model.rules", ["no rule says BUY", "allow_short_from_flat: true"]),
        ("model/rules", [], "model.rules", ["needs rules", "Add `rules:"]),
        ("model/rules", REMOVED, "model.rules", ["needs rules"]),
        ("model/rules", "rsi_zone is oversold", "model.rules", ["must be a list"]),
        ("model/rules/0", "rsi_zone is oversold", "model.rules[0]", ["must be a mapping"]),
        # What belongs to networks.
        ("training", {"epochs": 5}, "training", ["rules are not trained", "Leave it out"]),
        ("model/architecture", {"dropout": 0.1}, "model.architecture", ["no layers", "Leave it out"]),
        ("model/features", {"lookback_periods": 2}, "model.features", ["the current bar only", "Leave it out"]),
        ("nn_inputs", [{"fuzzy_set": "rsi_zone"}], "nn_inputs", ["also ask about macd_trend", "Leave out nn_inputs"]),
        ("nn_inputs", [{"fuzzy_set": "rsi_zone"}, {"fuzzy_set": "macd_trend"}, {"raw_indicator": "rsi_14"}],
         "nn_inputs[2]", ["rules read fuzzy sets only"]),
        ("nn_inputs", [{"fuzzy_set": ["rsi_zone"]}, {"fuzzy_set": "macd_trend"}], "nn_inputs", ["ask about rsi_zone."]),
    ],
)  # fmt: skip
def test_a_mistake_in_rules_is_named_and_repaired(
    ruled: dict[str, Any], place: str, value: object, path: str, words: list[str]
) -> None:
    edit(ruled, place, value)
    found = mistakes(ruled)
    assert path in found, found
    for word in words:
        assert word in found[path]


@pytest.mark.parametrize(
    ("place", "value", "path", "words"),
    [
        ("nn_inputs", REMOVED, "nn_inputs", ["required but missing", "Add `nn_inputs:"]),
        ("model/rules", RULES, "model.rules", ["a network (mlp) has no rules", "type: fuzzy_rules"]),
        ("model/norm", "product", "model.norm", ["has no norm"]),
    ],
)
def test_a_network_takes_no_rules(
    complete: dict[str, Any], place: str, value: object, path: str, words: list[str]
) -> None:
    edit(complete, place, value)
    found = mistakes(complete)
    for word in words:
        assert word in found[path]


def test_a_set_that_no_rule_asks_about_must_not_be_listed(ruled: dict[str, Any]) -> None:
    ruled["fuzzy_sets"]["idle"] = {"indicator": "rsi_14", "any": [0, 50, 100]}
    check_mapping(ruled, "s.yaml")
    ruled["nn_inputs"] = [{"fuzzy_set": name} for name in ("rsi_zone", "macd_trend", "idle")]
    assert "no rule asks about idle" in mistakes(ruled)["nn_inputs"]


def test_rules_that_only_sell_are_fine_where_shorts_are(ruled: dict[str, Any]) -> None:
    ruled["model"]["rules"][0]["then"] = "HOLD"
    ruled["decisions"]["allow_short_from_flat"] = True
    check_mapping(ruled, "s.yaml")


@pytest.mark.parametrize("type", ["fuzzy_rule", ["fuzzy_rules"], {}, None, 3])
def test_an_odd_type_of_model_is_one_mistake(ruled: dict[str, Any], type: object) -> None:
    ruled["model"]["type"] = type
    assert "one of mlp, lstm, gru, fuzzy_rules" in mistakes(ruled)["model.type"]


def test_mistakes_in_rules_are_told_with_all_others_and_their_lines() -> None:
    text = """\
name: bad
training_data: {symbols: {mode: single, symbol: EURUSD}, timeframes: {mode: single, timeframe: 1h}}
indicators: {rsi_14: {type: rsi, perod: 14}}
fuzzy_sets:
  zone: {indicator: rsi_14, low: [0, 20, 35], high: [65, 80, 100]}
model:
  type: fuzzy_rules
  rules:
    - {if: zone is low, then: BUY}
    - if: zone is hgh
      then: SEL
decisions: {confidence_threshold: 60}
"""
    with pytest.raises(StrategyError) as caught:
        parse_strategy(text.encode(), "bad.yaml")
    places = [line.removeprefix("- ").partition(":")[0] for line in caught.value.message.splitlines()]
    assert places == [
        "bad.yaml",
        "indicators.rsi_14.perod = 14 (line 3)",
        "model.rules[1].if = 'zone is hgh' (line 10)",
        "model.rules[1].then = 'SEL' (line 11)",
        "decisions.confidence_threshold = 60 (line 12)",
    ]


def test_reading_rules_needs_no_numeric_library() -> None:
    code = (
        "import sys; from ktrdr_engine.catalog import shipped_root; import ktrdr_engine.strategy.loader;"
        "import ktrdr_engine.rules.grammar; print(sorted({'numpy', 'torch', 'talib', 'pandas'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_file_of_garbage_rules_is_answered_shortly(ruled: dict[str, Any]) -> None:
    ruled["fuzzy_sets"] |= {f"set_{number}": {"indicator": "rsi_14", "m": [0, 1, 2]} for number in range(90)}
    text = " and ".join(["set_x is m"] * 60)
    ruled["model"]["rules"] = [{"if": f"a{number} is m and {text}", "then": "BUY"} for number in range(150)]
    with pytest.raises(StrategyError) as caught:
        check_mapping(ruled, "s.yaml")
    assert len(caught.value.message) < 40_000
    assert len(caught.value.details["errors"]) == 100


def test_a_weight_out_of_range_is_not_taken_for_percent(ruled: dict[str, Any]) -> None:
    edit(ruled, "model/rules/0/weight", 5)
    assert mistakes(ruled)["model.rules[0].weight"] == "5: must be a number above 0 and at most 1. "
