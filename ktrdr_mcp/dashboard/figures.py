"""Values, names and times as a page shows them; no HTML here. How a number is written: `number_format`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ktrdr_engine.backtesting.models import relation_of
from ktrdr_engine.fields import request_subject
from ktrdr_engine.metrics.wording import label, number
from ktrdr_engine.operations.models import OperationType

_MISSING: Final = "–"
_STAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
_SIGNED: Final = frozenset({"total_return", "annual_return", "buy_and_hold_return", "current_pnl", "pnl", "return"})
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
    return number(name, value)


def tone(name: str, value: object) -> str:
    """Return the class of a number whose sign is good or bad news: gain, loss, or nothing."""
    if name not in _SIGNED or not isinstance(value, int | float) or not value:
        return ""
    return "gain" if value > 0 else "loss"


def moment(value: datetime | str | None) -> str:
    """Return a UTC time to the minute."""
    if value is None:
        return _MISSING
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return text[:16].replace("T", " ")


def kind(operation_type: OperationType) -> str:
    """Return the word for a kind of operation."""
    return _KINDS.get(operation_type, label(operation_type.value.lower()))


def flaw(results: Mapping[str, Any] | None) -> str:
    """Return what speaks against the numbers of a backtest by what its model had read; empty: nothing."""
    relation = relation_of(results or {})
    return relation.flaw.capitalize() if relation else ""


def subject(metadata: Mapping[str, Any]) -> str:
    """Return what the operation is about: symbol, timeframe and strategy as far as the request names them."""
    return in_words(request_subject(metadata))


def in_words(about: Mapping[str, str]) -> str:
    """Return what an operation is about, its range left out."""
    market = " ".join(about[name] for name in ("symbol", "timeframe", "source") if name in about)
    return " · ".join(part for part in (market, about.get("strategy", "")) if part)
