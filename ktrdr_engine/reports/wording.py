"""Values as a report writes them, and why some are undefined."""

from __future__ import annotations

from typing import Any

from ktrdr_engine.metrics.definitions import DEFINITIONS
from ktrdr_engine.metrics.wording import number

UNDEFINED = "undefined"


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
    return number(name, value)


def reason(name: str, notes: tuple[str, ...]) -> str:
    """Return why a number is undefined, by the note that says so, else by its definition."""
    for note in notes:
        names, colon, why = note.partition(" undefined: ")
        if colon and name in names.split(", "):
            return why
    return DEFINITIONS[name].undefined if name in DEFINITIONS else ""
