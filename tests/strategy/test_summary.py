"""What a trader is told of a strategy is what its file says."""

from __future__ import annotations

from typing import Any

import pytest

from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.features.fuzzy import membership
from ktrdr_engine.strategy.library import StrategyLibrary
from ktrdr_engine.strategy.loader import check_mapping
from ktrdr_engine.strategy.schema import Membership
from ktrdr_engine.strategy.summary import plain_words
from ktrdr_engine.strategy.zones import membership_words

SHIPPED = StrategyLibrary((shipped_root(),))


def words_of(root: dict[str, Any]) -> str:
    return plain_words(check_mapping(root, "s.yaml"))


def test_the_shipped_mean_reversion_reads_like_this() -> None:
    assert plain_words(SHIPPED.load("rsi_mean_reversion").config).splitlines() == [
        "rsi_mean_reversion 1.0.0: Buy oversold, sell overbought; long only, on hourly EURUSD.",
        "It works on 1h bars and is written for EURUSD.",
        "It reads rsi_14 (Relative Strength Index, period 14, source close); the first value comes after 16 bars.",
        "rsi_zone says how far rsi_14 belongs to each zone: oversold is full from 0 to 25, fading out at 45; "
        "neutral is full at 50, fading out at 30 and 70; overbought is full from 75 to 100, fading out at 55.",
        "A neural network (mlp, layers of 32 and 16) reads 3 numbers, each also 2 bars back, and gives BUY, HOLD and "
        "SELL a probability each.",
        "It is taught BUY where the close 48 bars later is at least 0.5 % higher; SELL is the reverse, HOLD the rest.",
        "At each close the most probable answer counts if it has at least 40 %.",
        "BUY opens a long position, SELL closes it; it never sells short.",
        "After a fill it decides nothing for 4 bars; stops still work.",
        "Orders are filled at the next bar's open; each fill pays the commission and the slippage of the backtest. "
        "A position takes 100 % of the equity.",
        "It has no stops: only a signal ends a position.",
    ]


@pytest.mark.parametrize("name", SHIPPED.names())
def test_every_shipped_strategy_is_told_in_short(name: str) -> None:
    config = SHIPPED.load(name).config
    told = plain_words(config)
    assert len(told) < 3_000
    for id in config.indicators:
        assert id in told
    for fuzzy_set in config.fuzzy_sets:
        assert fuzzy_set in told


@pytest.mark.parametrize(
    ("section", "field", "value", "expected"),
    [
        ("execution", "stop_loss", 0.025, "Stops end it at a loss of 2.5 % from the entry."),
        ("execution", "take_profit", 0.3, "a loss of 2 % from the entry and a gain of 30 % from the entry"),
        ("execution", "trailing_stop", 0.04, "a retreat of 4 % from the best price since"),
        ("execution", "fractional_units", False, "of the equity, in whole units."),
        ("execution", "position_fraction", 0.5, "A position takes 50 % of the equity."),
        ("decisions", "allow_short_from_flat", True, "SELL opens a short position"),
        ("decisions", "confidence_threshold", 0.75, "if it has at least 75 %"),
        ("decisions", "filters", {"min_signal_separation": 1}, "nothing for 1 bar;"),
        ("training", "labels", {"source": "triple_barrier"}, "before it falls as far"),
        ("training", "labels", {"source": "zigzag", "threshold": 0.05}, "at least 5 % higher"),
        ("model", "features", {"lookback_periods": 0}, "reads 7 numbers, and gives"),
    ],
)
def test_each_setting_is_told(complete: dict[str, Any], section: str, field: str, value: object, expected: str) -> None:
    complete[section][field] = value
    assert expected in words_of(complete)


def test_rules_are_told_as_they_stand(complete: dict[str, Any]) -> None:
    del complete["training"], complete["nn_inputs"]
    rules = [
        {"if": "rsi_zone is oversold and macd_trend is rising", "then": "BUY"},
        {"if": "rsi_zone is overbought", "then": "SELL", "weight": 0.8},
    ]
    complete["model"] = {"type": "fuzzy_rules", "rules": rules}
    told = words_of(complete)
    assert (
        "Rules decide, nothing is trained: BUY when rsi_zone is oversold and macd_trend is rising; "
        "SELL when rsi_zone is overbought (weight 0.8)." in told
    )
    assert "of the rules for one answer the strongest; HOLD gets what BUY and SELL leave." in told
    assert "macd_trend says how far" in told
    assert "taught" not in told
    rules.append({"if": "rsi_zone is neutral", "then": "HOLD"})
    complete["model"]["norm"] = "product"
    assert "add up, to 1 at most." in words_of(complete)


def test_raw_values_are_told_with_their_scale(complete: dict[str, Any]) -> None:
    assert "the value itself of rsi_14 (minmax) and macd.line (zscore)" in words_of(complete)


def test_a_strategy_without_description_or_wait_says_nothing_of_them(complete: dict[str, Any]) -> None:
    complete["description"] = ""
    complete["decisions"]["filters"] = {}
    told = words_of(complete)
    assert told.startswith("complete 1.0.0\n")
    assert "After a fill" not in told


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ([30, 50, 70], "full at 50, fading out at 30 and 70"),
        ([0, 0, 35], "full at 0, fading out at 35"),
        ([65, 100, 100], "full at 100, fading out at 65"),
        ([0, 0, 100, 100], "full from 0 to 100, nothing elsewhere"),
        ([10, 20, 30, 50], "full from 20 to 30, fading out at 10 and 50"),
        ({"type": "gaussian", "parameters": [0, 2]}, "full at 0, half at -2.355 and 2.355"),
        ({"type": "sigmoid", "parameters": [50, 0.2]}, "half at 50, more above"),
        ({"type": "sigmoid", "parameters": [50, -0.2]}, "half at 50, more below"),
    ],
)
def test_a_membership_is_told_by_where_it_is_full_and_where_it_fades(written: object, words: str) -> None:
    assert membership_words(Membership.model_validate(written)) == words


def test_a_gaussian_is_half_where_it_is_said_to_be() -> None:
    one = Membership.model_validate({"type": "gaussian", "parameters": [3.0, 0.7]})
    low, high = membership_words(one).split("half at ")[1].split(" and ")
    assert membership("gaussian", float(low), one.parameters) == pytest.approx(0.5, abs=1e-3)
    assert membership("gaussian", float(high), one.parameters) == pytest.approx(0.5, abs=1e-3)


def test_several_timeframes_and_a_recurrent_network_are_told(complete: dict[str, Any]) -> None:
    several = {"mode": "multi_timeframe", "list": ["1h", "4h", "1d"], "base_timeframe": "1h"}
    complete["training_data"]["timeframes"] = several
    complete["nn_inputs"] = [{"raw_indicator": "rsi_14", "normalization": "minmax"}]
    complete["model"] = {"type": "lstm", "architecture": {"num_layers": 2}, "features": {"lookback_periods": 20}}
    told = words_of(complete)
    assert "It works on 1h bars, reads closed 4h and 1d bars beside them, and is written for EURUSD." in told
    assert "A neural network (lstm, layers of 32 and 32) reads 3 numbers, each also 20 bars back" in told
