"""What each page shows, gathered from the service like any other client would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlencode

from pydantic import ValidationError

from ktrdr_engine.authoring.comparison import best_of, compare, doubts_of, stored_backtests
from ktrdr_engine.errors import InvalidRequest
from ktrdr_engine.fields import request_subject
from ktrdr_engine.metrics.definitions import DEFINITIONS
from ktrdr_engine.number_format import shared_decimals
from ktrdr_engine.operations.entries import all_entries
from ktrdr_engine.operations.http_requests import ListQuery
from ktrdr_engine.operations.models import Operation, OperationStatus, OperationType
from ktrdr_mcp.dashboard.curves import Chart, Line, Point, draw, points_of
from ktrdr_mcp.dashboard.equity import equity_of

if TYPE_CHECKING:
    from ktrdr_engine.operations.service import OperationsService

Context = dict[str, Any]
Rows = list[dict[str, Any]]

ROWS_ON_A_PAGE: Final = 25
_SHOWN_TRADES: Final = 20
_TILES: Final = (
    "total_return", "buy_and_hold_return", "sharpe_ratio", "max_drawdown", "total_trades", "win_rate", "final_value",
    "current_pnl", "test_accuracy", "test_majority_baseline", "epochs_run", "best_epoch", "new_bars", "missing_bars",
)  # fmt: skip
_APART: Final = ("notes", "provenance", "partial")


async def list_page(operations: OperationsService, given: Mapping[str, str]) -> Context:
    """Return the list of operations that the form asks for.

    Raises:
        InvalidRequest: It asks for a status or a type that there is not.
    """
    query = _list_query(given)
    page = await operations.list_operations(query.status, query.operation_type, ROWS_ON_A_PAGE, query.offset)
    unfinished = next((row.operation_id for row in page.operations if not row.status.is_final), None)
    return {
        "rows": page.operations,
        "total": page.total,
        "first": query.offset + 1 if page.operations else 0,
        "last": query.offset + page.returned,
        "chosen_status": query.status,
        "chosen_type": query.operation_type,
        "statuses": list(OperationStatus),
        "types": list(OperationType),
        "newer": _list_address(query, query.offset - ROWS_ON_A_PAGE) if query.offset else None,
        "older": _list_address(query, query.offset + page.returned)
        if query.offset + page.returned < page.total
        else None,
        "follow": unfinished,
    }


def _list_query(given: Mapping[str, str]) -> ListQuery:
    try:
        return ListQuery.model_validate({name: value for name, value in given.items() if value and name != "limit"})
    except ValidationError as error:
        wrong = ", ".join(f"{one['loc'][0]}={str(one['input'])[:80]!r}" for one in error.errors())
        raise InvalidRequest(f"The list has no {wrong}: choose a status and a type in the form.") from None


def _list_address(query: ListQuery, offset: int) -> str:
    chosen = {"status": query.status, "operation_type": query.operation_type, "offset": max(0, offset) or None}
    return "/?" + urlencode({name: value for name, value in chosen.items() if value})


async def operation_page(operations: OperationsService, operation_id: str) -> Context:
    """Return everything about one operation.

    Raises:
        OperationNotFound: There is no such operation.
    """
    operation = await operations.get_operation(operation_id)
    history = await all_entries(operations, operation_id)
    results, metadata = operation.results or {}, operation.metadata
    numbers = results or operation.progress.context
    trades = history.get("trades", [])[: -_SHOWN_TRADES - 1 : -1]
    return {
        "operation": operation,
        "span": request_subject(metadata).get("range"),
        "model": results.get("model_path") or metadata.get("model_path"),
        "tiles": [(name, numbers[name]) for name in _TILES if isinstance(numbers.get(name), int | float)],
        "charts": charts_of(operation, history, await equity_of(operations, operation, history)),
        "trades": trades,
        "price_decimals": shared_decimals(trade[name] for trade in trades for name in ("entry_price", "exit_price")),
        "trade_count": _trade_count(numbers, history.get("trades", ())),
        "notes": [*results.get("notes", ()), *operation.warnings],
        "results": [
            (name, value, DEFINITIONS[name].formula if name in DEFINITIONS else "")
            for name, value in results.items()
            if name not in _APART
        ],
        "request": [(name, value) for name, value in metadata.items() if value is not None],
        "provenance": list(results.get("provenance", {}).items()),
        "follow": None if operation.status.is_final else operation_id,
        "is_partial": bool(results.get("partial")),
    }


def _trade_count(numbers: Mapping[str, Any], kept: Sequence[object]) -> int:
    """Return how many trades were closed; the history keeps the last ones only."""
    told = numbers.get("total_trades")
    return max(len(kept), told if isinstance(told, int) else 0)


def charts_of(operation: Operation, history: Mapping[str, Rows], equity: Sequence[Point] = ()) -> list[Chart]:
    """Return the curves of an operation: the equity of a backtest, losses and accuracies of a training, or none."""
    if equity:
        capital = float(operation.metadata["initial_capital"])
        title = "Equity" if operation.status.is_final else "Equity so far"
        money = [Point(point.place, point.value * capital) for point in equity]
        drawn = [draw(title, [Line("Equity", money)], unit="pnl", base=capital)]
    elif rows := history.get("epochs", []):
        drawn = _learning(operation, rows)
    else:
        drawn = []
    return [chart for chart in drawn if chart is not None]


def _learning(operation: Operation, rows: Rows) -> list[Chart | None]:
    from ktrdr_engine.charts.epochs import epochs_of
    from ktrdr_engine.charts.training import curve_name, panes_of
    from ktrdr_engine.number_format import percent

    epochs = epochs_of(operation, rows)
    charts = []
    for title, curves in panes_of(epochs):
        lines = [Line(curve_name(name), points_of(rows, name, "epoch")) for name in curves]
        is_share = all(name.endswith("accuracy") for name in curves)
        base = epochs.baseline if is_share else None
        words = "" if base is None else f", dashed: majority baseline {percent(base, 1)}"
        unit = next(iter(curves)) if is_share else "loss"
        charts.append(draw(f"{title} by epoch{words}", lines, unit=unit, base=base, dated=False))
    return charts


class Compared(NamedTuple):
    """One number of two operations; `better` is the index of the better one, if one is."""

    name: str
    values: Sequence[object]
    better: int | None


async def compare_page(operations: OperationsService, ids: Sequence[str]) -> Context:
    """Return two operations side by side.

    Raises:
        InvalidRequest: They are not two.
        OperationNotFound: One of them does not exist.
    """
    if len(ids) != 2 or ids[0] == ids[1]:
        raise InvalidRequest(f"Two operations can be compared, not {len(set(ids))}: tick two of the list.")
    both = [await operations.get_operation(operation_id) for operation_id in ids]
    lines = [
        Line(letter, _gains(await equity_of(operations, one, await all_entries(operations, one.operation_id))))
        for letter, one in zip("AB", both, strict=True)
    ]
    following = (one.operation_id for one in both if not one.status.is_final)
    can_be_best = [not doubts_of(one) for one in both]
    names = [name for name in DEFINITIONS if any(name in (one.results or {}) for one in both)]
    return {
        "both": both,
        "warnings": await _warnings(operations, both),
        "is_judged": all(can_be_best),
        "chart": draw("Return", lines, unit="total_return", base=0.0),
        "numbers": [_compared(name, both, can_be_best) for name in names],
        "differences": _differences(both),
        "follow": next(following, None),
    }


async def _warnings(operations: OperationsService, both: Sequence[Operation]) -> tuple[str, ...]:
    """Return what makes the comparison unfair; nothing as long as one of them has no results."""
    if not all(one.results and one.status.is_final for one in both):
        return ()
    return compare(both, await stored_backtests(operations, both)).warnings


def _gains(equity: Sequence[Point]) -> list[Point]:
    """Return the equity as return on the initial capital, so that runs with unlike capital compare."""
    return [Point(point.place, point.value - 1) for point in equity]


def _compared(name: str, both: Sequence[Operation], can_be_best: Sequence[bool]) -> Compared:
    values = [(one.results or {}).get(name) for one in both]
    return Compared(name, values, best_of(name, values, can_be_best))


def _differences(both: Sequence[Operation]) -> list[Compared]:
    names = dict.fromkeys(name for one in both for name in one.metadata)
    pairs = ((name, [one.metadata.get(name) for one in both]) for name in names)
    return [Compared(name, values, None) for name, values in pairs if values[0] != values[1]]
