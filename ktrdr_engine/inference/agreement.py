"""Whether a strategy computes the features a model was trained on. Words only, no numbers and no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from ktrdr_engine.features.plan import FeaturePlan, FuzzyInput, IndicatorPlan, RawInput


class _Feature(NamedTuple):
    """One feature at lag 0 on one timeframe: its indicator, and what is done with the value."""

    indicator: IndicatorPlan
    label: str
    definition: str


def differences(trained: FeaturePlan, given: FeaturePlan) -> list[str]:
    """Return how `given` differs from the plan a model was trained with, the names first; empty when it agrees.

    Equal names are not enough: an oversold zone of another width is another feature.
    """
    if trained.names != given.names:
        return _names(trained.names, given.names)
    # Feature by feature: equal names may come from inputs that are grouped otherwise.
    pairs = list(zip(_features(trained), _features(given), strict=True))
    return list(dict.fromkeys([*_indicators(pairs), *_meanings(pairs)]))


def _names(trained: tuple[str, ...], given: tuple[str, ...]) -> list[str]:
    return [
        f"feature {number} is {_said(new)}, the model has {_said(old)}"
        for number, (old, new) in enumerate(zip_longest(trained, given), start=1)
        if old != new
    ]


def _said(name: str | None) -> str:
    return "absent" if name is None else repr(name)


def _indicators(pairs: Sequence[tuple[_Feature, _Feature]]) -> Iterator[str]:
    for old, new in pairs:
        had, has = _indicator(old.indicator), _indicator(new.indicator)
        if had != has:
            yield f"indicator {new.indicator.id} is {has}, the model has {had}"


def _meanings(pairs: Sequence[tuple[_Feature, _Feature]]) -> Iterator[str]:
    for old, new in pairs:
        if old.definition != new.definition:
            yield f"{new.label} is {new.definition}, the model has {old.definition}"


def _features(plan: FeaturePlan) -> Iterator[_Feature]:
    for item, _ in plan.readings():
        for label, definition in _defined(item):
            yield _Feature(plan.indicator(item.indicator), label, definition)


def _indicator(plan: IndicatorPlan) -> str:
    values = plan.spec.complete(dict(plan.parameters))
    return f"{plan.type}({', '.join(f'{name}={value}' for name, value in values.items())})"


def _defined(item: FuzzyInput | RawInput) -> Iterator[tuple[str, str]]:
    source = f"of {item.output}" if item.output else "of its value"
    if isinstance(item, RawInput):
        yield f"input {item.names[0]}", f"{item.normalization} {source}"
        return
    for m in item.memberships:
        shape = f"{m.function}{[float(p) for p in m.parameters]} {source}"
        yield f"membership {item.fuzzy_set}.{m.name}", shape
