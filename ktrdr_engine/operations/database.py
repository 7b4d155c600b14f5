"""Transactions on one SQLite file: opened late, shared by threads and processes, replaced when damaged.

It knows no operation (`rows` does). Opening the file: `sqlite_file`.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from ktrdr_engine.errors import StorageError
from ktrdr_engine.operations.sqlite_file import DAMAGE, SqliteFile, is_corrupt

logger = logging.getLogger(__name__)
T = TypeVar("T")


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
        self._file = SqliteFile(path, schema, version)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._identity = (0, 0)

    def write(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Run `action` in one transaction that nobody else writes into.

        Raises:
            StorageError: It was not stored; nothing changed.
        """
        with self._lock, self._translated():
            try:
                return self._transact(action)
            except DAMAGE as error:
                if not is_corrupt(error):
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

    def change_stamp(self) -> tuple[int, int] | None:
        """Return size and time of the log that every write goes to first; None when it cannot be told."""
        try:
            state = os.stat(f"{self._file.path}-wal")
        except OSError:
            return None
        return state.st_size, state.st_mtime_ns

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        with self._lock:
            self._disconnect()

    def _read(self, action: Callable[[sqlite3.Connection], T], default: T) -> T:
        self._check_there()
        if self._connection is None and not self._exists():
            return default
        try:
            return action(self._connected())
        except (*DAMAGE, OSError) as error:
            if is_corrupt(error):
                self._set_aside()
                raise StorageError(
                    f"{self._file.path} was damaged: it is kept beside it as .corrupt-..., and a new one begins. The "
                    "operations recorded in it are not listed any more.",
                    details={"path": str(self._file.path)},
                ) from error
            if self._connection is not None or (unwritable := self._file.open_unwritable()) is None:
                raise
            with closing(unwritable):
                return action(unwritable)

    def _transact(self, action: Callable[[sqlite3.Connection], T]) -> T:
        self._file.path.parent.mkdir(parents=True, exist_ok=True)
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
        if self._connection is not None and not self._is_there():
            # Deleted, or renamed by a process that found it damaged: what is written to it now nobody would find.
            logger.error("%s was deleted or replaced while it was in use; it is opened anew", self._file.path)
            self._disconnect()
        if self._connection is None:
            self._connection = self._file.open()
            state = os.stat(self._file.path)
            self._identity = state.st_dev, state.st_ino
        return self._connection

    def _is_there(self) -> bool:
        """Return whether the open file is still the one at the path."""
        try:
            state = os.stat(self._file.path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return (state.st_dev, state.st_ino) == self._identity

    def _exists(self) -> bool:
        """Return whether there is a file.

        Raises:
            OSError: It cannot be told, or the folder it belongs into is none.
        """
        # Not Path.exists, to which a home that is a file is no home yet.
        try:
            os.stat(self._file.path)
        except FileNotFoundError:
            return False
        return True

    def _check_there(self) -> None:
        """Say once that the file was deleted while it was in use, before a new one is taken for all there was.

        Raises:
            StorageError: It was.
        """
        if self._connection is None or self._is_there() or self._exists():
            return
        self._disconnect()
        raise StorageError(
            f"{self._file.path} was deleted while it was in use: what was recorded before is gone unless it is put "
            "back; what runs here is recorded again when it ends.",
            details={"path": str(self._file.path)},
        )

    def _set_aside(self) -> None:
        self._disconnect()
        self._file.set_aside_if_damaged()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            path = self._file.path
            raise StorageError(
                f"{path} cannot be used ({error}): make room or make the folder writable, "
                "or set KTRDR_HOME to a folder that is.",
                details={"path": str(path)},
            ) from error
