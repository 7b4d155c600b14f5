"""Numbers as a report writes them."""

from __future__ import annotations

from typing import Any

from ktrdr_engine.charts.canvas import percent
from ktrdr_engine.metrics.definitions import DEFINITIONS, Unit

UNDEFINED = "undefined"
_SHARES = ("accuracy", "baseline")


def figure(name: str, value: Any) -> str:
    """Return a number of the results in the unit of its definition; what is no number as it is."""
    if value is None:
        return UNDEFINED
    if isinstance(value, list | tuple):
        return ", ".join(str(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {figure(name, one)}" for key, one in value.items())
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    unit: Unit | None = DEFINITIONS[name].unit if name in DEFINITIONS else None
    if unit == "fraction" or name.endswith(_SHARES):
        return percent(value, 2)
    if unit == "money":
        return f"{value:,.2f}".replace("-", "−")
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.1f} days" if unit == "days" else f"{value:.3f}".replace("-", "−")


def label(name: str) -> str:
    """Return a key as words."""
    return name.replace("_", " ").capitalize()


def reason(name: str, notes: tuple[str, ...]) -> str:
    """Return why a number is undefined, by the note that says so, else by its definition."""
    for note in notes:
        names, colon, why = note.partition(" undefined: ")
        if colon and name in names.split(", "):
            return why
    return DEFINITIONS[name].undefined if name in DEFINITIONS else ""
