"""The numbers of an operation: a few large ones first, then all with what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ktrdr_engine.metrics.definitions import DEFINITIONS
from ktrdr_engine.metrics.wording import label
from ktrdr_engine.reports.wording import UNDEFINED, figure, reason

_HEADLINES: Final = (
    "total_return", "buy_and_hold_return", "sharpe_ratio", "max_drawdown", "total_trades", "win_rate",
    "test_accuracy", "test_majority_baseline", "test_rows", "epochs_run", "best_epoch",
)  # fmt: skip
_NOT_NUMBERS: Final = ("notes", "provenance", "partial")


class Number(NamedTuple):
    """One number in words.

    Attributes:
        label: Its name.
        value: In its unit, or "undefined".
        meaning: How it is computed; of an undefined one, why it is.
        source: Who defined it.
    """

    label: str
    value: str
    meaning: str
    source: str


def headlines(results: Mapping[str, Any]) -> list[Number]:
    """Return the few numbers that a reader looks for first, as far as there are any."""
    return [_number(name, results) for name in _HEADLINES if name in results]


def all_numbers(results: Mapping[str, Any]) -> list[Number]:
    """Return every single value of the results."""
    names = [name for name, value in results.items() if not isinstance(value, dict | list | tuple)]
    return [_number(name, results) for name in names if name not in _NOT_NUMBERS]


def _number(name: str, results: Mapping[str, Any]) -> Number:
    definition = DEFINITIONS.get(name)
    value = figure(name, results[name])
    meaning = definition.formula if definition else ""
    if value == UNDEFINED:
        meaning = f"Undefined: {reason(name, notes_of(results)) or 'no reason is recorded'}"
    return Number(label(name), value, meaning, definition.source if definition else "")


def notes_of(results: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the notes of the results."""
    notes = results.get("notes")
    return tuple(str(note) for note in notes) if isinstance(notes, list | tuple) else ()
