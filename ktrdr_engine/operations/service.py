"""The registry of operations: create, give work, conclude; and, inherited, all that clients may ask.

It knows no kind of work and no transport. Each thing it does has a module: `admission`, `runs`, `pulls`,
`transitions`, `reading`; the live state is in `records`, what outlives the process in an `Archive`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ktrdr_engine.errors import OperationConflict
from ktrdr_engine.operations.admission import Draft
from ktrdr_engine.operations.archive import WorkerLink
from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.cancellation import CancellationToken
from ktrdr_engine.operations.client_calls import ClientCalls
from ktrdr_engine.operations.endings import Ending
from ktrdr_engine.operations.models import (
    ErrorInfo,
    Execution,
    Operation,
    OperationStatus,
    OperationType,
    Outcome,
    Table,
)
from ktrdr_engine.operations.reading import not_found
from ktrdr_engine.operations.records import Record
from ktrdr_engine.operations.sources import LocalSource, RemoteProxy, RemoteSource

BridgeT = TypeVar("BridgeT", bound=ProgressBridge)


class OperationsService(ClientCalls):
    """All operations this process runs, and those it can read from the archive.

    Belongs to one event loop: only that loop's thread calls it. Enter it (`async with`) before running work.
    What it is made with: `Lifecycle`.
    """

    async def create_operation(
        self,
        operation_type: OperationType,
        metadata: Mapping[str, Any],
        *,
        kind_word: str | None = None,
        execution: Execution = "local",
        idempotency_key: str | None = None,
        fingerprint: str | None = None,
        link: WorkerLink | None = None,
    ) -> Operation:
        """Record a PENDING operation and return it.

        With an `idempotency_key` that was used before, return the operation it created then. `fingerprint` tells
        equal requests from different ones; by default it follows from the metadata. `link` says on which worker the
        work has been started already. `kind_word` stands in the id; by default it is the type's name.

        Raises:
            OperationConflict: The key was used for another request, or the service is closing.
            QueueFull: Too many operations wait.
            StorageError: The operation cannot be recorded.
            InvalidRequest: The metadata is not JSON, or the key is empty or too long.
        """
        draft = Draft(operation_type, kind_word or operation_type.lower(), metadata, execution, link)
        operation_id = await self._admission.admit(draft, idempotency_key, fingerprint)
        record = self._records.live.get(operation_id)
        if record is not None and not record.is_claimed:
            return record.operation
        return await self.get_operation(operation_id)

    async def find_repeat(self, idempotency_key: str, fingerprint: str) -> Operation | None:
        """Return the operation an idempotency key started before, in whichever process.

        Raises:
            OperationConflict: It was another request.
            InvalidRequest: The key is empty or too long.
        """
        earlier = await self._admission.find(idempotency_key, fingerprint)
        return await self.get_operation(earlier) if earlier else None

    def register_local_bridge(self, operation_id: str, bridge: ProgressBridge) -> None:
        """Say that work of this process reports on `bridge` and runs now.

        The caller runs the work and says `complete_operation` or `fail_operation`; `run_local` does all of it.

        Raises:
            OperationNotFound: This process has no such unfinished operation.
            OperationConflict: It was given work before.
        """
        record = self._claim(operation_id)
        record.source = LocalSource(bridge, record.token)
        bridge.touch()
        self._task_group().start_soon(self._transitions.begin, record)

    def register_remote_proxy(self, backend_operation_id: str, proxy: RemoteProxy, host_operation_id: str) -> None:
        """Say that the operation runs on a worker, under an id of its own there; its state follows the worker's.

        Raises:
            OperationNotFound: This process has no such unfinished operation.
            OperationConflict: It was given work before.
        """
        record = self._claim(host_operation_id)
        record.source = RemoteSource(proxy, backend_operation_id)
        self._task_group().start_soon(self._transitions.link, record, proxy.base_url, backend_operation_id)

    def run_local(
        self, operation_id: str, work: Callable[[BridgeT, CancellationToken], Outcome], bridge: BridgeT
    ) -> None:
        """Run `work(bridge, token)` in a thread as soon as there is a slot, and end the operation as it ends.

        Does nothing if the operation was given work before, or ended, or belongs to another process: so work runs
        at most once for an operation, however often a start is repeated.
        """
        record = self._records.live.get(operation_id)
        if record is None or record.is_claimed or record.is_final:
            return
        record.is_claimed = True
        record.source = LocalSource(bridge, record.token)
        self._task_group().start_soon(self._runs.run, record, bridge, lambda: work(bridge, record.token))

    def get_cancellation_token(self, operation_id: str) -> CancellationToken:
        """Return the operation's token: the same one for its whole life.

        Raises:
            OperationNotFound: This process does not know the operation.
        """
        if record := self._records.live.get(operation_id):
            return record.token
        if operation := self._records.finished.get(operation_id):
            return self._records.token_of_finished(operation)
        raise not_found(operation_id)

    async def complete_operation(
        self,
        operation_id: str,
        results: Mapping[str, Any],
        *,
        tables: Mapping[str, Table] | None = None,
        headline: str | None = None,
    ) -> Operation:
        """Say that the work is done; after a cancellation it ends CANCELLED, with the results marked partial.

        Raises:
            OperationNotFound: This process runs no such operation.
        """
        outcome = Outcome(results, tables or {}, headline)
        return await self._end(operation_id, Ending(OperationStatus.COMPLETED, outcome))

    async def fail_operation(self, operation_id: str, error: ErrorInfo) -> Operation:
        """Say that the work failed.

        Raises:
            OperationNotFound: This process runs no such operation.
        """
        return await self._end(operation_id, Ending(OperationStatus.FAILED, error=error))

    async def finish_cancelled(self, operation_id: str, partial: Outcome | None = None) -> Operation:
        """Say that the work stopped because it was asked to, with what it had so far.

        Raises:
            OperationNotFound: This process runs no such operation.
        """
        return await self._end(operation_id, Ending(OperationStatus.CANCELLED, partial))

    def _claim(self, operation_id: str) -> Record:
        record = self._records.live.get(operation_id)
        if record is None or record.is_final:
            raise not_found(operation_id)
        if record.is_claimed:
            raise OperationConflict(
                f"{operation_id} was given work before: create a new operation.",
                details={"operation_id": operation_id},
            )
        record.is_claimed = True
        return record

    async def _end(self, operation_id: str, ending: Ending) -> Operation:
        if record := self._records.live.get(operation_id):
            return await self._transitions.finish(record, ending)
        if operation := self._records.finished.get(operation_id):
            return operation
        raise not_found(operation_id)
