"""The numbers of an operation in words: each by its name, in the unit of its definition.

How a number is written, whatever it is of, stands in `number_format`.
"""

from __future__ import annotations

from typing import Final, Literal

from ktrdr_engine.metrics.definitions import DEFINITIONS, Unit
from ktrdr_engine.number_format import decimal, percent, rate, whole

_UNITS: Final[dict[str, Unit | Literal["rate", "loss"]]] = {
    **{name: one.unit for name, one in DEFINITIONS.items()},
    "pnl": "money",
    "current_pnl": "money",
    "return": "fraction",
    "commission": "rate",
    "slippage": "rate",
    "loss": "loss",
}
_SHARES: Final = ("_accuracy", "_baseline")
_DECIMALS: Final[dict[str | None, int]] = {"money": 2, "ratio": 3, "loss": 4}
_WORDS: Final = {"pnl": "P&L", "avg": "average", "max": "maximum", "sha256": "SHA-256"}


def unit_of(name: str) -> Unit | Literal["rate", "loss"] | None:
    """Return the unit of a result, of a request's number or of a metric; None: a plain number.

    A rate is a fraction that somebody chose, a fraction is one that was measured.
    """
    return "fraction" if name.endswith(_SHARES) else _UNITS.get(name)


def number(name: str, value: float) -> str:
    """Return a number by its name in its unit, with a true minus sign."""
    unit = unit_of(name)
    if unit == "fraction":
        return percent(value, 2)
    if unit == "rate":
        return rate(value)
    if isinstance(value, int) and unit not in ("money", "days"):
        return whole(value)
    return f"{decimal(value, 1, 3)} days" if unit == "days" else decimal(value, _DECIMALS.get(unit, 0))


def label(name: str) -> str:
    """Return a key as words: total_return is Total return."""
    words = " ".join(_WORDS.get(word, word) for word in name.split("_"))
    return words[:1].upper() + words[1:]
