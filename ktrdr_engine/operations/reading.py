"""Looking up what is not running here: operations of earlier and of other processes, lists, histories, tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ktrdr_engine.errors import InvalidRequest, OperationConflict, OperationNotFound, nearest
from ktrdr_engine.operations.archive import Archive, Query, Stored
from ktrdr_engine.operations.endings import INTERRUPTED
from ktrdr_engine.operations.following import Following
from ktrdr_engine.operations.history import NO_HISTORY, FinishedHistory
from ktrdr_engine.operations.models import (
    Descriptions,
    Listed,
    MetricsPage,
    Operation,
    OperationPage,
    OperationSummary,
    OperationType,
    Table,
    TablePage,
    is_operation_id,
)
from ktrdr_engine.operations.records import Records
from ktrdr_engine.operations.tables import table_page
from ktrdr_engine.operations.transitions import Transitions

_LATEST = 5
_ID_SHOWN = 80
_NEARLY_THE_SAME = 0.9
_ELSEWHERE = "Runs in another process: its progress is not visible here."


class Reading:
    """Reads the archive, with what this process knows better laid over it."""

    def __init__(
        self,
        archive: Archive,
        records: Records,
        transitions: Transitions,
        following: Following,
        descriptions: Descriptions,
    ) -> None:
        self._archive = archive
        self._records = records
        self._transitions = transitions
        self._following = following
        self._descriptions = descriptions

    async def load(self, operation_id: str) -> Operation:
        """Return an operation that has no record here.

        Raises:
            OperationNotFound: There is none; the latest are named.
        """
        if not is_operation_id(operation_id):
            raise await self._missing(operation_id)
        return await self._shown(operation_id, await self._transitions.stored(self._archive.load, operation_id))

    async def request_cancel(self, operation_id: str, reason: str | None) -> Operation:
        """Ask the process that runs an operation to stop it; return what is known then.

        Raises:
            OperationNotFound: There is none; the latest are named.
            StorageError: The wish cannot be recorded.
        """
        if not is_operation_id(operation_id):
            raise await self._missing(operation_id)
        stored = await self._transitions.stored(self._archive.request_cancel, operation_id, reason)
        return await self._shown(operation_id, stored)

    async def _shown(self, operation_id: str, stored: Stored | None) -> Operation:
        """Return a stored operation as clients see it here; keep a finished one at hand.

        Raises:
            OperationNotFound: There is none.
        """
        if stored is None:
            raise await self._missing(operation_id)
        operation = stored.operation
        if stored.is_foreign:
            progress = operation.progress.model_copy(update={"message": _ELSEWHERE})
            return operation.model_copy(update={"stale": True, "progress": progress})
        if operation.status.is_final:
            self._records.remember(operation)
        return operation

    async def _missing(self, operation_id: str) -> OperationNotFound:
        """Return the error for an id that is not stored, with the ids that were probably meant."""
        latest = await self.page(Query(None, None, limit=_LATEST, offset=0))
        return not_found(operation_id, [row.operation_id for row in latest.operations])

    async def page(self, query: Query) -> OperationPage:
        """Return a list, newest first.

        Raises:
            InvalidRequest: The limit (1..500) or the offset is out of range.
        """
        if not 1 <= query.limit <= 500 or query.offset < 0:
            raise InvalidRequest(
                f"limit={query.limit}, offset={query.offset}: the limit is 1 to 500, the offset 0 or more.",
                details={"limit": query.limit, "offset": query.offset},
            )
        live = {record.operation_id: record.operation for record in self._records.live.values()}
        matching = {key for key, operation in live.items() if operation.status is query.status}
        rows, total = await self._transitions.stored(self._archive.page, query._replace(live=live, matching=matching))
        current = (Listed(live[key]) if (key := row.operation.operation_id) in live else row for row in rows)
        shown = tuple(self._summary(row) for row in current)
        return OperationPage(operations=shown, total=total, returned=len(shown))

    def _summary(self, row: Listed) -> OperationSummary:
        describe = self._descriptions.get(row.operation.operation_type)
        return row.operation.summary(row.headline, describe(row.operation.metadata) if describe else None)

    async def count_finished(self, operation_type: OperationType, metadata: Mapping[str, str]) -> int:
        """Return how many ended operations of a type have results and these values in their metadata."""
        return await self._transitions.stored(self._archive.count_finished, operation_type, metadata)

    async def metrics(self, operation: Operation, cursor: int, limit: int) -> MetricsPage:
        """Return history that is kept for an operation which does not run here."""
        found: FinishedHistory | None = None
        if operation.status.is_final:  # Before, another process may have kept a part; that must not be taken for all.
            found = await self._transitions.stored(self._archive.metrics, operation.operation_id)
        history = found or NO_HISTORY
        if cursor > history.last and operation.error is not None and operation.error.code == INTERRUPTED.code:
            # Given out by the process that was killed, after the last copy it made.
            return MetricsPage(metrics={}, new_cursor=cursor, has_more=False, dropped=0)
        return history.page(cursor, limit)

    async def table(self, operation: Operation, name: str, offset: int, limit: int) -> TablePage:
        """Return rows of a result table.

        Raises:
            OperationConflict: There is no such table, or not yet.
            InvalidRequest: The offset or the limit is out of range.
        """
        operation_id = operation.operation_id
        if (unsaved := self._unsaved(operation_id, name)) is not None:
            return table_page(unsaved, offset, limit)
        page = await self._transitions.stored(self._archive.table, operation_id, name, offset, limit)
        page = page or await self._following.table(operation, name, offset, limit)
        if page is None:
            raise _no_table(operation, name)
        return page

    async def columns(self, operation: Operation, name: str) -> Table:
        """Return a whole result table.

        Raises:
            OperationConflict: There is no such table, or not yet.
        """
        operation_id = operation.operation_id
        if (unsaved := self._unsaved(operation_id, name)) is not None:
            return unsaved
        columns = await self._transitions.stored(self._archive.columns, operation_id, name)
        if columns is None:
            columns = await self._following.columns(operation, name)
        if columns is None:
            raise _no_table(operation, name)
        return columns

    def _unsaved(self, operation_id: str, name: str) -> Table | None:
        record = self._records.live.get(operation_id)
        return record.unsaved.tables.get(name) if record is not None and record.unsaved is not None else None


def _no_table(operation: Operation, name: str) -> OperationConflict:
    when = "" if operation.status.is_final else " yet: tables are there once it has ended"
    return OperationConflict(
        f"{operation.operation_id} is {operation.status} and has no table {name!r}{when}.",
        details={"operation_id": operation.operation_id, "table": name},
    )


def not_found(operation_id: str, latest: Sequence[str] | None = None) -> OperationNotFound:
    """Return the error for an id that nothing is known about.

    Args:
        operation_id: The id.
        latest: Those of the latest operations, newest first; None: not looked up.
    """
    short = operation_id[:_ID_SHOWN]
    form = "" if is_operation_id(operation_id) else ": an id looks like 'op_backtest_20250103_k3v9x2m7qa'"
    # All ids of a kind and a day begin alike, so only what is nearly the same was meant.
    if meant := nearest(short, latest or (), limit=1, cutoff=_NEARLY_THE_SAME):
        hint = f" Did you mean {meant[0]!r}?"
    elif latest is None:
        hint = " List the operations to see what exists."
    else:
        hint = f" The latest are {', '.join(latest)}." if latest else " There are no operations yet."
    return OperationNotFound(
        f"No operation {short!r}{form}.{hint}",
        details={"operation_id": short, **({"latest": list(latest)} if latest else {})},
    )
