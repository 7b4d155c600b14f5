"""Numbers, names and times as people read them. Units come from the table of definitions; no HTML here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final

from ktrdr_engine.metrics.definitions import DEFINITIONS
from ktrdr_engine.operations.models import OperationType

_MISSING: Final = "–"
_MINUS: Final = "−"
_TWO_DECIMALS_FROM: Final = 0.1
_STAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
_UNITS: Final = {
    **{name: one.unit for name, one in DEFINITIONS.items()},
    "current_pnl": "money",
    "pnl": "money",
    "return": "fraction",
    "loss": "loss",
    "commission": "fraction",
    "slippage": "fraction",
}
_SIGNED: Final = frozenset({"total_return", "annual_return", "buy_and_hold_return", "current_pnl", "pnl", "return"})
_WORDS: Final = {"pnl": "P&L", "avg": "average", "max": "maximum", "sha256": "SHA-256"}
_KINDS: Final = {
    OperationType.BACKTESTING: "Backtest",
    OperationType.TRAINING: "Training",
    OperationType.DATA_LOADING: "Data loading",
}


def figure(name: str, value: object) -> str:
    """Return a value with its unit; what is undefined is a dash."""
    if value is None:
        return _MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return moment(str(value)) if _STAMP.fullmatch(str(value)) else str(value)
    return _number(_UNITS.get(name, "ratio"), value).replace("-", _MINUS)


def _number(unit: str, value: float) -> str:
    if unit == "fraction":
        return f"{value:.2%}".replace("%", " %")
    if unit == "money":
        return f"{value:,.2f}"
    if unit == "days":
        return f"{value:,.0f} days"
    if isinstance(value, int):
        return f"{value:,}"
    if unit == "loss":
        return f"{value:.4f}"
    return f"{value:,.2f}" if abs(value) >= _TWO_DECIMALS_FROM else f"{value:.4g}"


def tone(name: str, value: object) -> str:
    """Return the class of a number whose sign is good or bad news: gain, loss, or nothing."""
    if name not in _SIGNED or not isinstance(value, int | float) or not value:
        return ""
    return "gain" if value > 0 else "loss"


def label(name: str) -> str:
    """Return a key as words: total_return is Total return."""
    words = " ".join(_WORDS.get(word, word) for word in name.split("_"))
    return words[:1].upper() + words[1:]


def moment(value: datetime | str | None) -> str:
    """Return a UTC time to the minute."""
    if value is None:
        return _MISSING
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return text[:16].replace("T", " ")


def price(value: float) -> str:
    """Return a price with as many decimals as markets of its size quote."""
    decimals = 2 if value >= 100 else 3 if value >= 10 else 5
    return f"{value:,.{decimals}f}"


def kind(operation_type: OperationType) -> str:
    """Return the word for a kind of operation."""
    return _KINDS.get(operation_type, label(operation_type.value.lower()))


def subject(metadata: Mapping[str, Any]) -> str:
    """Return what the operation is about: symbol, timeframe and strategy as far as the request names them."""
    words = [_all_of(metadata.get(name) or metadata.get(f"{name}s")) for name in ("symbol", "timeframe")]
    path = metadata.get("strategy_config_path")
    strategy = PurePosixPath(str(path)).stem if path else ""
    return " · ".join(part for part in (" ".join(filter(None, words)), strategy) if part)


def _all_of(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value or "")
