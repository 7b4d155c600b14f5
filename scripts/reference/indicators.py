"""Indicators and membership functions, from the registry."""

from __future__ import annotations

from collections.abc import Iterator

from ktrdr_engine.features.registry import INDICATORS, MEMBERSHIPS
from ktrdr_engine.features.specs import IndicatorSpec
from scripts.reference.words import heading


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield from heading("Indicators and membership functions")
    yield "Bars before the warm-up are NaN. Periods are in bars."
    for spec in INDICATORS.values():
        yield from _indicator(spec)
    yield from ("", "## Membership functions", "")
    yield "| type | parameters | rule | formula |"
    yield "|---|---|---|---|"
    for membership in MEMBERSHIPS.values():
        names = ", ".join(membership.parameters)
        yield f"| `{membership.name}` | {names} | {membership.rule} | {membership.description} |"


def _indicator(spec: IndicatorSpec) -> Iterator[str]:
    yield from ("", f"## {spec.name}", "")
    yield f"{spec.title}. {spec.description}"
    yield from ("", f"Reads {', '.join(spec.inputs)}; gives {', '.join(spec.outputs)}. ")
    yield f"Warm-up with the defaults: {spec.warmup({})} bars. Formula: {spec.formula}."
    if spec.bounds:
        bounds = ", ".join(f"{output} {bounds.text}" for output, bounds in spec.bounds.items())
        yield f"Never outside: {bounds}."
    if not spec.parameters:
        return
    yield from ("", "| parameter | default | allowed | meaning |", "|---|---|---|---|")
    for parameter in spec.parameters:
        row = (f"`{parameter.name}`", parameter.default_text, parameter.allowed, parameter.description)
        yield f"| {' | '.join(row)} |"
    for rule in spec.orderings:
        yield from ("", f"Rule: {rule.text}.")
