"""The fields that requests of several kinds have in common, as annotated types.

They say what a value may look like and what it is for, in the words that every door shows: tools, HTTP, refusals.
Whether a name exists is found later, by who opens it. The engine of operations does not know these (`operations`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from ktrdr_engine.symbols import canonical_symbol

SymbolName = Annotated[str, AfterValidator(canonical_symbol)]
Symbol = Annotated[SymbolName, Field(description="Instrument to trade", examples=["EURUSD"])]
TimeframeName = Annotated[
    str, Field(max_length=8, description="Bar length: 1m 5m 15m 30m 1h 4h 1d 1w", examples=["1h"])
]
StrategyPath = Annotated[
    str,
    Field(min_length=1, max_length=200, description="Strategy file", examples=["strategies/rsi_mean_reversion.yaml"]),
]
ModelPath = Annotated[
    str | None,
    Field(max_length=200, description="Model file; omit for rules, or the newest of this symbol before start_date"),
]
FirstDate = Annotated[
    str, Field(max_length=40, description="First day or time, ISO-8601, UTC, inclusive", examples=["2017-01-02"])
]
LastDate = Annotated[
    str,
    Field(max_length=40, description="Last day or time, ISO-8601, UTC; a bare date includes its whole day"),
]


def request_subject(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return what tells one request from others: `symbol`, `timeframe`, `strategy`, `range`, those it has, in words.

    Args:
        metadata: Of an operation of any kind and age; what it lacks, or holds in another form, is left out.
    """
    strategy = metadata.get("strategy_config_path")
    found = {
        "symbol": _listed(metadata.get("symbol") or metadata.get("symbols")),
        "timeframe": _listed(metadata.get("timeframe") or metadata.get("timeframes")),
        "strategy": PurePosixPath(strategy).stem if isinstance(strategy, str) else "",
        "source": _listed(metadata.get("source")),
        "range": _range(metadata.get("start_date"), metadata.get("end_date")),
    }
    return {name: text for name, text in found.items() if text}


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value or "")


def _range(first: object, last: object) -> str:
    start, end = _shorter(first), _shorter(last)
    if start and end:
        return f"{start} to {end}"
    return f"from {start}" if start else f"to {end}" if end else ""


def _shorter(moment: object) -> str:
    """Return a date or a time as asked for, to the minute."""
    return str(moment or "").strip()[:16].replace("T", " ")
