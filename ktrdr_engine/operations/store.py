"""Operations that outlive their process: an SQLite row each, and a folder of results.

Every change of status is written here, progress never. Nothing touches the disk before the first operation is
created or asked for. Neighbours: `database` and `rows`, `files`, `owners`.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from ktrdr_engine.errors import StorageError
from ktrdr_engine.operations import rows
from ktrdr_engine.operations.archive import Adopted, Artefacts, CancelRequest, KeyUse, Query, Stored, WorkerLink
from ktrdr_engine.operations.database import Database
from ktrdr_engine.operations.endings import interrupted
from ktrdr_engine.operations.files import ResultFiles
from ktrdr_engine.operations.history import FinishedHistory
from ktrdr_engine.operations.models import (
    Listed,
    Operation,
    OperationStatus,
    OperationType,
    Table,
    TablePage,
    utc_now,
)
from ktrdr_engine.operations.owners import Owner

logger = logging.getLogger(__name__)

_WAITING = (OperationStatus.PENDING,)
_AT_WORK = (*_WAITING, OperationStatus.RUNNING)
_UNFINISHED = (*_AT_WORK, OperationStatus.CANCELLING)
_HISTORIES_AT_HAND = 2


class OperationStore:
    """The durable archive of one home folder; any number of processes may share it.

    Guarantees:
        - A final status is never replaced, whichever process writes: every write is conditional on the row.
        - Files are complete before the row says that they exist.

    Args:
        home: KTRDR_HOME: holds `operations.db`, `results/` and `owners/`.
        now: The time of day, UTC.
    """

    def __init__(self, home: Path, *, now: Callable[[], datetime] = utc_now) -> None:
        self._database = Database(home / "operations.db", rows.SCHEMA, rows.VERSION)
        self._files = ResultFiles(home / "results")
        self._owner = Owner(home / "owners")
        self._now = now
        self._histories: OrderedDict[str, FinishedHistory] = OrderedDict()

    def create(
        self, operation: Operation, *, idempotency_key: str | None, fingerprint: str, link: WorkerLink | None = None
    ) -> str:
        """Record a new operation of this process; return its id, or that of the one the key started before."""
        owner = self._owner.claim()

        def insert(connection: sqlite3.Connection) -> str:
            if idempotency_key is not None and (use := rows.key_use(connection, idempotency_key)):
                return use.check(idempotency_key, fingerprint)
            rows.insert(connection, operation, owner, idempotency_key=idempotency_key, fingerprint=fingerprint)
            if link is not None:
                rows.link(connection, operation.operation_id, *link)
            return operation.operation_id

        recorded = self._database.write(insert)
        self._owner.keep_reserve()
        return recorded

    def find_key(self, key: str) -> KeyUse | None:
        """Return what the key was used for."""
        return self._database.read(lambda connection: rows.key_use(connection, key), None)

    def advance(self, operation: Operation, *, cancel_reason: str | None = None) -> Stored:
        """Record a step to RUNNING or CANCELLING, unless a later state is recorded."""
        earlier = _WAITING if operation.status is OperationStatus.RUNNING else _AT_WORK
        return self._put(operation, earlier, cancel_reason=cancel_reason)

    def finish(self, operation: Operation, artefacts: Artefacts, *, over_cancel: bool) -> Stored:
        """Record the end, files first, unless an end is recorded."""
        may_follow_cancelling = over_cancel or operation.status is not OperationStatus.COMPLETED
        earlier = _UNFINISHED if may_follow_cancelling else _AT_WORK
        if over_cancel:
            earlier = (*earlier, operation.status)  # as `note_end` left it
        found = self.load(operation.operation_id)
        if found is not None and found.operation.status not in earlier:
            return found
        history = artefacts.history()
        if operation.results is not None or history.last or artefacts.tables:
            self._files.write(operation.operation_id, operation.results, history, artefacts.tables)
        has_results = operation.results is not None
        return self._put(operation, earlier, headline=artefacts.headline, has_results=has_results)

    def note_end(self, operation: Operation, headline: str | None) -> None:
        """Record an end without its files; on a full disk in the room that was kept for it."""
        earlier = (*_UNFINISHED, operation.status)
        try:
            self._put(operation, earlier, headline=headline)
        except StorageError:
            self._owner.give_up_reserve()
            self._put(operation, earlier, headline=headline)

    def keep_history(self, operation_id: str, history: FinishedHistory) -> None:
        """Write the metrics there are to where those of a finished operation are."""
        self._files.write(operation_id, None, history, {})

    def link(self, operation_id: str, worker_url: str, remote_id: str) -> None:
        """Record on which worker, and under which id there, a remote operation runs."""
        self._database.write(lambda connection: rows.link(connection, operation_id, worker_url, remote_id))

    def find_link(self, operation_id: str) -> WorkerLink | None:
        """Return where a remote operation runs, or ran."""
        return self._database.read(lambda connection: rows.find_link(connection, operation_id), None)

    def adopt(self, operation_id: str) -> Adopted | None:
        """Take over an unfinished remote operation whose process has ended.

        One of a process that ended before it had recorded where the work runs cannot be followed: it is recorded
        as interrupted.
        """
        found = self._database.read(lambda connection: rows.remote_at_work(connection, operation_id), None)
        if found is None or not self._take(operation_id, found["owner"]):
            return None
        operation = _readable(found)
        if found["remote_id"] is None:
            self._put(interrupted(operation, self._now()), _UNFINISHED)
            return None
        return Adopted(operation, WorkerLink(found["worker_url"], found["remote_id"]), found["cancel_reason"])

    def _take(self, operation_id: str, owner: str) -> bool:
        """Become the owner in place of a dead one; return whether the operation is this process's now."""
        if owner == self._owner.owner_id:
            return True
        if not self._owner.is_dead(owner):
            return False
        ours = self._owner.claim()
        return self._database.write(lambda connection: rows.give_to(connection, operation_id, ours, owner))

    def request_cancel(self, operation_id: str, reason: str | None) -> Stored | None:
        """Ask the process that runs an operation to stop it; return what is recorded then."""
        found = self.load(operation_id)
        if found is None or not found.is_foreign:
            return found
        asked = found.operation.model_copy(update={"status": OperationStatus.CANCELLING, "updated_at": self._now()})
        return self._put(asked, _AT_WORK, cancel_reason=reason)

    def cancel_request(self, operation_id: str) -> CancelRequest | None:
        """Return the wish to cancel that is recorded for an unfinished operation."""
        return self._database.read_if_possible(lambda connection: rows.cancel_request(connection, operation_id), None)

    def change_stamp(self) -> tuple[int, int] | None:
        """Return what differs after any process has written; does not read the database."""
        return self._database.change_stamp()

    def load(self, operation_id: str) -> Stored | None:
        """Return what is recorded; an operation whose process died is recorded as interrupted first."""
        row = self._row(operation_id)
        if row is None:
            return None
        stored = self._stored(row)
        if stored.is_foreign and stored.operation.execution == "local" and self._owner.is_dead(row["owner"]):
            if not self._interrupt(row["owner"]):
                return Stored(interrupted(stored.operation, self._now()))
            stored = self._stored(self._row(operation_id) or row)
        return stored

    def page(self, query: Query) -> tuple[list[Listed], int]:
        """Return the newest matching rows; operations whose process died are recorded as interrupted first."""
        nobody: list[str] = []
        owners = self._database.read(rows.owners_at_work, nobody)
        dead = [owner for owner in owners if self._owner.is_dead(owner) and not self._interrupt(owner)]
        nothing: tuple[list[Listed], int] = ([], 0)
        return self._database.read(lambda connection: rows.page(connection, query, dead, self._now()), nothing)

    def count_finished(self, operation_type: OperationType, metadata: Mapping[str, str]) -> int:
        """Return how many ended operations have results and these values in their metadata."""
        return self._database.read_if_possible(
            lambda connection: rows.count_finished(connection, operation_type, metadata), 0
        )

    def metrics(self, operation_id: str) -> FinishedHistory | None:
        """Return the history kept beside a finished operation."""
        if (known := self._histories.get(operation_id)) is not None:
            return known
        history = self._files.history(operation_id)
        if history is not None:
            self._histories[operation_id] = history
            while len(self._histories) > _HISTORIES_AT_HAND:
                self._histories.popitem(last=False)
        return history

    def table(self, operation_id: str, name: str, offset: int, limit: int) -> TablePage | None:
        """Return rows of a table kept beside a finished operation."""
        return self._files.table(operation_id, name, offset, limit)

    def columns(self, operation_id: str, name: str) -> Table | None:
        """Return a whole table kept beside a finished operation."""
        return self._files.columns(operation_id, name)

    def close(self) -> None:
        """Close the database and let go of the process's lock."""
        self._database.close()
        self._owner.release()

    def _put(self, operation: Operation, earlier: Collection[OperationStatus], **changes: object) -> Stored:
        """Write a state over one of the `earlier` ones, or anew if the row is gone; return what is recorded."""
        owner = self._owner.claim()

        written = self._database.write(lambda connection: rows.put(connection, operation, owner, earlier, **changes))
        return self._stored(written)

    def _row(self, operation_id: str) -> sqlite3.Row | None:
        return self._database.read(lambda connection: rows.row(connection, operation_id), None)

    def _stored(self, row: sqlite3.Row) -> Stored:
        operation = _readable(row)
        if row["has_results"]:
            operation = self._with_results(operation)
        is_foreign = not operation.status.is_final and row["owner"] != self._owner.owner_id
        return Stored(operation, is_foreign, row["cancel_reason"])

    def _with_results(self, operation: Operation) -> Operation:
        results = self._files.results(operation.operation_id)
        if results is not None:
            return operation.model_copy(update={"results": results})
        lost = f"results/{operation.operation_id}/results.json is gone or damaged: start the operation again."
        return operation.model_copy(update={"warnings": (*operation.warnings, lost)})

    def _interrupt(self, owner: str) -> bool:
        """Fail what a dead process left unfinished; its remote operations go on without it.

        Return whether that is recorded: on a full or read-only disk it can only be said.
        """
        now = self._now()
        try:
            self._database.write(lambda connection: rows.interrupt(connection, owner, now))
        except StorageError as error:
            logger.warning("Operations of an ended process cannot be recorded as interrupted: %s", error.message)
            return False
        return True


def _readable(row: sqlite3.Row) -> Operation:
    try:
        return Operation.model_validate_json(row["operation"])
    except ValidationError as error:
        raise StorageError(f"{rows.UNREADABLE} ({error.error_count()} mistakes in its row.)") from None
