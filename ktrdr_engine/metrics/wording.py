"""Numbers of an operation as people read them: in the unit of their definition, with as many digits as that needs.

Neighbours: terminal, charts, reports and pages write what is no number, or is undefined, in their own ways.
"""

from __future__ import annotations

from typing import Final, Literal

from ktrdr_engine.metrics.definitions import DEFINITIONS, Unit

_MINUS: Final = "−"
_FEW_DIGITS_BELOW: Final = 0.1
_UNITS: Final[dict[str, Unit | Literal["loss"]]] = {
    **{name: one.unit for name, one in DEFINITIONS.items()},
    "pnl": "money",
    "current_pnl": "money",
    "return": "fraction",
    "commission": "fraction",
    "slippage": "fraction",
    "loss": "loss",
}
_SHARES: Final = ("_accuracy", "_baseline")
_WORDS: Final = {"pnl": "P&L", "avg": "average", "max": "maximum", "sha256": "SHA-256"}


def unit_of(name: str) -> Unit | Literal["loss"] | None:
    """Return the unit of a result, of a request's number or of a metric; None: a plain number."""
    return "fraction" if name.endswith(_SHARES) else _UNITS.get(name)


def number(name: str, value: float) -> str:
    """Return a number by its name in its unit, with a true minus sign."""
    unit = unit_of(name)
    if unit == "fraction":
        return percent(value, 2)
    if unit == "money":
        text = f"{value:,.2f}"
    elif unit == "days":
        text = f"{value:,.1f} days"
    elif isinstance(value, int):
        text = f"{value:,}"
    elif unit == "loss":
        text = f"{value:.4f}"
    else:
        text = f"{value:,.3f}" if abs(value) >= _FEW_DIGITS_BELOW else f"{value:.3g}"
    return text.replace("-", _MINUS)


def percent(value: float, decimals: int | None = None) -> str:
    """Return a fraction as a percentage with a true minus sign, with as many decimals as its size asks for."""
    if decimals is None:
        decimals = 0 if abs(value) >= 0.1 or value == 0 else 1 if abs(value) >= 0.01 else 2
    # Adding zero makes a negative one positive.
    return f"{round(value * 100, decimals) + 0.0:.{decimals}f} %".replace("-", _MINUS)


def label(name: str) -> str:
    """Return a key as words: total_return is Total return."""
    words = " ".join(_WORDS.get(word, word) for word in name.split("_"))
    return words[:1].upper() + words[1:]
