"""The tool that deletes strategies, models and datasets, and brings them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from ktrdr_engine.authoring.replies import LibraryReply
from ktrdr_engine.errors import InvalidRequest
from ktrdr_engine.trash import Kind
from ktrdr_mcp.arguments import StrictTool
from ktrdr_mcp.library_views import entry_line, library_text
from ktrdr_mcp.replies import Call, reply
from ktrdr_mcp.tools.reading import in_thread
from ktrdr_mcp.views import readable

if TYPE_CHECKING:
    from ktrdr_engine.composition import Application

Action = Annotated[Literal["delete", "restore", "list"], Field(description="What to do")]
KindOrAny = Annotated[Kind | None, Field(description="Needed but for list")]
Name = Annotated[
    str | None, Field(max_length=200, description="As its list shows it; a dataset as EURUSD_1h. Needed but for list")
]
Entry = Annotated[str | None, Field(max_length=20, description="Id of an older entry to restore; omit for the latest")]

_EXAMPLE = 'manage_library(action="restore", kind="strategy", name="my_idea")'


def library_tools(application: Application) -> list[StrictTool]:
    """Return the tool over the home of `application`."""

    async def manage_library(
        action: Action, kind: KindOrAny = None, name: Name = None, entry: Entry = None
    ) -> Annotated[CallToolResult, LibraryReply]:
        """Deletes a strategy, model or dataset of yours to the trash, restores one from it, or lists the trash.

        Use it to tidy up, or to undo: what save_strategy or load_data wrote over, or what was deleted, comes back.
        Call `manage_library` again with action restore to undo a delete.
        """
        if action == "list":
            done = await in_thread(lambda: application.library.entries(kind, name))
        else:
            if kind is None or name is None:
                missing = "kind" if kind is None else "name"
                raise InvalidRequest(f"action={action!r} needs {missing}.", details={"field": missing, "value": None})
            whose, called = kind, name
            if action == "delete":
                done = await in_thread(lambda: application.library.delete(whose, called))
            else:
                done = await in_thread(lambda: application.library.restore(whose, called, entry))
        fitted = readable(done, "entries", entry_line)
        way_on = Call.of("manage_library", **fitted.next) if fitted.next else None
        return reply(library_text(fitted, way_on), fitted, way_on or Call.of("list_strategies"))

    # What it deletes can be restored; a host may ask all the same.
    annotations = ToolAnnotations(
        read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=False
    )
    return [StrictTool.declare(manage_library, title="Delete and restore", example=_EXAMPLE, annotations=annotations)]
