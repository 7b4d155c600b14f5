"""Strategy and model beside a run: those it used, or the reason why they are not shown."""

from __future__ import annotations

from typing import Any

from ktrdr_engine.inference.library import ModelLibrary
from ktrdr_engine.operations.models import Operation, OperationStatus
from ktrdr_engine.reports.origins import model_of, strategy_of
from ktrdr_engine.strategy.library import StrategyLibrary
from tests.charts.material import operation

STRATEGY = "strategies/rsi_mean_reversion.yaml"


def ended(provenance: dict[str, Any] | None, **metadata: Any) -> Operation:
    return operation(results={"provenance": provenance} if provenance is not None else {}, **metadata)


def test_the_strategy_of_the_run_is_told_in_words_and_whole(strategies: StrategyLibrary) -> None:
    part = strategy_of(ended({"strategy_sha256": strategies.load(STRATEGY).sha256}), strategies)
    assert part.remark == ""
    assert part.yaml == strategies.load(STRATEGY).text
    assert part.words[0].startswith("rsi_mean_reversion")


def test_a_strategy_that_has_changed_is_named_and_not_shown(strategies: StrategyLibrary) -> None:
    part = strategy_of(ended({"strategy_sha256": "0" * 64}), strategies)
    assert (part.yaml, part.words) == ("", ())
    assert "has changed since the run (its sha256 was 000000000000..." in part.remark


def test_a_run_without_a_hash_shows_the_file_as_it_is_now(strategies: StrategyLibrary) -> None:
    part = strategy_of(operation(OperationStatus.RUNNING), strategies)
    assert part.yaml
    assert "as it is now" in part.remark


def test_a_strategy_that_is_gone_or_never_was_is_said(strategies: StrategyLibrary) -> None:
    gone = strategy_of(ended({}, strategy_config_path="strategies/gone.yaml"), strategies)
    assert "not on this side any more" in gone.remark
    assert "used no strategy" in strategy_of(ended({}, strategy_config_path=None), strategies).remark


def test_the_model_of_the_run_has_a_card(models: ModelLibrary) -> None:
    name = f"models/{models.names()[0]}"
    part = model_of(ended({"model_sha256": models.load(name).sha256}, model_path=name), models)
    assert (part.name, part.remark) == (name, "")
    assert part.metadata is not None
    assert part.metadata.training_range.start


def test_a_model_that_has_changed_or_is_gone_is_said(models: ModelLibrary) -> None:
    name = f"models/{models.names()[0]}"
    assert "has changed since the run" in model_of(ended({"model_sha256": "0"}, model_path=name), models).remark
    assert "not on this side any more" in model_of(ended({}, model_path="models/gone.pt"), models).remark
    assert model_of(ended(None, model_path=name), models).metadata is not None


def test_an_operation_without_a_model_says_so(models: ModelLibrary) -> None:
    assert "names no model so far" in model_of(operation(OperationStatus.RUNNING), models).remark
    assert model_of(ended({}), models).remark == "This operation names no model."


def test_rules_need_no_model(models: ModelLibrary) -> None:
    assert "the rules of the strategy decide" in model_of(ended({"model_sha256": None}), models).remark
