"""One SQLite file: opened late, shared by threads and processes, replaced when damaged.

It knows no operation (`store` does).
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ktrdr_engine.errors import StorageError

if TYPE_CHECKING:
    from filelock import FileLock

logger = logging.getLogger(__name__)
T = TypeVar("T")

_BUSY_SECONDS = 2.0
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Database:
    """A lazily opened connection.

    One connection behind one lock, and not one a thread: SQLite admits one writer anyway, calls take well under a
    millisecond, and so there is one page cache and one file handle. The lock is held over nothing but SQLite.

    Args:
        path: The file; its folder is made with the first write.
        schema: Statements for a new file.
        version: What `user_version` a file made by them has.
    """

    def __init__(self, path: Path, schema: str, version: int) -> None:
        self.path = path
        self._schema = schema
        self._version = version
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def write(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Run `action` in one transaction that nobody else writes into.

        Raises:
            StorageError: It was not stored; nothing changed.
        """
        with self._lock, self._translated():
            try:
                return self._transact(action)
            except sqlite3.DatabaseError as error:
                if not _is_corrupt(error):
                    raise
                self._set_aside()
                return self._transact(action)

    def read(self, action: Callable[[sqlite3.Connection], T], default: T) -> T:
        """Run `action`; return `default` when there is no file yet.

        Raises:
            StorageError: There is one, and it cannot be read.
        """
        with self._lock, self._translated():
            return self._read(action, default)

    def read_if_possible(self, action: Callable[[sqlite3.Connection], T], default: T) -> T:
        """Run `action`; return `default` when there is no file yet or it cannot be read, which is logged."""
        try:
            return self.read(action, default)
        except StorageError as error:
            logger.warning("Stored operations cannot be read: %s", error.message)
            return default

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        with self._lock:
            self._disconnect()

    def _read(self, action: Callable[[sqlite3.Connection], T], default: T) -> T:
        if self._connection is None and not self.path.exists():
            return default
        try:
            return action(self._connected())
        except sqlite3.DatabaseError as error:
            if not _is_corrupt(error):
                raise
            self._set_aside()
            return default

    def _transact(self, action: Callable[[sqlite3.Connection], T]) -> T:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = self._connected()
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = action(connection)
            connection.execute("COMMIT")
        except BaseException:
            # A full disk may have rolled back already.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return result

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        # Alone: SQLite does not wait when two connections switch a new file to WAL at the same time.
        with self._alone():
            return self._opened()

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        # In WAL mode NORMAL survives a killed process; a power cut may cost the last steps, never the file.
        connection.execute("PRAGMA synchronous=NORMAL")
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("PRAGMA journal_mode=WAL")
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found == 0:
            connection.execute("BEGIN IMMEDIATE")
            for statement in self._schema.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={self._version}")
            connection.execute("COMMIT")
        elif found != self._version:
            raise StorageError(
                f"{self.path} has format {found}, this version of ktrdr knows {self._version}: "
                "use the newer version, or set KTRDR_HOME to another folder."
            )

    def _set_aside(self) -> None:
        """Move a damaged file out of the way, once, however many processes notice."""
        self._disconnect()
        with self._alone():
            if not self._is_sound():
                self._rename()

    def _is_sound(self) -> bool:
        try:
            with closing(self._opened()) as connection:
                return bool(connection.execute("PRAGMA quick_check").fetchone()[0] == "ok")
        except sqlite3.DatabaseError as error:
            if not _is_corrupt(error):
                raise
            return False

    def _rename(self) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        kept = self.path.with_name(f"{self.path.name}.corrupt-{stamp}")
        self.path.rename(kept)
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        logger.error("%s was damaged; it is kept as %s and a new one begins", self.path.name, kept.name)

    def _alone(self) -> FileLock:
        from filelock import FileLock

        return FileLock(self.path.with_name(self.path.name + ".lock"), timeout=_BUSY_SECONDS)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StorageError(
                f"{self.path} cannot be used ({error}): make room or make the folder writable, "
                "or set KTRDR_HOME to a folder that is.",
                details={"path": str(self.path)},
            ) from error


def _is_corrupt(error: sqlite3.DatabaseError) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _CORRUPT
