"""The table of operations: its columns, and every statement that is run on it.

Functions of a connection, each to be called inside a transaction of `database`. When to call them: `store`.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime

from pydantic import ValidationError

from ktrdr_engine.operations.archive import CancelRequest, KeyUse, Query, WorkerLink
from ktrdr_engine.operations.endings import interrupted
from ktrdr_engine.operations.models import FINAL_STATUSES, Listed, Operation, OperationStatus, Progress
from ktrdr_engine.operations.tables import MAX_OFFSET

logger = logging.getLogger(__name__)

UNREADABLE = "What is recorded of this operation cannot be read: start it again."
_FINAL = ", ".join(f"'{status}'" for status in sorted(FINAL_STATUSES))
VERSION = 1
SCHEMA = f"""CREATE TABLE operations (
    operation_id TEXT PRIMARY KEY,
    operation_type TEXT NOT NULL,
    status TEXT NOT NULL,
    owner TEXT NOT NULL,
    execution TEXT NOT NULL,
    created_at TEXT NOT NULL,
    headline TEXT,
    has_results INTEGER NOT NULL DEFAULT 0,
    idempotency_key TEXT UNIQUE,
    fingerprint TEXT,
    worker_url TEXT,
    remote_id TEXT,
    cancel_reason TEXT,
    operation TEXT NOT NULL
);
CREATE INDEX by_age ON operations (created_at, operation_id);
CREATE INDEX unfinished ON operations (owner) WHERE status NOT IN ({_FINAL})
"""
# What runs here is listed as it is in memory, which may be ahead of its row.
_STATUS_MATCHES = """
:status IS NULL
OR (status=:status AND operation_id NOT IN (SELECT value FROM json_each(:live)))
OR operation_id IN (SELECT value FROM json_each(:matching))
"""


def insert(connection: sqlite3.Connection, operation: Operation, owner: str, **more: object) -> None:
    """Add a row, with the columns in `more` besides those of the operation."""
    values = {**_columns(operation), "owner": owner, **more}
    connection.execute(_insert(values), values)


def put(
    connection: sqlite3.Connection,
    operation: Operation,
    owner: str,
    earlier: Collection[OperationStatus],
    **changes: object,
) -> sqlite3.Row:
    """Write a state over one of the `earlier` ones, or anew if the row is gone; return the row as it is then."""
    values = {**_columns(operation), "owner": owner, **changes}
    updates = ", ".join(f"{name}=excluded.{name}" for name in values if name not in ("operation_id", "owner"))
    allowed = ", ".join(f"'{status}'" for status in earlier)
    connection.execute(
        f"{_insert(values)} ON CONFLICT (operation_id) DO UPDATE SET {updates} WHERE status IN ({allowed})", values
    )
    written = row(connection, operation.operation_id)
    assert written is not None
    return written


def link(connection: sqlite3.Connection, operation_id: str, worker_url: str, remote_id: str) -> None:
    """Say where a remote operation runs."""
    connection.execute(
        "UPDATE operations SET worker_url=?, remote_id=? WHERE operation_id=?", (worker_url, remote_id, operation_id)
    )


def find_link(connection: sqlite3.Connection, operation_id: str) -> WorkerLink | None:
    """Return where a remote operation runs, or ran."""
    found = connection.execute(
        "SELECT worker_url, remote_id FROM operations WHERE operation_id=? AND remote_id IS NOT NULL", (operation_id,)
    ).fetchone()
    return WorkerLink(*found) if found else None


def remote_at_work(connection: sqlite3.Connection, operation_id: str) -> sqlite3.Row | None:
    """Return owner, operation, worker_url, remote_id and cancel_reason of an unfinished remote operation."""
    found: sqlite3.Row | None = connection.execute(
        "SELECT owner, operation, worker_url, remote_id, cancel_reason FROM operations"
        f" WHERE operation_id=? AND execution='remote' AND status NOT IN ({_FINAL})",
        (operation_id,),
    ).fetchone()
    return found


def give_to(connection: sqlite3.Connection, operation_id: str, owner: str, before: str) -> bool:
    """Change the owner of an operation, if it is still `before`; return whether it was."""
    changed = connection.execute(
        "UPDATE operations SET owner=? WHERE operation_id=? AND owner=?", (owner, operation_id, before)
    )
    return changed.rowcount == 1


def row(connection: sqlite3.Connection, operation_id: str) -> sqlite3.Row | None:
    """Return operation, owner, has_results and cancel_reason."""
    found: sqlite3.Row | None = connection.execute(
        "SELECT operation, owner, has_results, cancel_reason FROM operations WHERE operation_id=?", (operation_id,)
    ).fetchone()
    return found


def key_use(connection: sqlite3.Connection, key: str) -> KeyUse | None:
    """Return what an idempotency key was used for."""
    found = connection.execute(
        "SELECT operation_id, fingerprint FROM operations WHERE idempotency_key=?", (key,)
    ).fetchone()
    return KeyUse(*found) if found else None


def cancel_request(connection: sqlite3.Connection, operation_id: str) -> CancelRequest | None:
    """Return the wish to cancel that is recorded for an unfinished operation."""
    found = connection.execute(
        "SELECT cancel_reason FROM operations WHERE operation_id=? AND status='CANCELLING'", (operation_id,)
    ).fetchone()
    return CancelRequest(found[0]) if found else None


def owners_at_work(connection: sqlite3.Connection) -> list[str]:
    """Return who has unfinished local operations."""
    found = connection.execute(
        f"SELECT DISTINCT owner FROM operations WHERE execution='local' AND status NOT IN ({_FINAL})"
    )
    return [owner for (owner,) in found]


def page(
    connection: sqlite3.Connection, query: Query, dead: Collection[str], now: datetime
) -> tuple[list[Listed], int]:
    """Return the rows a query asks for, and how many match in all.

    Unfinished local operations of the owners in `dead` are shown as interrupted, where that could not be recorded.
    """
    where = f"WHERE (:type IS NULL OR operation_type=:type) AND ({_STATUS_MATCHES})"
    values = {
        "type": query.operation_type,
        "status": query.status,
        "live": json.dumps(sorted(query.live)),
        "matching": json.dumps(sorted(query.matching)),
        "limit": query.limit,
        "offset": min(query.offset, MAX_OFFSET),
    }
    total = connection.execute(f"SELECT COUNT(*) FROM operations {where}", values).fetchone()[0]
    found = connection.execute(
        "SELECT operation, headline, operation_id, operation_type, status, created_at, owner FROM operations"
        f" {where}"
        " ORDER BY created_at DESC, operation_id DESC LIMIT :limit OFFSET :offset",
        values,
    )
    listed = [(_listed(row), row["owner"] in dead) for row in found]
    return [_said_of_dead(one, now) if is_dead else one for one, is_dead in listed if one is not None], total


def _said_of_dead(listed: Listed, now: datetime) -> Listed:
    operation = listed.operation
    if operation.status.is_final or operation.execution != "local":
        return listed
    return Listed(interrupted(operation, now))


def _listed(row: sqlite3.Row) -> Listed | None:
    """Return the row of a list, so that one that cannot be read hides no other: it is told by its columns.

    None: not even those can be read, as those of a kind that this version does not know.
    """
    headline = row["headline"] if isinstance(row["headline"], str) else None
    with suppress(ValidationError):
        return Listed(Operation.model_validate_json(row["operation"]), headline)
    with suppress(ValidationError):
        columns = {name: row[name] for name in ("operation_id", "operation_type", "status", "created_at")}
        unreadable = Operation(**columns, updated_at=row["created_at"], progress=Progress(message=UNREADABLE))
        return Listed(unreadable, UNREADABLE)
    logger.warning("The row of operation %s cannot be read; it is left out", row["operation_id"])
    return None


def count_finished(connection: sqlite3.Connection, operation_type: str, metadata: Mapping[str, str]) -> int:
    """Return how many ended operations of a type have results and all of these values in their metadata."""
    # A row whose text is no JSON counts for nothing; asked about its values it would end the statement.
    told = "CASE WHEN json_valid(operation) THEN json_extract(operation, ?) END"
    values = [part for name, value in metadata.items() for part in (f'$.metadata."{name}"', value)]
    found = connection.execute(
        f"SELECT COUNT(*) FROM operations WHERE operation_type=? AND has_results=1 AND status IN ({_FINAL})"
        + f" AND {told}=?" * len(metadata),
        (operation_type, *values),
    ).fetchone()
    return int(found[0])


def interrupt(connection: sqlite3.Connection, owner: str, now: datetime) -> None:
    """Fail what a dead owner left unfinished; its remote operations go on without it."""
    found = connection.execute(
        "SELECT operation, operation_id FROM operations"
        f" WHERE owner=? AND execution='local' AND status NOT IN ({_FINAL})",
        (owner,),
    ).fetchall()
    for text, operation_id in found:
        try:
            values = _columns(interrupted(Operation.model_validate_json(text), now))
        except ValidationError:
            # What cannot be read has ended all the same; asked again it would stand in the way of the others.
            values = {"operation_id": operation_id, "status": OperationStatus.FAILED, "operation": text}
        connection.execute(
            "UPDATE operations SET status=:status, operation=:operation WHERE operation_id=:operation_id", values
        )


def _columns(operation: Operation) -> dict[str, object]:
    """Return the row of an operation; its results are in a file."""
    return {
        "operation_id": operation.operation_id,
        "operation_type": operation.operation_type,
        "status": operation.status,
        "execution": operation.execution,
        "created_at": operation.created_at.isoformat(timespec="microseconds"),
        "operation": operation.model_copy(update={"results": None}).model_dump_json(),
    }


def _insert(values: dict[str, object]) -> str:
    return f"INSERT INTO operations ({', '.join(values)}) VALUES ({', '.join(':' + name for name in values)})"
