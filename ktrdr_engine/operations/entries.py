"""All that an operation has told so far, read page by page as any client would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ktrdr_engine.operations.service import OperationsService

Entries = dict[str, list[dict[str, Any]]]

_AT_ONCE: Final = 500


async def all_entries(operations: OperationsService, operation_id: str) -> Entries:
    """Return the metrics of an operation by bucket, oldest first, without those that were thinned out.

    Raises:
        OperationNotFound: There is none.
        WorkerUnavailable: The worker that has them does not answer.
        StorageError: What is kept of them cannot be read.
    """
    entries: Entries = {}
    cursor, has_more = 0, True
    while has_more:
        page = await operations.get_operation_metrics(operation_id, cursor=cursor, limit=_AT_ONCE)
        for bucket, found in page.metrics.items():
            entries.setdefault(bucket, []).extend(found)
        cursor, has_more = page.new_cursor, page.has_more
    return entries
