"""Remote operations this process did not start itself: followed on from a process that ended, and their tables.

Asked by `client_calls`; what a followed operation's state is pulled from is a `RemoteSource` like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ktrdr_engine.errors import InvalidRequest, OperationConflict, OperationNotFound, WorkerDefect
from ktrdr_engine.operations.archive import Adopted, Archive, CancelRequest
from ktrdr_engine.operations.models import Operation, OperationStatus, TablePage
from ktrdr_engine.operations.records import Record, Records
from ktrdr_engine.operations.sources import RemoteProxy, RemoteSource
from ktrdr_engine.operations.transitions import Transitions

_ROWS_IN_A_PAGE: Final = 10_000
_MOST_ROWS: Final = 10_000_000

Connect = Callable[[str], RemoteProxy]
"""Returns the connection to the worker at an address."""


class Following:
    """Finds the worker of an operation again, by what is recorded.

    Args:
        connect: None: this process follows nothing that it did not start.
    """

    def __init__(self, archive: Archive, records: Records, transitions: Transitions, connect: Connect | None) -> None:
        self._archive = archive
        self._records = records
        self._transitions = transitions
        self._connect = connect

    async def find(self, operation_id: str) -> Record | None:
        """Return the operation's record; if a process that ended left a remote one behind, take it over first.

        Raises:
            StorageError: What is recorded cannot be read.
        """
        known = self._records.live.get(operation_id)
        if known is not None or self._connect is None or operation_id in self._records.finished:
            return known
        adopted = await self._transitions.stored(self._archive.adopt, operation_id)
        # Another reader may have been quicker meanwhile.
        return self._records.live.get(operation_id) or (self._follow(adopted, self._connect) if adopted else None)

    async def columns(self, operation: Operation, name: str) -> dict[str, list[Any]] | None:
        """Return a whole table that only the worker has, page by page; None as for `table`.

        Raises:
            WorkerUnavailable: The worker does not answer, or not with one table.
        """
        page = await self.table(operation, name, 0, _ROWS_IN_A_PAGE)
        if page is None:
            return None
        columns: dict[str, list[Any]] = {column: [] for column in (page.rows[0] if page.rows else ())}
        while page is not None and page.rows:
            if page.rows[0].keys() != columns.keys() or page.total > _MOST_ROWS:
                raise WorkerDefect(
                    f"The worker of {operation.operation_id} sent {page.total} rows of table {name!r} with columns "
                    "that change, or more than can be read: run it again on a worker of the same version."
                )
            for column, values in columns.items():
                values += [row[column] for row in page.rows]
            read = page.offset + page.returned
            page = await self.table(operation, name, read, _ROWS_IN_A_PAGE) if read < page.total else None
        return columns

    async def table(self, operation: Operation, name: str, offset: int, limit: int) -> TablePage | None:
        """Return rows of a table that only the worker has; None for a local operation, or one it knows no more of.

        Raises:
            WorkerUnavailable: The worker does not answer.
            InvalidRequest: The offset or the limit is out of range.
        """
        if operation.execution == "local" or self._connect is None:
            return None
        link = await self._transitions.stored(self._archive.find_link, operation.operation_id)
        if link is None:
            return None
        try:
            return await self._connect(link.worker_url).get_table(link.remote_id, name, offset, limit)
        except (OperationNotFound, OperationConflict):
            return None

    def _follow(self, adopted: Adopted, connect: Connect) -> Record | None:
        try:
            proxy = connect(adopted.link.worker_url)
        except InvalidRequest:
            return None
        record = Record(adopted.operation, source=RemoteSource(proxy, adopted.link.remote_id), is_claimed=True)
        if adopted.operation.status is OperationStatus.CANCELLING:
            record.unheard = CancelRequest(adopted.cancel_reason)
        self._records.add(record)
        return record
