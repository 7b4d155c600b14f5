"""What clients may ask of operations, wherever those run: look, wait, read metrics and tables, cancel, list."""

from __future__ import annotations

from collections.abc import Mapping

from ktrdr_engine.errors import InvalidRequest
from ktrdr_engine.operations.archive import Query
from ktrdr_engine.operations.lifecycle import Lifecycle
from ktrdr_engine.operations.models import (
    MetricsPage,
    Operation,
    OperationPage,
    OperationStatus,
    OperationType,
    Table,
    TablePage,
)

_REASON_LENGTH = 500


class ClientCalls(Lifecycle):
    """The half of the service that knows nothing of threads and bridges."""

    async def get_operation(self, operation_id: str, force_refresh: bool = False, wait_seconds: float = 0) -> Operation:
        """Return the operation, at most the cache's time-to-live old.

        Args:
            operation_id: Which.
            force_refresh: Pull even if the known state is fresh.
            wait_seconds: Return as soon as the operation ends, at the latest after so long (0..25).

        Raises:
            OperationNotFound: There is none.
            InvalidRequest: The wait is out of range.
            StorageError: It is not one that runs here, and the store cannot be read.
        """
        if wait_seconds:
            _check_wait(wait_seconds)
        if (finished := self._records.finished.get(operation_id)) is not None:
            self._records.tally.cache_hits += 1
            return finished
        if (record := await self._following.find(operation_id)) is None:
            return await self._reading.load(operation_id)
        if wait_seconds:
            await self._pulls.wait(record, wait_seconds)
        if force_refresh or not self._pulls.is_fresh(record):
            await self._pulls.refresh(record, force_refresh=force_refresh)
        elif not wait_seconds:
            self._records.tally.cache_hits += 1
        return record.operation

    async def get_operation_metrics(self, operation_id: str, cursor: int = 0, limit: int = 50) -> MetricsPage:
        """Return metrics history after `cursor`: live while the operation runs, stored afterwards.

        Of work whose process was killed, what somebody read is there, but for the last seconds.

        Raises:
            OperationNotFound: There is no such operation.
            InvalidRequest: The cursor or the limit (1..500) is out of range.
        """
        record = await self._following.find(operation_id)
        if record is not None and record.source is not None:
            page = await record.source.metrics(cursor, limit)
            if page.new_cursor:
                await self._pulls.keep_history(record)
            return page
        if record is not None and record.unsaved is not None:
            return record.unsaved.history().page(cursor, limit)
        operation = await self.get_operation(operation_id)
        return await self._reading.metrics(operation, cursor, limit)

    async def get_operation_table(self, operation_id: str, name: str, offset: int = 0, limit: int = 100) -> TablePage:
        """Return rows of a result table, such as the trades.

        Raises:
            OperationNotFound: There is no such operation.
            OperationConflict: The operation has no such table, or not yet.
            WorkerUnavailable: The worker that has the table does not answer.
            InvalidRequest: The offset or the limit (1..10,000) is out of range.
        """
        return await self._reading.table(await self.get_operation(operation_id), name, offset, limit)

    async def get_operation_columns(self, operation_id: str, name: str) -> Table:
        """Return a whole result table as equally long columns.

        Numbers and stamps are arrays where the table is kept here; from a worker they are lists of plain values,
        undefined numbers None and stamps ISO-8601 UTC.

        Raises:
            OperationNotFound, OperationConflict, WorkerUnavailable: As `get_operation_table`.
        """
        return await self._reading.columns(await self.get_operation(operation_id), name)

    async def cancel_operation(self, operation_id: str, reason: str | None = None) -> Operation:
        """Ask an operation to stop and return it as it is then; a finished one is returned unchanged.

        An operation of another process gets the wish recorded; that process heeds it when it is next asked about
        the operation, at the latest when the work ends.

        Raises:
            OperationNotFound: There is no such operation.
            WorkerUnavailable: The worker that runs it did not answer; the wish is passed on with a later pull.
            StorageError: The wish for another process cannot be recorded.
        """
        reason = reason[:_REASON_LENGTH] if reason else None
        if (finished := self._records.finished.get(operation_id)) is not None:
            return finished
        if (record := await self._following.find(operation_id)) is None:
            return await self._reading.request_cancel(operation_id, reason)
        if not record.is_final:
            await self._pulls.cancel(record, reason)
        return record.operation

    async def list_operations(
        self,
        status: OperationStatus | None = None,
        operation_type: OperationType | None = None,
        limit: int = 20,
        offset: int = 0,
    ) -> OperationPage:
        """Return operations newest first, of this and of all other processes that share the archive.

        Raises:
            InvalidRequest: The limit (1..500) or the offset is out of range.
            StorageError: What is recorded cannot be read.
        """
        for record in self._records.unfinished_local():
            await self._pulls.glance(record)
        return await self._reading.page(Query(status, operation_type, limit, offset))

    async def count_finished(self, operation_type: OperationType, metadata: Mapping[str, str]) -> int:
        """Return how many ended operations of a type have results and these values in their metadata.

        Those of all processes that share the archive count, not only those of a page.
        """
        return await self._reading.count_finished(operation_type, metadata)


def _check_wait(wait_seconds: float) -> None:
    if not 0 <= wait_seconds <= 25:
        raise InvalidRequest(
            f"wait_seconds={wait_seconds} is out of range: 0 to 25.", details={"wait_seconds": str(wait_seconds)}
        )
