"""Replies that stay under the size a model's context can bear, whatever the engine returns.

What does not fit is left for the next page, or for a resource; nothing disappears without a word. Neighbours:
`tools` fit what they return, `views` word it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import BaseModel

from ktrdr_engine.operations.models import ErrorInfo, MetricsPage, Operation, OperationPage, OperationSummary
from ktrdr_mcp.failures import bounded
from ktrdr_mcp.views import MAX_TEXT_BYTES, metrics_bytes

ModelT = TypeVar("ModelT", bound=BaseModel)

MAX_STRUCTURED_BYTES = 17_000
_ERROR_BYTES = 8_000
_LINE_BYTES = 400
_WARNINGS = 5


async def fitting_metrics(limit: int, operation_id: str, read: Callable[[int], Awaitable[MetricsPage]]) -> MetricsPage:
    """Return the page of at most `limit` entries that fits both halves; what is left over comes with the next cursor.

    An entry that fits no reply at all counts as dropped.
    """
    page = await read(limit)
    while (excess := _excess(operation_id, page)) > 1 and limit > 1:
        entries = sum(len(rows) for rows in page.metrics.values())
        limit = max(1, min(limit - 1, entries - 1, int(entries / excess)))
        page = await read(limit)
    if _size(page) <= MAX_STRUCTURED_BYTES:
        return page
    return MetricsPage(metrics={}, new_cursor=page.new_cursor, has_more=page.has_more, dropped=page.dropped + 1)


def _excess(operation_id: str, page: MetricsPage) -> float:
    """Return by how much the longer half of a reply is larger than it may be."""
    return max(_size(page) / MAX_STRUCTURED_BYTES, metrics_bytes(operation_id, page) / MAX_TEXT_BYTES)


def fitting_page(page: OperationPage) -> OperationPage:
    """Return the page with the rows that fit; `returned` says how many, the offset reaches the others."""
    if _size(page) <= MAX_STRUCTURED_BYTES:
        return page
    rows = tuple(_shorter_row(row) for row in page.operations)
    page = page.model_copy(update={"operations": rows})
    while len(rows) > 1 and _size(page) > MAX_STRUCTURED_BYTES:
        rows = rows[: len(rows) * 3 // 4]
        page = OperationPage(operations=rows, total=page.total, returned=len(rows))
    return page


def fitting_rows(page: ModelT, field: str) -> ModelT:
    """Return the page with as many of the rows in `field` as fit; `returned`, if it has one, counts them."""
    while len(rows := getattr(page, field)) > 1 and _size(page) > MAX_STRUCTURED_BYTES:
        rows = rows[: len(rows) * 3 // 4]
        counted = {"returned": len(rows)} if "returned" in type(page).model_fields else {}
        page = page.model_copy(update={field: rows, **counted})
    return page


def fitting_operation(operation: Operation) -> Operation:
    """Return the operation, its longest parts replaced by where to read them when it does not fit."""
    for shorten in (_shorter_words, _flatter_results, _results_elsewhere, _bare):
        if _size(operation) <= MAX_STRUCTURED_BYTES:
            break
        operation = shorten(operation)
    return operation


def _shorter_row(row: OperationSummary) -> OperationSummary:
    headline = row.headline and bounded(row.headline, _LINE_BYTES)
    about = {name: bounded(text, _LINE_BYTES) for name, text in row.about.items()}
    return row.model_copy(update={"message": bounded(row.message, _LINE_BYTES), "headline": headline, "about": about})


def _shorter_words(operation: Operation, error_bytes: int = _ERROR_BYTES) -> Operation:
    warnings = tuple(bounded(warning, _LINE_BYTES) for warning in operation.warnings[:_WARNINGS])
    if left_out := len(operation.warnings) - len(warnings):
        warnings = (*warnings, f"... {left_out} more warnings")
    progress = operation.progress.model_copy(update={"message": bounded(operation.progress.message, _LINE_BYTES)})
    error = operation.error and ErrorInfo(
        code=operation.error.code, message=bounded(operation.error.message, error_bytes)
    )
    return operation.model_copy(update={"progress": progress, "warnings": warnings, "error": error})


def _flatter_results(operation: Operation) -> Operation:
    flat = {name: value for name, value in (operation.results or {}).items() if not isinstance(value, dict | list)}
    return operation.model_copy(update={"results": flat or None})


def _results_elsewhere(operation: Operation) -> Operation:
    if operation.results is None:
        return operation
    where = f"too long for a reply: read ktrdr://operations/{operation.operation_id}/results"
    return operation.model_copy(update={"results": {"notes": [where]}, "metadata": {}})


def _bare(operation: Operation) -> Operation:
    progress = operation.progress.model_copy(update={"context": {}})
    return _shorter_words(operation.model_copy(update={"progress": progress, "metadata": {}}), _LINE_BYTES)


def _size(model: BaseModel) -> int:
    return len(model.model_dump_json().encode())
