"""Views: what the engine returns, as a few lines a model can read and act on.

Context and results are shown as the names and values they carry, whatever the kind of operation. Every text ends with
what to call next. Sizes: a text stays under 2 KB, text and structured content together under 20 KB.
Neighbours: `tools` and `demo` call these; the structured content is the engine's own model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel

from ktrdr_engine.number_format import plain
from ktrdr_engine.operations.models import (
    MetricsPage,
    Operation,
    OperationPage,
    OperationStatus,
    OperationSummary,
    OperationType,
)
from ktrdr_mcp.failures import NEXT_STEP, bounded, wire_bytes

MAX_REPLY_BYTES = 20_000
_MAX_BODY_BYTES = 1_600
_LINE_WIDTH = 110
_HEAD_ROWS, _TAIL_ROWS = 3, 5
_MESSAGE_WIDTH = 400
_ROW_WIDTH = 80
_SUBJECT_WIDTH = 160


def reply(text: str, model: BaseModel) -> CallToolResult:
    """Return the reply of a tool: one text block, and the model as structured content."""
    return CallToolResult(
        content=[TextContent(type="text", text=text)], structured_content=model.model_dump(mode="json")
    )


def operation_text(operation: Operation) -> str:
    """Return an operation as text: state, context, results or error, notes, the next step."""
    return text_of(_operation_lines(operation), _next_step(operation))


def cancelled_text(operation: Operation) -> str:
    """Return what a cancel call achieved."""
    done = {
        OperationStatus.CANCELLED: "is cancelled",
        OperationStatus.CANCELLING: "is stopping",
    }.get(operation.status, f"had already ended {operation.status}: nothing was cancelled")
    first = f"{operation.operation_id} {done}."
    return text_of([first, *_operation_lines(operation)], _next_step(operation))


def metrics_text(operation_id: str, page: MetricsPage) -> str:
    """Return a page of metrics as small tables, one a bucket, and where to read on."""
    rows = sum(len(bucket) for bucket in page.metrics.values())
    way_on = f"get_metrics(operation_id={operation_id!r}, cursor={page.new_cursor})"
    return text_of(
        [
            f"{rows} entries, new_cursor={page.new_cursor}, has_more={word(page.has_more)}, dropped={page.dropped}",
            *(line for name, bucket in page.metrics.items() if bucket for line in _bucket_lines(name, bucket)),
        ],
        f"{way_on} reads on from here." if page.has_more else f"{way_on} later, for what is new by then.",
    )


def operations_text(page: OperationPage, offset: int) -> str:
    """Return a page of operations as lines, newest first, and how to see the others."""
    if not page.operations:
        return text_of([f"No operations here (total {page.total})."], "start_backtest starts one.")
    after = offset + page.returned
    more = f"list_operations(offset={after}) shows older ones; " if after < page.total else ""
    return text_of(
        [f"{page.returned} of {page.total} operations, newest first", *map(_operation_row, page.operations)],
        f"{more}get_operation(operation_id=...) shows one.",
    )


def readable_page(page: OperationPage) -> OperationPage:
    """Return the page with as many rows as its text has room for, at least one; `returned` counts them."""
    room = _MAX_BODY_BYTES - wire_bytes("500 of 1000000000 operations, newest first\n")
    shown: list[OperationSummary] = []
    for row in page.operations:
        room -= wire_bytes(f"{_operation_row(row)}\n")
        if room < 0 and shown:
            break
        shown.append(row)
    return page.model_copy(update={"operations": tuple(shown), "returned": len(shown)})


def _operation_row(row: OperationSummary) -> str:
    far = "" if row.status.is_final else f" {row.percentage:.0f} %"
    outcome = bounded(row.headline or row.message, _ROW_WIDTH)
    return "  ".join(
        part for part in (row.operation_id, f"{row.status}{far}", bounded(row.subject, _SUBJECT_WIDTH), outcome) if part
    )


def text_of(lines: Iterable[str], way_on: str, most_bytes: int = _MAX_BODY_BYTES) -> str:
    """Return the lines, bounded, and the next step."""
    return f"{bounded(chr(10).join(lines), most_bytes)}{NEXT_STEP}{way_on}"


def _operation_lines(operation: Operation) -> Iterator[str]:
    yield _headline(operation)
    yield from _pairs_lines({} if operation.results else operation.progress.context)
    yield from _results_lines(operation.results or {})
    yield from (f"warning: {bounded(warning, _MESSAGE_WIDTH)}" for warning in operation.warnings)


def _headline(operation: Operation) -> str:
    progress = operation.progress
    under_way = progress.total_steps and not operation.status.is_final
    steps = f", step {progress.current_step} of {progress.total_steps}" if under_way else ""
    stale = f" (stale: as of {operation.updated_at:%Y-%m-%dT%H:%M:%SZ})" if operation.stale else ""
    state = f"{operation.operation_id} {operation.status}{stale} {progress.percentage:.1f} %{steps}"
    if operation.error:
        return f"{state}\nError {operation.error.code}: {bounded(operation.error.message, _MESSAGE_WIDTH)}"
    return f"{state}. {bounded(progress.message, _MESSAGE_WIDTH)}" if progress.message else state


def _next_step(operation: Operation) -> str:
    this = f"operation_id={operation.operation_id!r}"
    if operation.status is OperationStatus.CANCELLING:
        return f"get_operation({this}, wait_seconds=20) waits until it has stopped."
    if not operation.status.is_final:
        return (
            f"get_operation({this}, wait_seconds=20) waits for the end; "
            f"get_metrics({this}) shows the run so far; cancel({this}) stops it."
        )
    if operation.status is OperationStatus.FAILED:
        return f"{_start(operation)} again once the cause is repaired; list_operations shows the others."
    if operation.results:
        return _AFTER_RESULTS.get(operation.operation_type, _after_any)(operation)
    return f"{_start(operation)} again if it is still wanted; list_operations shows the others."


def _start(operation: Operation) -> str:
    tool = _STARTS.get(operation.operation_type)
    return f"{tool}(...)" if tool else "start it"


def _after_any(operation: Operation) -> str:
    this = f"operation_id={operation.operation_id!r}"
    return f"get_metrics({this}) for the history; resource ktrdr://operations/{operation.operation_id}/results for all."


def _after_backtest(operation: Operation) -> str:
    this = f"operation_id={operation.operation_id!r}"
    resource = f"ktrdr://operations/{operation.operation_id}/trades"
    return (
        f"plot_operation({this}) draws it; get_metrics({this}) for the history; resource {resource} for the trades, "
        "also /equity, /results and /report.html."
    )


def _after_training(operation: Operation) -> str:
    told = {**operation.metadata, **(operation.results or {})}
    given = ", ".join(f"{name}={told.get(name)!r}" for name in ("strategy_config_path", "model_path"))
    return (
        f"start_backtest({given}, ...) tries the model on bars after {told.get('end_date')}; "
        f"get_metrics(operation_id={operation.operation_id!r}) shows the epochs."
    )


def _after_load(operation: Operation) -> str:
    told = operation.results or {}
    if told.get("partial"):
        return "load_data(...) with the same arguments goes on from there; list_datasets() shows what there is."
    given = ", ".join(f"{name}={told.get(name)!r}" for name in ("symbol", "timeframe"))
    return f"start_backtest({given}, ...) or start_training(...) on these bars; list_datasets() shows all there are."


_AFTER_RESULTS: Final[dict[OperationType, Callable[[Operation], str]]] = {
    OperationType.BACKTESTING: _after_backtest,
    OperationType.TRAINING: _after_training,
    OperationType.DATA_LOADING: _after_load,
}
"""What to call next when there are results, by what was done."""

_STARTS: Final = {
    OperationType.BACKTESTING: "start_backtest",
    OperationType.TRAINING: "start_training",
    OperationType.DATA_LOADING: "load_data",
}
"""The tool that starts each kind; everything else here knows no kind."""


def _results_lines(results: Mapping[str, Any]) -> Iterator[str]:
    if results.get("partial"):
        yield "Partial results, up to where it was stopped:"
    scalars = {name: value for name, value in results.items() if name != "partial" and not _is_nested(value)}
    yield from _pairs_lines({name: value for name, value in scalars.items() if value is not None})
    if undefined := [name for name, value in scalars.items() if value is None]:
        yield f"undefined: {', '.join(undefined)}"
    yield from (f"note: {note}" for note in results.get("notes", ()))


def _pairs_lines(values: Mapping[str, Any]) -> Iterator[str]:
    line = ""
    for name, value in values.items():
        pair = f"{name}={word(value)}"
        if line and len(line) + len(pair) + 2 > _LINE_WIDTH:
            yield line
            line = ""
        line = f"{line}  {pair}" if line else pair
    if line:
        yield line


def _bucket_lines(name: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    columns = list(rows[0])
    yield f"{name} ({len(rows)}): {' | '.join(columns)}"
    if len(rows) <= _HEAD_ROWS + _TAIL_ROWS:
        yield from _table_rows(rows, columns)
        return
    yield from _table_rows(rows[:_HEAD_ROWS], columns)
    yield f"... {len(rows) - _HEAD_ROWS - _TAIL_ROWS} rows between, in the structured content"
    yield from _table_rows(rows[-_TAIL_ROWS:], columns)


def _table_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[str]:
    yield from (" | ".join(word(row.get(column)) for column in columns) for row in rows)


def _is_nested(value: object) -> bool:
    return isinstance(value, dict | list | tuple)


def word(value: object) -> str:
    """Return a value as it is shown in a text: short numbers, null, true and false as in JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return plain(value)
    return "null" if value is None else str(value)
