"""Failures in words a model can act on: what is wrong, what was expected, an example, what to call next.

The engine's messages already say what, the value and the repair; this module adds the way on. Neighbours:
`arguments` raises these for tools, `resources` for resources.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ktrdr_engine.errors import DataError, KtrdrError, ModelError, SourceNotInstalled, nearest
from ktrdr_engine.operations.mistakes import UNKNOWN

NEXT_STEP = "\nNext: "
"""What the last line of each reply's text begins with."""

_MAX_BYTES = 8_000

_REPAIR = "Repair it and call again, for example: {call}"
_AGAIN = "Repair it and call {tool} again."
_NEXT = {
    "operation_not_found": "Call list_operations to see the ids that exist.",
    "conflict": "Call get_operation to see its state; for a new run call {tool} without that idempotency_key.",
    "nothing_to_show": "Call get_operation with wait_seconds=20 to see its state; once it has run call {tool} again.",
    "strategy_conflict": "Call get_strategy(name=...) to read what is there, merge, then call {tool} again.",
    "dataset_busy": "Wait for the other load to end (list_operations shows it), then call {tool} again.",
    "source_not_installed": "Tell the user; a file or another source needs no package: {call}",
    "queue_full": "Wait for one to end with get_operation(wait_seconds=20), or cancel one; then call {tool} again.",
    "worker_unavailable": "Nothing is wrong with the arguments: call {tool} again in a minute.",
    "worker_defect": "Nothing is wrong with the arguments: tell the user; once it is repaired call {tool} again.",
    "shutting_down": "Nothing is wrong with the arguments: call {tool} again once the server is back.",
    "dependency_error": "Nothing is wrong with the arguments: tell the user; once it is repaired call {tool} again.",
    "storage_error": "Nothing is wrong with the arguments: tell the user; once it is repaired call {tool} again.",
}


def failure_text(error: KtrdrError, tool: str, call: str | None) -> str:
    """Return the error's message, bounded, and the next step for `tool`.

    Args:
        error: What the engine said.
        tool: The tool's name.
        call: The refused call with what the engine named mended; None: the engine named no argument.
    """
    way_on = _NEXT.get(error.code, _REPAIR if call else _AGAIN).format(tool=tool, call=call or f"{tool}(...)")
    return f"{bounded(error.message, _MAX_BYTES)}\n{_prices(error)}{_training(error)}{way_on}"


def repairs(error: KtrdrError) -> dict[str, object]:
    """Return the arguments that an error is about, each with the value that was probably meant, or `UNKNOWN`."""
    details = error.details
    mends: dict[str, object] = dict(details.get("mended", {}))
    listed = details.get("errors", ())
    for one in listed:
        if isinstance(one, Mapping) and "field" in one:
            mends.setdefault(str(one["field"]), _meant(one))
    # Whoever opens a file by its name does not know by which argument that was given: it is `name` then.
    field = details.get("field", "name" if "nearest" in details else None)
    if isinstance(field, str):
        mends.setdefault(field, _meant(details))
    if isinstance(error, SourceNotInstalled):
        mends |= {"source": "file", "path": UNKNOWN}
    return mends


def _meant(details: Mapping[str, Any]) -> object:
    value, known = details.get("value"), [str(one) for one in details.get("known", ())]
    if meant := details.get("nearest"):
        return meant
    hits = nearest(str(value), known, limit=1) or (known if len(known) == 1 else [])
    return hits[0] if hits and hits[0] != value else UNKNOWN


def _prices(error: KtrdrError) -> str:
    """Return how to come by prices, where a symbol has none."""
    if not isinstance(error, DataError) or error.details.get("field") != "symbol":
        return ""
    symbol = json.dumps(error.details.get("value"), ensure_ascii=False)
    return f"list_datasets shows what there is; load_data(symbol={symbol}, timeframe=..., source=...) brings prices.\n"


def _training(error: KtrdrError) -> str:
    """Return how to come by a model, where a strategy has none for a symbol."""
    strategy, symbol = (error.details.get(name) for name in ("strategy", "symbol"))
    if not isinstance(error, ModelError) or strategy is None:
        return ""
    symbols = f", symbols=[{json.dumps(symbol, ensure_ascii=False)}]" if symbol else ""
    path = json.dumps(f"strategies/{strategy}.yaml", ensure_ascii=False)
    call = f"start_training(strategy_config_path={path}{symbols}, start_date=..., end_date=...)"
    return f"{call} makes one; end it before the bars of the backtest.\n"


def crash_text(tool: str) -> str:
    """Return what a client is told of a defect: nothing of its inside, but where to look and what still works."""
    return (
        f"{tool} failed inside ktrdr. This is a defect, not your arguments; the cause is in the server's log (stderr). "
        "Running operations are not affected: call list_operations to see them."
    )


def bounded(text: str, limit: int) -> str:
    """Return `text`, its end replaced by a note when it takes more than `limit` bytes on the wire."""
    kept = text[:limit]
    while (size := wire_bytes(kept)) > limit:
        kept = kept[: len(kept) * limit // size]
    return text if len(kept) == len(text) else f"{kept}... ({len(text) - len(kept)} more characters)"


def wire_bytes(text: str) -> int:
    """Return the length of `text` within JSON, its quotes left out."""
    return len(json.dumps(text, ensure_ascii=False).encode(errors="surrogatepass")) - 2
