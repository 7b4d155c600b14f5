from __future__ import annotations

from collections import Counter

import pytest

from ktrdr_engine.backtesting.models import BacktestRequest
from ktrdr_engine.datasets.models import LoadRequest
from ktrdr_engine.errors import InvalidRequest
from ktrdr_engine.features.registry import INDICATORS
from ktrdr_engine.operations.requests import OperationRequest
from ktrdr_engine.strategy.places import dotted_keys
from ktrdr_engine.strategy.schema import StrategyConfig
from ktrdr_engine.training.models import TrainingRequest
from ktrdr_engine.vocabulary import (
    CONCEPTS,
    STRATEGY_FIELDS,
    called_here,
    concept,
    meant_indicator,
    meant_source,
    nearest_choice,
    unknown_argument,
    unknown_indicator,
    unknown_source,
    unknown_tool,
)

FIELDS = tuple(BacktestRequest.model_fields)


def test_no_word_stands_for_two_concepts() -> None:
    counted = Counter(word for concept in CONCEPTS for word in concept.words.split())
    assert [word for word, times in counted.items() if times > 1] == []


def test_what_is_called_a_field_of_the_strategy_is_one() -> None:
    assert set(STRATEGY_FIELDS.values()) <= set(dotted_keys(StrategyConfig))


@pytest.mark.parametrize(
    "word",
    [
        "symbols", "portfolio", "limit_price", "order_type", "orderType", "time_stop", "max_holding_bars", "leverage",
        "position_size", "position-size", "sizer", "stake_amount", "pyramiding", "short_only", "direction", "exectype",
        "trade_on_close", "margin", "atr_stop", "param_grid", "walk_forward", "tz", "spread", "benchmark",
    ],
)  # fmt: skip
def test_what_is_not_supported_is_said_so_and_nothing_else_is_offered(word: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        BacktestRequest.parse({word: 1})
    (told,) = (one for one in caught.value.details["errors"] if one["field"] == word)
    assert told["repair"] == f"{concept(word)}."
    assert "Did you mean" not in told["repair"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("ticker", "symbol"), ("interval", "timeframe"), ("strategy", "strategy_config_path"), ("model", "model_path"),
        ("start", "start_date"), ("startDate", "start_date"), ("end-date", "end_date"), ("cash", "initial_capital"),
        ("initialCapital", "initial_capital"), ("fees", "commission"), ("comission", "commission"),
    ],
)  # fmt: skip
def test_another_name_of_an_argument_is_answered_with_ours(word: str, meant: str) -> None:
    assert called_here(word, FIELDS) == meant
    assert repr(meant) in unknown_argument(word, FIELDS)


@pytest.mark.parametrize("word", ["epochs", "learning_rate", "lr", "position_fraction", "confidence_threshold"])
def test_what_belongs_to_the_strategy_is_sent_there(word: str) -> None:
    for kind in (BacktestRequest, TrainingRequest):
        assert STRATEGY_FIELDS[word] in kind.unknown(word)


def test_a_word_nobody_knows_is_answered_with_what_there_is() -> None:
    kinds: tuple[type[OperationRequest], ...] = (BacktestRequest, TrainingRequest, LoadRequest)
    for kind in kinds:
        assert all(name in kind.unknown("zzz") for name in kind.model_fields)
    assert unknown_argument("zzz", ()) == "There are none: leave it out."


@pytest.mark.parametrize("word", ["bollinger", "Bollinger Bands", "BB", "stoch", "willr", "psar", "keltner", "dmi"])
def test_another_name_of_an_indicator_is_answered_with_ours(word: str) -> None:
    assert meant_indicator(word) in INDICATORS
    assert "Did you mean" in unknown_indicator(word, INDICATORS)


@pytest.mark.parametrize("word", ["hma", "vwma", "TEMA", "stochrsi", "ppo", "heikin ashi"])
def test_an_indicator_there_is_not_is_not_taken_for_one_that_is_spelt_alike(word: str) -> None:
    assert "not supported" in unknown_indicator(word, INDICATORS)
    assert "Did you mean" not in unknown_indicator(word, INDICATORS)


def test_another_name_of_a_source_is_answered_with_ours_and_foreign_ones_with_a_file() -> None:
    assert (meant_source("yfinance"), meant_source("binance")) == ("yahoo", "ccxt:binance")
    assert "source='file'" in unknown_source("alpaca", ("file", "yahoo"))
    assert unknown_source("fiel", ("file", "yahoo")) == "Did you mean 'file'?"
    assert unknown_source("zzz", ("file", "yahoo")) == ""


def test_another_name_of_a_tool_is_answered_with_ours_where_we_have_it() -> None:
    assert unknown_tool("run_backtest", ["start_backtest", "cancel"]) == "Did you mean 'start_backtest'?"
    assert unknown_tool("get_status", ["cancel"]) == "Known: cancel."


def test_a_word_for_deleting_is_never_taken_for_restoring() -> None:
    choices = ("delete", "restore", "list")
    assert nearest_choice("remove", choices) == "delete"
    assert nearest_choice("undelete", choices) == "restore"
    assert nearest_choice("remove", ("restore",)) == "restore"
    assert nearest_choice("strategies", ("strategy", "model")) == "strategy"
