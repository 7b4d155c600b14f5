"""The equity of a backtest for a page: every bar's once the run has ended, until then what its history tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import anyio.to_thread

from ktrdr_engine.errors import OperationConflict, WorkerUnavailable
from ktrdr_mcp.dashboard.curves import COLUMNS, Point, points_of

if TYPE_CHECKING:
    from ktrdr_engine.operations.models import Operation, Table
    from ktrdr_engine.operations.service import OperationsService

_NANOSECONDS: Final = 1e9


async def equity_of(
    operations: OperationsService, operation: Operation, history: Mapping[str, Sequence[Mapping[str, Any]]]
) -> list[Point]:
    """Return the equity as a fraction of the initial capital; empty for what has none."""
    capital = operation.metadata.get("initial_capital")
    if not isinstance(capital, int | float) or not capital:
        return []
    if operation.status.is_final and operation.results:
        try:
            table = await operations.get_operation_columns(operation.operation_id, "equity")
        except (OperationConflict, WorkerUnavailable):
            table = {}
        if {"timestamp", "equity"} <= table.keys():
            return await anyio.to_thread.run_sync(_whole, table, float(capital))
    return [Point(point.place, 1 + point.value / capital) for point in points_of(history.get("bars", ()), "pnl")]


def _whole(table: Table, capital: float) -> list[Point]:
    from ktrdr_engine.charts.columns import numbers, stamps
    from ktrdr_engine.charts.decimation import extremes

    places, values = stamps(table, "timestamp"), numbers(table, "equity")
    if not len(values):
        return []
    kept = extremes(values, COLUMNS)
    return [Point(float(places[at]) / _NANOSECONDS, float(values[at]) / capital) for at in kept]
