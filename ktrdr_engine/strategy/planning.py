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
    base, *higher = config.training_data.timeframes.names
    return FeaturePlan(
        timeframe=base,
        indicators=tuple(_indicator(id, config) for id in used),
        inputs=inputs,
        lags=config.model.features.lookback_periods,
        higher=tuple(higher),
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
        return RawInput(indicator, output, item.normalization or "none", _read_on(item, config))
    assert item.fuzzy_set is not None  # `references` saw to it
    fuzzy_set = config.fuzzy_sets[item.fuzzy_set]
    indicator, output = split_reference(fuzzy_set.indicator)
    memberships = tuple(
        MembershipPlan(name, written.type, written.parameters) for name, written in fuzzy_set.memberships.items()
    )
    return FuzzyInput(item.fuzzy_set, indicator, output, memberships, _read_on(item, config))


def _read_on(item: NnInput, config: StrategyConfig) -> tuple[str, ...]:
    """Return the timeframes of an input, shortest first, or none for all: one plan has one form, however written."""
    known = config.training_data.timeframes.names
    chosen = tuple(timeframe for timeframe in known if timeframe in item.timeframes)
    return () if item.timeframes == ("all",) or chosen == known else chosen
