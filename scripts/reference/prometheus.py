"""The numbers under /metrics, from the exposition."""

from __future__ import annotations

from collections.abc import Iterator

from ktrdr_engine.operations.exposition import families
from ktrdr_engine.operations.service import OperationsService
from scripts.reference.words import heading


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield from heading("Numbers for Prometheus")
    yield "`GET /metrics` on the worker and on the HTTP server shows these and the process's own. Where a token is set,"
    yield "Prometheus needs it, too (`authorization: {credentials: ...}`). Counts begin with the process; what lasts is"
    yield "the history of operations."
    yield from ("", "| name | type | meaning |", "|---|---|---|")
    for family in families(OperationsService(), "ktrdr-worker"):
        suffix = "_total" if family.type == "counter" else ""
        yield f"| `{family.name}{suffix}` | {family.type} | {family.documentation} |"
