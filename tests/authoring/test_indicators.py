from __future__ import annotations

import pytest
import yaml

from ktrdr_engine.authoring.indicators import describe_indicators
from ktrdr_engine.errors import InvalidRequest
from ktrdr_engine.features.registry import INDICATORS, MEMBERSHIPS
from ktrdr_engine.strategy.loader import parse_strategy

STRATEGY = """\
name: s
training_data: {{symbols: {{mode: single, symbol: EURUSD}}, timeframes: {{mode: single, timeframe: 1h}}}}
indicators:
  {indicator}
fuzzy_sets:
  zone:
    indicator: {reference}
    {membership}
nn_inputs: [{{fuzzy_set: zone}}]
model: {{type: mlp}}
"""


def test_everything_a_strategy_may_use_is_listed_once() -> None:
    page = describe_indicators()
    assert [one["type"] for one in page.indicators] == list(INDICATORS)
    assert [one["type"] for one in page.memberships] == list(MEMBERSHIPS)
    assert len(page.model_dump_json()) < 8_000


@pytest.mark.parametrize("name", INDICATORS)
def test_the_example_of_an_indicator_works_in_a_strategy(name: str) -> None:
    (one,) = describe_indicators(name).indicators
    output = f"my_{name}.{one['outputs'][0]}"
    text = STRATEGY.format(indicator=one["example"], reference=output, membership="low: [0, 1, 2]")
    config = parse_strategy(text.encode(), "s.yaml")
    assert config.feature_plan().warmup == one["warmup_bars"]
    assert [parameter["name"] for parameter in one["parameters"]] == list(config.indicators[f"my_{name}"].parameters)


@pytest.mark.parametrize("name", MEMBERSHIPS)
def test_the_example_of_a_membership_works_in_a_strategy(name: str) -> None:
    (one,) = describe_indicators(name).memberships
    text = STRATEGY.format(indicator="rsi_14: {type: rsi}", reference="rsi_14", membership=one["example"])
    parse_strategy(text.encode(), "s.yaml")
    assert yaml.safe_load(one["example"])["my_zone"]["type"] == name


def test_an_indicator_in_full_names_ranges_defaults_and_rules() -> None:
    (macd,) = describe_indicators("macd").indicators
    assert macd["outputs"] == ["line", "signal", "histogram"]
    assert macd["warmup_bars"] == 33
    assert macd["rules"] == ["fast_period must be smaller than slow_period"]
    fast = macd["parameters"][0]
    assert (fast["name"], fast["default"], fast["allowed"]) == ("fast_period", 12, "a whole number from 2 to 1000")


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(InvalidRequest, match="Did you mean 'macd'"):
        describe_indicators("mcad")
