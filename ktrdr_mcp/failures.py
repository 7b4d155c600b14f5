"""Failures in words a model can act on: what is wrong, what was expected, an example, what to call next.

The engine's messages already say what, the value and the repair; this module adds the way on. Neighbours:
`arguments` raises these for tools, `resources` for resources.
"""

from __future__ import annotations

import json

from ktrdr_engine.errors import KtrdrError

_MAX_BYTES = 8_000

_NEXT = {
    "operation_not_found": "Call list_operations to see the ids that exist.",
    "conflict": "Call get_operation to see its state; for a new run call {tool} without that idempotency_key.",
    "nothing_to_show": "Call get_operation with wait_seconds=20 to see its state; once it has run call {tool} again.",
    "strategy_conflict": "Call get_strategy(name=...) to read what is there, merge, then call {tool} again.",
    "dataset_busy": "Wait for the other load to end (list_operations shows it), then call {tool} again.",
    "source_not_installed": "Tell the user; a file or another source needs no package: {example}",
    "queue_full": "Wait for one to end with get_operation(wait_seconds=20), or cancel one; then call {tool} again.",
    "worker_unavailable": "Nothing is wrong with the arguments: call {tool} again in a minute.",
    "worker_defect": "Nothing is wrong with the arguments: tell the user; once it is repaired call {tool} again.",
    "shutting_down": "Nothing is wrong with the arguments: call {tool} again once the server is back.",
    "dependency_error": "Nothing is wrong with the arguments: tell the user; once it is repaired call {tool} again.",
    "storage_error": "Nothing is wrong with the arguments: tell the user; once it is repaired call {tool} again.",
}
_REPAIR = "Repair it and call again, for example: {example}"


def failure_text(error: KtrdrError, tool: str, example: str) -> str:
    """Return the error's message, bounded, and the next step for `tool`."""
    way_on = _NEXT.get(error.code, _REPAIR).format(tool=tool, example=example)
    return f"{bounded(error.message, _MAX_BYTES)}\n{way_on}"


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
