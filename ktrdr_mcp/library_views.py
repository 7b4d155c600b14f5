"""What was deleted or restored as a few lines a model can read and act on; sizes as in `views`."""

from __future__ import annotations

from ktrdr_engine.authoring.replies import LibraryReply, TrashRow
from ktrdr_mcp.failures import bounded
from ktrdr_mcp.replies import Call
from ktrdr_mcp.views import text_of

_DOES = {"restore": "brings it back; entry=... an older one", "list": "shows the rest"}


def library_text(done: LibraryReply, way_on: Call | None) -> str:
    """Return what was done and the entries it made, or those listed, and what to call next, if there is something."""
    lines = [done.message, *map(entry_line, done.entries)]
    if hidden := done.total - done.returned:
        lines.append(f"... {hidden} older ones; kind and name show those of one")
    if way_on is None:
        return text_of(lines, "list_strategies, list_models, list_datasets show what there is.")
    return text_of(lines, f"{way_on} {_DOES[way_on.arguments['action']]}.")


def entry_line(row: TrashRow) -> str:
    """Return an entry of the trash in one line."""
    return f"entry {row.id}: {row.kind} {bounded(row.name, 60)}, {row.when}, {bounded(row.why, 60)}"
