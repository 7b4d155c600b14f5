"""The tool that says what may stand in a strategy."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from ktrdr_engine.authoring.replies import IndicatorPage
from ktrdr_mcp.arguments import StrictTool
from ktrdr_mcp.authoring_views import indicators_text
from ktrdr_mcp.replies import Call, reply
from ktrdr_mcp.tools.reading import READ_ONLY, in_thread

Type = Annotated[
    str | None,
    Field(min_length=1, max_length=60, description="An indicator or membership function; omit for a list of all"),
]


def indicator_tools() -> list[StrictTool]:
    """Return the tools over the registry of indicators."""

    async def describe_indicators(name: Type = None) -> Annotated[CallToolResult, IndicatorPage]:
        """Returns the `indicators` and fuzzy `memberships` a strategy may use, or one with parameters and an example.

        Use it while writing a strategy: only these types and parameters are accepted.
        Call `validate_strategy` next with your text.
        """
        from ktrdr_engine.authoring.indicators import describe_indicators as describe

        page = await in_thread(lambda: describe(name))
        one = len(page.indicators) + len(page.memberships) == 1
        following = Call.of("validate_strategy") if one else Call.of("describe_indicators", name="rsi")
        return reply(indicators_text(page), page, following)

    return [
        StrictTool.declare(
            describe_indicators,
            title="Describe indicators",
            example='describe_indicators(name="macd")',
            annotations=READ_ONLY,
        )
    ]
