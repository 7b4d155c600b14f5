"""From a strategy to its feature plan: names resolved, defaults filled in, only what an input reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ktrdr_engine.features.plan import FeaturePlan, FuzzyInput, IndicatorPlan, MembershipPlan, RawInput
from ktrdr_engine.features.registry import INDICATORS
from ktrdr_engine.rules.conditions import Rule, terms
from ktrdr_engine.rules.grammar import parse

if TYPE_CHECKING:
    from ktrdr_engine.strategy.schema import Model, NnInput, StrategyConfig


def feature_plan(config: StrategyConfig) -> FeaturePlan:
    """Return the plan of a strategy whose references were checked.

    Raises:
        StrategyError: Two features would share a name.
    """
    inputs = tuple(_inputs(config))
    used = dict.fromkeys(item.indicator for item in inputs)
    base, *higher = config.training_data.timeframes.names
    return FeaturePlan(
        timeframe=base,
        indicators=tuple(_indicator(id, config) for id in used),
        inputs=inputs,
        lags=config.model.features.lookback_periods,
        higher=tuple(higher),
    )


def planned_rules(model: Model) -> tuple[Rule, ...]:
    """Return the rules of a model, their conditions read.

    Raises:
        NotACondition: A condition breaks the grammar; never for a strategy that came from `loader`.
    """
    return tuple(Rule(parse(one.condition), one.then, one.weight) for one in model.rules)


def split_reference(reference: str) -> tuple[str, str | None]:
    """Return indicator and output of `macd.line`; no output for `rsi_14` and for `rsi_14.value`."""
    indicator, _, output = reference.partition(".")
    return indicator, None if output in ("", "value") else output


def _indicator(id: str, config: StrategyConfig) -> IndicatorPlan:
    written = config.indicators[id]
    return IndicatorPlan(id, written.type, tuple(INDICATORS[written.type].complete(written.parameters).items()))


def _inputs(config: StrategyConfig) -> Iterator[FuzzyInput | RawInput]:
    if config.model.is_trained:
        yield from (_planned(item, config) for item in config.nn_inputs)
    else:
        yield from _asked(config)


def _asked(config: StrategyConfig) -> Iterator[FuzzyInput]:
    """Yield what rules ask about, in the order of first use: every membership once, and nothing else."""
    known = config.training_data.timeframes.names
    asked = [term for rule in config.rules() for term in terms(rule.condition)]
    for read_on in dict.fromkeys((term.fuzzy_set, term.timeframe or known[0]) for term in asked):
        name, timeframe = read_on
        words = [term.membership for term in asked if (term.fuzzy_set, term.timeframe or known[0]) == read_on]
        yield _fuzzy_input(name, dict.fromkeys(words), config, (timeframe,) if len(known) > 1 else ())


def _planned(item: NnInput, config: StrategyConfig) -> FuzzyInput | RawInput:
    if item.raw_indicator is not None:
        indicator, output = split_reference(item.raw_indicator)
        return RawInput(indicator, output, item.normalization or "none", _read_on(item, config))
    assert item.fuzzy_set is not None  # `references` saw to it
    memberships = config.fuzzy_sets[item.fuzzy_set].memberships
    return _fuzzy_input(item.fuzzy_set, memberships, config, _read_on(item, config))


def _fuzzy_input(
    name: str, memberships: Iterable[str], config: StrategyConfig, timeframes: tuple[str, ...]
) -> FuzzyInput:
    fuzzy_set = config.fuzzy_sets[name]
    indicator, output = split_reference(fuzzy_set.indicator)
    written = fuzzy_set.memberships
    plans = (MembershipPlan(word, written[word].type, written[word].parameters) for word in memberships)
    return FuzzyInput(name, indicator, output, tuple(plans), timeframes)


def _read_on(item: NnInput, config: StrategyConfig) -> tuple[str, ...]:
    """Return the timeframes of an input, shortest first, or none for all: one plan has one form, however written."""
    known = config.training_data.timeframes.names
    chosen = tuple(timeframe for timeframe in known if timeframe in item.timeframes)
    return () if item.timeframes == ("all",) or chosen == known else chosen
