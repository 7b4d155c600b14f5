from __future__ import annotations

import logging
import sqlite3
import threading
from pathlib import Path

import pytest

from ktrdr_engine.errors import StorageError
from ktrdr_engine.operations import sqlite_file
from ktrdr_engine.operations.database import Database

_SCHEMA = "CREATE TABLE numbers (n INTEGER)"


def _insert(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO numbers VALUES (1)")


def _count(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("SELECT COUNT(*) FROM numbers").fetchone()[0]
    return found


def _count_nowhere(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("SELECT COUNT(*) FROM nowhere").fetchone()[0]
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "below" / "some.db"


def test_what_one_connection_writes_another_reads(path: Path) -> None:
    Database(path, _SCHEMA, 1).write(_insert)
    assert Database(path, _SCHEMA, 1).read(_count, 0) == 1


def test_a_failed_transaction_changes_nothing(path: Path) -> None:
    def half(connection: sqlite3.Connection) -> None:
        _insert(connection)
        raise ZeroDivisionError

    database = Database(path, _SCHEMA, 1)
    database.write(_insert)
    with pytest.raises(ZeroDivisionError):
        database.write(half)
    assert database.read(_count, 0) == 1


def test_a_full_disk_is_an_error_that_repairs_and_changes_nothing(path: Path) -> None:
    def fill(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO numbers VALUES (zeroblob(1000000))")

    database = Database(path, _SCHEMA, 1)
    database.write(lambda connection: connection.execute("PRAGMA max_page_count=16"))
    with pytest.raises(StorageError, match=r"full.*make room"):
        database.write(fill)
    assert database.read(_count, -1) == 0
    database.write(_insert)
    assert database.read(_count, -1) == 1


def test_a_transaction_that_sqlite_ended_itself_is_not_ended_twice(path: Path) -> None:
    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("ROLLBACK")
        raise sqlite3.OperationalError("disk I/O error")

    with pytest.raises(StorageError, match="disk I/O error"):
        Database(path, _SCHEMA, 1).write(broken)


def test_many_threads_and_connections_lose_nothing(path: Path) -> None:
    databases = [Database(path, _SCHEMA, 1) for _ in range(3)]

    def write(database: Database) -> None:
        for _ in range(20):
            database.write(_insert)

    threads = [threading.Thread(target=write, args=(database,)) for database in databases * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert databases[0].read(_count, 0) == 120


def test_a_database_locked_by_a_stranger_is_an_error_that_repairs(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sqlite_file, "BUSY_SECONDS", 0.0)
    database = Database(path, _SCHEMA, 1)
    database.write(_insert)
    stranger = sqlite3.connect(path, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match=r"locked.*KTRDR_HOME"):
        database.write(_insert)
    assert database.read(_count, 0) == 1
    stranger.execute("ROLLBACK")
    stranger.close()
    database.write(_insert)
    assert database.read(_count, 0) == 2


def test_a_statement_that_fails_is_a_storage_error(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    database = Database(path, _SCHEMA, 1)
    with pytest.raises(StorageError, match="no such table"):
        database.write(lambda connection: connection.execute("INSERT INTO nowhere VALUES (1)"))
    database.write(_insert)
    with caplog.at_level(logging.WARNING):
        assert database.read_if_possible(_count_nowhere, 7) == 7
    assert "no such table" in caplog.text
    with pytest.raises(StorageError, match="no such table"):
        database.read(_count_nowhere, 7)


def test_damage_that_shows_while_reading_is_set_aside(path: Path) -> None:
    database = Database(path, _SCHEMA, 1)
    database.write(
        lambda connection: connection.executemany("INSERT INTO numbers VALUES (?)", [(n,) for n in range(9_999)])
    )
    database.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StorageError, match="damaged"):
        database.read(_count, -1)
    assert database.read(_count, -1) == -1
    database.write(_insert)
    assert database.read(_count, -1) == 1


def test_of_two_that_find_the_damage_one_sets_it_aside(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"nonsense" * 999)
    one, two = Database(path, _SCHEMA, 1), Database(path, _SCHEMA, 1)
    one.write(_insert)
    two._file.set_aside_if_damaged()
    assert two.read(_count, 0) == 1
    assert len(list(path.parent.glob("*.corrupt-*"))) == 1


def test_what_is_recorded_can_be_read_on_a_disk_that_takes_nothing_more(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Database(path, _SCHEMA, 1)
    first.write(_insert)

    def refuse(_: sqlite_file.SqliteFile) -> sqlite3.Connection:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(sqlite_file.SqliteFile, "open", refuse)
    with pytest.raises(StorageError):  # there is a log beside it, which nobody has read
        Database(path, _SCHEMA, 1).read(_count, 0)
    first.close()
    assert Database(path, _SCHEMA, 1).read(_count, 0) == 1
    with pytest.raises(StorageError):
        Database(path, _SCHEMA, 1).write(_insert)
