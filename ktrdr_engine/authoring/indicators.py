"""What may stand in a strategy under `indicators` and `fuzzy_sets`, from the registry alone."""

from __future__ import annotations

from typing import Any

from ktrdr_engine.authoring.replies import IndicatorPage
from ktrdr_engine.errors import InvalidRequest
from ktrdr_engine.features.registry import INDICATORS, MEMBERSHIPS
from ktrdr_engine.features.specs import IndicatorSpec, MembershipSpec, Parameter
from ktrdr_engine.vocabulary import meant_indicator, unknown_indicator


def describe_indicators(name: str | None = None) -> IndicatorPage:
    """Return every indicator and membership function in one line each, or the one called `name` in full.

    Raises:
        InvalidRequest: There is nothing of that name; the nearest are offered.
    """
    if name is None:
        return IndicatorPage(
            indicators=tuple(_line(spec) for spec in INDICATORS.values()),
            memberships=tuple(_membership(spec) for spec in MEMBERSHIPS.values()),
        )
    if name in INDICATORS:
        return IndicatorPage(indicators=(_whole(INDICATORS[name]),), memberships=())
    if name in MEMBERSHIPS:
        return IndicatorPage(indicators=(), memberships=(_membership(MEMBERSHIPS[name]),))
    known = [*INDICATORS, *MEMBERSHIPS]
    raise InvalidRequest(
        f"There is no indicator or membership function {name[:60]!r}. {unknown_indicator(name[:60], known)}",
        details={"field": "name", "value": name[:60], "nearest": meant_indicator(name)},
    )


def _line(spec: IndicatorSpec) -> dict[str, Any]:
    return {"type": spec.name, "title": spec.title, "outputs": list(spec.outputs)}


def _whole(spec: IndicatorSpec) -> dict[str, Any]:
    return {
        **_line(spec),
        "description": spec.description,
        "reads": list(spec.inputs),
        "parameters": [_parameter(one) for one in spec.parameters],
        "rules": [rule.text for rule in spec.orderings],
        "bounds": {output: bounds.text for output, bounds in spec.bounds.items()},
        "warmup_bars": spec.warmup({}),
        "formula": spec.formula,
        "example": _example(spec),
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "default": parameter.default,
        "allowed": parameter.allowed,
        "description": parameter.description,
    }


def _example(spec: IndicatorSpec) -> str:
    values = [f"{name}: {value}" for name, value in spec.complete({}).items()]
    return f"my_{spec.name}: {{{', '.join([f'type: {spec.name}', *values])}}}"


def _membership(spec: MembershipSpec) -> dict[str, Any]:
    return {
        "type": spec.name,
        "parameters": list(spec.parameters),
        "rule": spec.rule,
        "description": spec.description,
        "example": f"my_zone: {{type: {spec.name}, parameters: {list(spec.example)}}}",
    }
