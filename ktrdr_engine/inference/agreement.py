"""Whether a strategy computes the features a model was trained on. Words only, no numbers and no torch."""

from __future__ import annotations

from itertools import zip_longest

from ktrdr_engine.features.plan import FeaturePlan, FuzzyInput, IndicatorPlan, RawInput


def differences(trained: FeaturePlan, given: FeaturePlan) -> list[str]:
    """Return how `given` differs from the plan a model was trained with, the names first; empty when it agrees.

    Equal names are not enough: an oversold zone of another width is another feature.
    """
    if trained.names != given.names:
        return _names(trained.names, given.names)
    return [*_indicators(trained, given), *_inputs(trained, given)]


def _names(trained: tuple[str, ...], given: tuple[str, ...]) -> list[str]:
    return [
        f"feature {number} is {_said(new)}, the model has {_said(old)}"
        for number, (old, new) in enumerate(zip_longest(trained, given), start=1)
        if old != new
    ]


def _said(name: str | None) -> str:
    return "absent" if name is None else repr(name)


def _indicators(trained: FeaturePlan, given: FeaturePlan) -> list[str]:
    pairs = zip(trained.inputs, given.inputs, strict=True)
    changed = {
        new.indicator: (_indicator(trained.indicator(old.indicator)), _indicator(given.indicator(new.indicator)))
        for old, new in pairs
    }
    return [f"indicator {id} is {new}, the model has {old}" for id, (old, new) in changed.items() if old != new]


def _indicator(plan: IndicatorPlan) -> str:
    values = plan.spec.complete(dict(plan.parameters))
    return f"{plan.type}({', '.join(f'{name}={value}' for name, value in values.items())})"


def _inputs(trained: FeaturePlan, given: FeaturePlan) -> list[str]:
    found = []
    for old, new in zip(trained.inputs, given.inputs, strict=True):
        olds, news = _definitions(old), _definitions(new)
        found += [
            f"{name} is {news.get(name)}, the model has {olds.get(name)}"
            for name in news
            if news[name] != olds.get(name)
        ]
    return found


def _definitions(item: FuzzyInput | RawInput) -> dict[str, str]:
    source = f"of {item.output}" if item.output else "of its value"
    if isinstance(item, RawInput):
        return {f"input {item.names[0]}": f"{item.normalization} {source}"}
    return {
        f"membership {item.fuzzy_set}.{m.name}": f"{m.function}{[float(p) for p in m.parameters]} {source}"
        for m in item.memberships
    }
