"""Opening an SQLite file that several processes share, and moving it out of the way when it is damaged.

What is done with the connection: `database`.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ktrdr_engine.errors import StorageError

if TYPE_CHECKING:
    from filelock import FileLock

logger = logging.getLogger(__name__)

BUSY_SECONDS = 2.0
DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What a damaged file can raise; `is_corrupt` tells whether it did."""
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """A file and what a new one contains.

    Args:
        path: Where it is.
        schema: Statements that make a new one.
        version: What `user_version` a file made by them has.
    """

    path: Path
    schema: str
    version: int

    def open(self) -> sqlite3.Connection:
        """Open the file, made if need be; the connection may be used in any thread.

        Raises:
            StorageError: A newer version of ktrdr made it.
            sqlite3.Error: It cannot be opened.
        """
        # Alone: SQLite does not wait when two connections switch a new file to WAL at the same time.
        with self._alone():
            return self._opened()

    def open_unwritable(self) -> sqlite3.Connection | None:
        """Open a file on a disk that is full or read-only, where SQLite cannot put its log beside it.

        None: there is a log, so that the file alone is not all that was written.
        """
        log = self.path.with_name(f"{self.path.name}-wal")
        if log.exists() and log.stat().st_size:
            return None
        address = f"{self.path.resolve().as_uri()}?mode=ro&immutable=1"
        connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.text_factory = _text
        return connection

    def set_aside_if_damaged(self) -> None:
        """Rename a damaged file, once, however many processes notice."""
        with self._alone():
            if not self._is_sound():
                self._rename()

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.text_factory = _text
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
            for statement in self.schema.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={self.version}")
            connection.execute("COMMIT")
        elif found != self.version:
            raise StorageError(
                f"{self.path} has format {found}, this version of ktrdr knows {self.version}: "
                "use the newer version, or set KTRDR_HOME to another folder.",
                details={"path": str(self.path), "found": found, "known": self.version},
            )

    def _is_sound(self) -> bool:
        try:
            with closing(self._opened()) as connection:
                return bool(connection.execute("PRAGMA quick_check").fetchone()[0] == "ok")
        except DAMAGE as error:
            if not is_corrupt(error):
                raise
            return False

    def _rename(self) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        for suffix in ("-wal", "-shm", ""):
            part = self.path.with_name(self.path.name + suffix)
            if part.exists():
                part.rename(self.path.with_name(f"{self.path.name}.corrupt-{stamp}{suffix}"))
        logger.error(
            "%s was damaged; it is kept as %s.corrupt-%s and a new one begins", self.path, self.path.name, stamp
        )

    def _alone(self) -> FileLock:
        from filelock import FileLock

        return FileLock(self.path.with_name(self.path.name + ".lock"), timeout=BUSY_SECONDS)


def _text(stored: bytes) -> str:
    """Return a text as it is stored; one that is damaged ends no statement that reads others too."""
    return stored.decode(errors="replace")


def is_corrupt(error: Exception) -> bool:
    """Return whether the error means that the file itself is damaged."""
    if isinstance(error, UnicodeDecodeError):  # the schema is damaged, and SQLite's sentence quotes it
        return True
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _CORRUPT
