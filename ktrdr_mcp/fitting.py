"""Replies that stay under the size a model's context can bear, whatever the engine returns.

What does not fit is left for the next page, or for a resource; nothing disappears without a word. Neighbours:
`tools` fit what they return, `views` word it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pydantic import BaseModel

from ktrdr_engine.operations.models import MetricsPage, Operation, OperationPage
from ktrdr_mcp.failures import bounded

MAX_STRUCTURED_CHARACTERS = 17_500
_MAX_MESSAGE_CHARACTERS = 8_000


async def fitting_metrics(limit: int, read: Callable[[int], Awaitable[MetricsPage]]) -> MetricsPage:
    """Return the page of at most `limit` entries that fits; what is left over comes with the next cursor."""
    page = await read(limit)
    while (size := _size(page)) > MAX_STRUCTURED_CHARACTERS and limit > 1:
        limit = max(1, min(limit - 1, limit * MAX_STRUCTURED_CHARACTERS // size))
        page = await read(limit)
    return page


def fitting_page(page: OperationPage) -> OperationPage:
    """Return the page with the rows that fit; `returned` says how many, the offset reaches the others."""
    rows = page.operations
    while len(rows) > 1 and _size(page) > MAX_STRUCTURED_CHARACTERS:
        rows = rows[: len(rows) * 3 // 4]
        page = OperationPage(operations=rows, total=page.total, returned=len(rows))
    return page


def fitting_operation(operation: Operation) -> Operation:
    """Return the operation, its longest parts replaced by where to read them when it does not fit."""
    for shorten in (_shorter_error, _flatter_results, _results_elsewhere):
        if _size(operation) <= MAX_STRUCTURED_CHARACTERS:
            break
        operation = shorten(operation)
    return operation


def _shorter_error(operation: Operation) -> Operation:
    if operation.error is None:
        return operation
    message = bounded(operation.error.message, _MAX_MESSAGE_CHARACTERS)
    return operation.model_copy(
        update={"error": operation.error.model_copy(update={"message": message, "details": {}})}
    )


def _flatter_results(operation: Operation) -> Operation:
    flat = {name: value for name, value in (operation.results or {}).items() if not isinstance(value, dict | list)}
    return operation.model_copy(update={"results": flat or None})


def _results_elsewhere(operation: Operation) -> Operation:
    where = f"too long for a reply: read ktrdr://operations/{operation.operation_id}/results"
    return operation.model_copy(update={"results": {"notes": [where]}, "metadata": {}})


def _size(model: BaseModel) -> int:
    return len(model.model_dump_json())
