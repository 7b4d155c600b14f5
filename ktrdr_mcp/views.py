"""Views: what the engine returns, as a few lines a model can read and act on.

Context and results are shown as the names and values they carry, whatever the kind of operation. Every text ends with
what to call next. Sizes: a text stays under 2 KB, text and structured content together under 20 KB.
Neighbours: `tools` and `demo` call these; the structured content is the engine's own model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from ktrdr_engine.number_format import plain
from ktrdr_engine.operations.models import (
    MetricsPage,
    Operation,
    OperationPage,
    OperationStatus,
    OperationSummary,
)
from ktrdr_mcp.failures import NEXT_STEP, bounded, wire_bytes
from ktrdr_mcp.following import after, waiting
from ktrdr_mcp.replies import Call

ModelT = TypeVar("ModelT", bound=BaseModel)

MAX_REPLY_BYTES = 20_000
MAX_TEXT_BYTES = 2_040  # 2 KB, and some room
_NOTE_BYTES = 40  # of how much was cut off
_MAX_BODY_BYTES = 1_600
_LINE_WIDTH = 110
_MESSAGE_WIDTH = 400
_ROW_WIDTH = 80
_CELL_WIDTH = 120
_WHOLE_MINUTE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:00Z")
_SUBJECT_WIDTH = 160


def operation_text(operation: Operation) -> str:
    """Return an operation as text: state, context, results or error, notes, the next step."""
    return text_of(_operation_lines(operation), after(operation).words)


def cancelled_text(operation: Operation) -> str:
    """Return what a cancel call achieved."""
    done = {
        OperationStatus.CANCELLED: "is cancelled",
        OperationStatus.CANCELLING: "is stopping",
    }.get(operation.status, f"had already ended {operation.status}: nothing was cancelled")
    first = f"{operation.operation_id} {done}."
    return text_of([first, *_operation_lines(operation)], after(operation).words)


def metrics_text(operation_id: str, page: MetricsPage) -> str:
    """Return a page of metrics as small tables, one a bucket, and where to read on."""
    way_on = _reads_on(operation_id, page)
    tables = _tables(page)
    room = MAX_TEXT_BYTES - wire_bytes(way_on)
    return f"{tables if wire_bytes(tables) <= room else bounded(tables, room - _NOTE_BYTES)}{way_on}"


def metrics_bytes(operation_id: str, page: MetricsPage) -> int:
    """Return how long the text of a page of metrics would have to be to hold all of it."""
    return wire_bytes(_tables(page) + _reads_on(operation_id, page))


def _tables(page: MetricsPage) -> str:
    rows = sum(len(bucket) for bucket in page.metrics.values())
    head = f"{rows} entries, new_cursor={page.new_cursor}, has_more={word(page.has_more)}, dropped={page.dropped}"
    tables = (line for name, bucket in page.metrics.items() if bucket for line in _bucket_lines(name, bucket))
    return "\n".join([head, *tables])


def _reads_on(operation_id: str, page: MetricsPage) -> str:
    more = Call.of("get_metrics", operation_id=operation_id, cursor=page.new_cursor)
    if page.has_more:
        return f"{NEXT_STEP}{more} reads on from here."
    return f"{NEXT_STEP}{waiting(operation_id)} shows where it stands; {more} later, for what is new by then."


def operations_text(page: OperationPage, following: Call | None) -> str:
    """Return a page of operations as lines, newest first, and how to see the others.

    Args:
        page: The rows.
        following: The call that reads the next page; None: this is the last.
    """
    if not page.operations:
        return text_of([f"No operations here (total {page.total})."], "start_backtest starts one.")
    more = f"{following} shows older ones; " if following else ""
    return text_of(
        [f"{page.returned} of {page.total} operations, newest first", *map(operation_line, page.operations)],
        f"{more}get_operation(operation_id=...) shows one.",
    )


def readable(page: ModelT, field: str, line: Callable[[Any], str]) -> ModelT:
    """Return the page with as many rows as its text has room for, at least one; its `returned` counts them.

    Args:
        page: A page of a list.
        field: The name of its rows.
        line: What writes a row as a line.
    """
    room = _MAX_BODY_BYTES - wire_bytes("500 of 1000000000 operations, newest first\n")
    rows = getattr(page, field)
    shown: list[Any] = []
    for row in rows:
        room -= wire_bytes(f"{line(row)}\n")
        if room < 0 and shown:
            break
        shown.append(row)
    if len(shown) == len(rows):
        return page
    return page.model_copy(update={field: tuple(shown), "returned": len(shown)})


def operation_line(row: OperationSummary) -> str:
    """Return an operation of a list in one line."""
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
    columns = list(dict.fromkeys(column for row in rows for column in row))
    yield f"{name} ({len(rows)}): {'|'.join(columns)}"
    yield from ("|".join(_cell(row.get(column)) for column in columns) for row in rows)


def _cell(value: object) -> str:
    """Return a value of a table; of a time without seconds only what says something."""
    text = bounded(word(value), _CELL_WIDTH)
    return text.replace(":00Z", "Z") if _WHOLE_MINUTE.fullmatch(text) else text


def _is_nested(value: object) -> bool:
    return isinstance(value, dict | list | tuple)


def word(value: object) -> str:
    """Return a value as it is shown in a text: short numbers, null, true and false as in JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return plain(value)
    return "null" if value is None else str(value)
