"""What was deleted or restored as a few lines a model can read and act on; sizes as in `views`."""

from __future__ import annotations

from ktrdr_engine.authoring.replies import LibraryReply, TrashRow
from ktrdr_mcp.failures import bounded
from ktrdr_mcp.views import text_of


def library_text(done: LibraryReply) -> str:
    """Return what was done and the entries it made, or those listed."""
    lines = [done.message, *map(_line, done.entries)]
    if hidden := done.total - done.returned:
        lines.append(f"... {hidden} older ones; kind and name show those of one")
    return text_of(lines, done.next or "list_strategies, list_models, list_datasets show what there is.")


def _line(row: TrashRow) -> str:
    return f"entry {row.id}: {row.kind} {bounded(row.name, 60)}, {row.when}, {bounded(row.why, 60)}"
