"""Taking in new operations: room, idempotency, the first record.

What happens to them afterwards: `runs`, `transitions`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ktrdr_engine.errors import EngineError, InvalidRequest, QueueFull, ShuttingDown
from ktrdr_engine.operations.archive import Archive, WorkerLink
from ktrdr_engine.operations.models import (
    Execution,
    Operation,
    OperationStatus,
    OperationType,
    new_operation_id,
    to_json,
)
from ktrdr_engine.operations.records import Record, Records
from ktrdr_engine.operations.transitions import Transitions

_KEY_LENGTH = 200


class Draft(NamedTuple):
    """What a new operation is made of."""

    operation_type: OperationType
    kind_word: str
    metadata: Mapping[str, Any]
    execution: Execution
    link: WorkerLink | None = None


class Admission:
    """Admits operations while there is room.

    Args:
        room: Unfinished local operations this process may have.
    """

    def __init__(
        self, archive: Archive, records: Records, transitions: Transitions, *, room: int, now: Callable[[], datetime]
    ) -> None:
        self._archive = archive
        self._records = records
        self._transitions = transitions
        self._room = room
        self._now = now
        self.is_closed = False

    async def admit(self, draft: Draft, idempotency_key: str | None, fingerprint: str | None) -> str:
        """Record a new operation and return its id, or the id of the one the key started before.

        The record takes its place before anything can wait, so that the bound holds under concurrency.
        """
        metadata = _plain(draft.metadata)
        fingerprint = fingerprint or _fingerprint(draft.kind_word, metadata)
        if idempotency_key is not None and (earlier := await self.find(idempotency_key, fingerprint)):
            return earlier
        record = self._reserve(draft, metadata)
        admitted_id = None
        try:
            admitted_id = await self._transitions.stored(
                self._archive.create,
                record.operation,
                idempotency_key=idempotency_key,
                fingerprint=fingerprint,
                link=draft.link,
            )
        finally:
            if admitted_id != record.operation_id:
                self._records.remove(record)
            else:
                self._records.tally.accept(record.operation)
        return admitted_id

    async def find(self, idempotency_key: str, fingerprint: str) -> str | None:
        """Return the id of the operation that the key started before.

        Raises:
            OperationConflict: It was another request.
            InvalidRequest: The key is empty or too long.
        """
        if not 0 < len(idempotency_key) <= _KEY_LENGTH:
            raise InvalidRequest(
                f"idempotency_key has {len(idempotency_key)} characters: use 1 to {_KEY_LENGTH}, such as a UUID.",
                details={"field": "idempotency_key", "value": idempotency_key[:_KEY_LENGTH], "longest": _KEY_LENGTH},
            )
        use = await self._transitions.stored(self._archive.find_key, idempotency_key)
        return use.check(idempotency_key, fingerprint) if use else None

    def _reserve(self, draft: Draft, metadata: dict[str, Any]) -> Record:
        if self.is_closed:
            raise ShuttingDown("This server is shutting down: start the operation on another, or later.")
        unfinished = len(self._records.unfinished_local())
        if draft.execution == "local" and unfinished >= self._room:
            raise QueueFull(
                f"{unfinished} operations run or wait, as many as may: wait for one to end, or cancel one.",
                details={"unfinished": unfinished, "limit": self._room},
            )
        now = self._now()
        record = Record(
            Operation(
                operation_id=new_operation_id(draft.kind_word, now),
                operation_type=draft.operation_type,
                status=OperationStatus.PENDING,
                metadata=metadata,
                execution=draft.execution,
                created_at=now,
                updated_at=now,
            )
        )
        self._records.add(record)
        return record


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = json.loads(to_json(metadata, what="metadata"))
    except EngineError as error:
        raise InvalidRequest(error.message, details=error.details) from error
    return plain


def _fingerprint(kind_word: str, metadata: Mapping[str, Any]) -> str:
    return hashlib.sha256(f"{kind_word} {json.dumps(metadata, sort_keys=True)}".encode()).hexdigest()
