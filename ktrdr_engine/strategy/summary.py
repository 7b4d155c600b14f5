"""A strategy in plain words: what it reads, how it decides, how its orders are filled.

For whoever did not write the file: a trader, or a model that explains one. Everything comes from the checked
configuration and the registry; nothing here is judged. How a single fuzzy set is worded is `zones`' matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ktrdr_engine.features.plan import FuzzyInput
from ktrdr_engine.features.registry import INDICATORS
from ktrdr_engine.number_format import plain
from ktrdr_engine.strategy.zones import membership_words

if TYPE_CHECKING:
    from ktrdr_engine.strategy.schema import Decisions, Execution, FuzzySet, Model, StrategyConfig

_LABELS = {
    "zigzag": "the price's next turn comes within {lookahead} bars and lies at least {threshold} higher",
    "forward_return": "the close {lookahead} bars later is at least {threshold} higher",
    "triple_barrier": "the price rises {threshold} within {lookahead} bars before it falls as far",
}

_NORMS = {
    "min_max": "And counts the weaker degree, or the stronger, and of the rules for one answer the strongest",
    "product": "And multiplies degrees, or is a + b - ab, and the rules for one answer add up, to 1 at most",
}


def plain_words(config: StrategyConfig) -> str:
    """Return the strategy as short sentences, one a line."""
    return "\n".join(
        [
            f"{config.name} {config.version}: {config.description}".rstrip(" :"),
            *_reading(config),
            *_fuzzy_sets(config),
            *(_network(config) if config.model.is_trained else _rules(config)),
            *_deciding(config.decisions),
            *_executing(config.execution),
        ]
    )


def _reading(config: StrategyConfig) -> Iterator[str]:
    plan = config.feature_plan()
    symbols = listed(config.training_data.symbols.names)
    context = f", reads closed {listed(plan.higher)} bars beside them," if plan.higher else ""
    yield f"It works on {plan.timeframe} bars{context} and is written for {symbols}."
    indicators = (f"{used.id} ({_indicator(config, used.id)})" for used in plan.used)
    yield f"It reads {listed(list(indicators))}; the first value comes after {plan.warmup} bars."


def _indicator(config: StrategyConfig, id: str) -> str:
    written = config.indicators[id]
    spec = INDICATORS[written.type]
    values = (f"{name.replace('_', ' ')} {value}" for name, value in spec.complete(written.parameters).items())
    return ", ".join([spec.title, *values])


def _fuzzy_sets(config: StrategyConfig) -> Iterator[str]:
    used = dict.fromkeys(item.fuzzy_set for item in config.feature_plan().inputs if isinstance(item, FuzzyInput))
    for name in used:
        yield _fuzzy_set(name, config.fuzzy_sets[name])


def _fuzzy_set(name: str, fuzzy_set: FuzzySet) -> str:
    zones = "; ".join(f"{word} is {membership_words(one)}" for word, one in fuzzy_set.memberships.items())
    return f"{name} says how far {fuzzy_set.indicator} belongs to each zone: {zones}."


def _network(config: StrategyConfig) -> Iterator[str]:
    plan, model, labels = config.feature_plan(), config.model, config.training.labels
    raw = [f"{item.raw_indicator} ({item.normalization or 'none'})" for item in config.nn_inputs if item.raw_indicator]
    if raw:
        yield f"It also sees the value itself of {listed(raw)}, scaled as in the brackets."
    past = f", each also {counted(plan.lags, 'bar')} back" if plan.lags else ""
    inputs = counted(len(plan.base_names), "number")
    yield (
        f"A neural network ({model.type}, layers of {_layers(model)}) reads {inputs}{past}, "
        "and gives BUY, HOLD and SELL a probability each."
    )
    taught = _LABELS[labels.source].format(threshold=percent(labels.threshold), lookahead=labels.lookahead)
    yield f"It is taught BUY where {taught}; SELL is the reverse, HOLD the rest."


def _layers(model: Model) -> str:
    shape = model.architecture
    sizes = shape.hidden_layers if model.type == "mlp" else (shape.hidden_size,) * shape.num_layers
    return listed([str(size) for size in sizes])


def _rules(config: StrategyConfig) -> Iterator[str]:
    yield f"Rules decide, nothing is trained: {'; '.join(map(str, config.rules()))}."
    rest = "" if any(rule.then == "HOLD" for rule in config.rules()) else "; HOLD gets what BUY and SELL leave"
    yield f"{_NORMS[config.model.norm]}{rest}."


def _deciding(decisions: Decisions) -> Iterator[str]:
    yield f"At each close the most probable answer counts if it has at least {percent(decisions.confidence_threshold)}."
    if decisions.allow_short_from_flat:
        yield "BUY opens a long position and turns a short one; SELL opens a short position and turns a long one."
    else:
        yield "BUY opens a long position, SELL closes it; it never sells short."
    if wait := decisions.filters.min_signal_separation:
        yield f"After a fill it decides nothing for {counted(wait, 'bar')}; stops still work."


def _executing(execution: Execution) -> Iterator[str]:
    units = "" if execution.fractional_units else ", in whole units"
    yield (
        "Orders are filled at the next bar's open; each fill pays the commission and the slippage of the backtest. "
        f"A position takes {percent(execution.position_fraction)} of the equity{units}."
    )
    stops = [
        words.format(percent(fraction))
        for words, fraction in (
            ("a loss of {} from the entry", execution.stop_loss),
            ("a gain of {} from the entry", execution.take_profit),
            ("a retreat of {} from the best price since", execution.trailing_stop),
        )
        if fraction is not None
    ]
    yield f"Stops end it at {listed(stops)}." if stops else "It has no stops: only a signal ends a position."


def percent(fraction: float) -> str:
    """Return a fraction as people say it: 0.025 is `2.5 %`."""
    return f"{plain(fraction * 100)} %"


def counted(number: int, noun: str) -> str:
    """Return `1 bar`, `4 bars`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(words: Sequence[str]) -> str:
    """Return the words with commas and a last `and`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
