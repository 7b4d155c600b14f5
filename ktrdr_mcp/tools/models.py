"""The tool that lists trained models."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from mcp_types import CallToolResult

from ktrdr_engine.authoring.replies import ModelPage
from ktrdr_mcp.addresses import MODEL
from ktrdr_mcp.arguments import StrictTool
from ktrdr_mcp.authoring_views import model_line, models_text
from ktrdr_mcp.replies import Call, reply
from ktrdr_mcp.tools.reading import READ_ONLY, ListLimit, Offset, in_thread, next_page
from ktrdr_mcp.views import readable

if TYPE_CHECKING:
    from ktrdr_engine.authoring.shelves import Shelves


def model_tools(shelves: Callable[[], Shelves]) -> list[StrictTool]:
    """Return the tools over the libraries that `shelves` returns; it is called in a thread."""

    async def list_models(limit: ListLimit = 20, offset: Offset = 0) -> Annotated[CallToolResult, ModelPage]:
        """Lists the trained `models`: `strategy`, bars of each part, the last one read (`read_to`), results.

        Use it to choose a model and dates it has not seen; a `test_accuracy` near `majority_accuracy` means little.
        Call `start_backtest` next with one as model_path.
        """
        from ktrdr_engine.authoring.models import model_page

        page = readable(await in_thread(lambda: model_page(shelves(), limit, offset)), "models", model_line)
        more = next_page("list_models", offset + page.returned, page.total, limit=limit)
        usable = [row for row in page.models if not row.problem]
        first = [Call.of("start_backtest", model_path=f"models/{row.name}") for row in usable[:1]]
        following = more or next(iter(first), Call.of("start_training"))
        return reply(models_text(page, more), page, following, (MODEL,))

    return [
        StrictTool.declare(list_models, title="List models", example="list_models(limit=20)", annotations=READ_ONLY)
    ]
