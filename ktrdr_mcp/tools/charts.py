"""The tool that shows an operation as a picture, with the same in words."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated

import anyio.to_thread
from mcp_types import CallToolResult, ImageContent, TextContent, ToolAnnotations
from pydantic import Field

from ktrdr_engine.charts.kinds import ChartKind
from ktrdr_engine.charts.theme import ThemeName
from ktrdr_mcp.arguments import StrictTool
from ktrdr_mcp.tools.reading import OperationId

if TYPE_CHECKING:
    from ktrdr_engine.charts.drawing import Chart
    from ktrdr_engine.composition import Application


def chart_tools(application: Application) -> list[StrictTool]:
    """Return the tool over the operations and prices of `application`."""

    async def plot_operation(
        operation_id: OperationId,
        kind: Annotated[
            ChartKind, Field(description="training is for trainings, the others for backtests")
        ] = "overview",
        theme: Annotated[ThemeName, Field(description="Ground of the picture")] = "dark",
    ) -> CallToolResult:
        """Draws a chart of an operation as a PNG image, also while it runs, and says the same in words.

        Use it to show a person price, trades, equity and drawdown (overview), monthly returns, the distribution of
        trades, or the curves of a training.
        Call `plot_operation` again with another kind, or `get_metrics` for the numbers.
        """
        from ktrdr_engine.charts.drawing import draw
        from ktrdr_engine.charts.gathering import gather

        subject = await gather(application.operations, lambda: application.bars, operation_id)
        chart = await anyio.to_thread.run_sync(draw, subject, kind, theme)
        return _reply(operation_id, kind, chart)

    return [
        StrictTool.declare(
            plot_operation,
            title="Draw an operation",
            example='plot_operation(operation_id="op_backtest_20250103_k3v9x2m7qa", kind="overview")',
            annotations=ToolAnnotations(
                read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
            ),
        )
    ]


def _reply(operation_id: str, kind: ChartKind, chart: Chart) -> CallToolResult:
    image = ImageContent(type="image", data=base64.b64encode(chart.png).decode(), mime_type="image/png")
    text = TextContent(type="text", text=f"{chart.text}\n{_next(operation_id, kind, chart)}")
    # No structured half: hosts that show a model that one alone would drop the picture.
    return CallToolResult(content=[image, text])


def _next(operation_id: str, kind: ChartKind, chart: Chart) -> str:
    others = [other for other in chart.kinds if other != kind]
    if not others:
        return f"Next: get_metrics(operation_id={operation_id!r}) for the numbers."
    also = f" (also {', '.join(others[1:])})" if others[1:] else ""
    report = f"resource ktrdr://operations/{operation_id}/report.html is the whole report as a page"
    return f"Next: plot_operation(operation_id={operation_id!r}, kind={others[0]!r}){also}; {report}."
