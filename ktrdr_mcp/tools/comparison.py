"""The tool that puts results side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from mcp_types import CallToolResult
from pydantic import Field

from ktrdr_engine.authoring.replies import Comparison
from ktrdr_mcp.addresses import RESULTS
from ktrdr_mcp.arguments import StrictTool
from ktrdr_mcp.authoring_views import comparison_text
from ktrdr_mcp.fitting import fitting_rows
from ktrdr_mcp.replies import Call, reply
from ktrdr_mcp.tools.reading import EXAMPLE_ID, READ_ONLY, OperationId

if TYPE_CHECKING:
    from ktrdr_engine.operations.service import OperationsService

OperationIds = Annotated[
    list[OperationId], Field(min_length=2, max_length=10, description="Ids of finished operations")
]


def comparison_tools(operations: OperationsService) -> list[StrictTool]:
    """Return the tools over `operations`."""

    async def compare_operations(operation_ids: OperationIds) -> Annotated[CallToolResult, Comparison]:
        """Returns the `numbers` of finished operations side by side, `differences` of the requests, and `warnings`.

        Use it to judge a change: read the `warnings` first, they say what makes the comparison unfair.
        Call `get_operation` next on the better one.
        """
        from ktrdr_engine.authoring.comparison import check_ids, compare, stored_backtests

        check_ids(operation_ids)
        compared = [await operations.get_operation(operation_id) for operation_id in operation_ids]
        found = fitting_rows(compare(compared, await stored_backtests(operations, compared)), "numbers")
        following = Call.of("get_operation", operation_id=operation_ids[0])
        return reply(comparison_text(found), found, following, (RESULTS,))

    return [
        StrictTool.declare(
            compare_operations,
            title="Compare results",
            example=f'compare_operations(operation_ids=["{EXAMPLE_ID}", "{EXAMPLE_ID[:-1]}b"])',
            annotations=READ_ONLY,
        )
    ]
