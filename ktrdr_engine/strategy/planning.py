"""From a strategy to its feature plan: names resolved, defaults filled in, only what an input reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ktrdr_engine.features.plan import FeaturePlan, FuzzyInput, IndicatorPlan, MembershipPlan, RawInput
from ktrdr_engine.features.registry import INDICATORS

if TYPE_CHECKING:
    from ktrdr_engine.strategy.schema import NnInput, StrategyConfig


def feature_plan(config: StrategyConfig) -> FeaturePlan:
    """Return the plan of a strategy whose references were checked.

    Raises:
        StrategyError: Two features would share a name.
    """
    inputs = tuple(_planned(item, config) for item in config.nn_inputs)
    used = dict.fromkeys(item.indicator for item in inputs)
    return FeaturePlan(
        timeframe=config.training_data.timeframes.timeframe.value,
        indicators=tuple(_indicator(id, config) for id in used),
        inputs=inputs,
        lags=config.model.features.lookback_periods,
    )


def split_reference(reference: str) -> tuple[str, str | None]:
    """Return indicator and output of `macd.line`; no output for `rsi_14` and for `rsi_14.value`."""
    indicator, _, output = reference.partition(".")
    return indicator, None if output in ("", "value") else output


def _indicator(id: str, config: StrategyConfig) -> IndicatorPlan:
    written = config.indicators[id]
    return IndicatorPlan(id, written.type, tuple(INDICATORS[written.type].complete(written.parameters).items()))


def _planned(item: NnInput, config: StrategyConfig) -> FuzzyInput | RawInput:
    if item.raw_indicator is not None:
        indicator, output = split_reference(item.raw_indicator)
        return RawInput(indicator, output, item.normalization or "none")
    assert item.fuzzy_set is not None  # `references` saw to it
    fuzzy_set = config.fuzzy_sets[item.fuzzy_set]
    indicator, output = split_reference(fuzzy_set.indicator)
    memberships = tuple(
        MembershipPlan(name, written.type, written.parameters) for name, written in fuzzy_set.memberships.items()
    )
    return FuzzyInput(item.fuzzy_set, indicator, output, memberships)
