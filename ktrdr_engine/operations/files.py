"""The files beside a finished operation: results, metrics history, tables. Written whole or not at all.

Which operation has which files is in the database (`store`).
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ktrdr_engine.errors import EngineError, StorageError
from ktrdr_engine.operations.history import FinishedHistory
from ktrdr_engine.operations.models import Column, Table, TablePage, to_json
from ktrdr_engine.operations.tables import check_rows, iso_utc, plain_values, rows_page

ReadT = TypeVar("ReadT")

logger = logging.getLogger(__name__)
_ROWS_IN_A_GROUP = 65_536
_ENTRIES_IN_A_PIECE = 50


class ResultFiles:
    """One folder an operation, below `folder`.

    Args:
        folder: Holds `<operation_id>/results.json`, `metrics.json` and `<table>.parquet`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(
        self,
        operation_id: str,
        results: Mapping[str, Any] | None,
        history: FinishedHistory,
        tables: Mapping[str, Table],
    ) -> None:
        """Write all files of an operation, replacing what an unfinished attempt left.

        Raises:
            StorageError: They cannot be written; nothing is left behind.
            EngineError: A table has columns of different lengths or of a kind that cannot be stored.
        """
        target = self._folder / operation_id
        draft = self._folder / f".{operation_id}-{secrets.token_hex(4)}"
        try:
            draft.mkdir(parents=True)
            _write_all(draft, results, history, tables)
            shutil.rmtree(target, ignore_errors=True)
            draft.rename(target)
        except OSError as error:
            raise StorageError(
                f"{target} cannot be written ({error}): make room or make the folder writable, "
                "or set KTRDR_HOME to a folder that is.",
                details={"path": str(target)},
            ) from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def results(self, operation_id: str) -> dict[str, Any] | None:
        """Return the stored results; None, and a line in the log, if they cannot be read."""
        found = self._json(operation_id, "results.json")
        return found if isinstance(found, dict) else None

    def history(self, operation_id: str) -> FinishedHistory | None:
        """Return the stored metrics history; None if there is none."""
        found = self._json(operation_id, "metrics.json")
        if not isinstance(found, dict):
            return None
        try:
            entries = {name: [_entry(*row) for row in rows] for name, rows in found["buckets"].items()}
            return FinishedHistory(int(found["last"]), entries)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            logger.warning("%s/metrics.json cannot be read: %s", operation_id, error)
            return None

    def table(self, operation_id: str, name: str, offset: int, limit: int) -> TablePage | None:
        """Return rows of a stored table; None if there is no such table.

        Raises:
            InvalidRequest: The offset or the limit is out of range.
            StorageError: The file is damaged.
        """
        check_rows(offset, limit)
        return self._read(operation_id, name, lambda path: _read_rows(path, offset, limit))

    def columns(self, operation_id: str, name: str) -> Table | None:
        """Return a whole stored table as columns, numbers and stamps as arrays; None if there is no such table.

        Raises:
            StorageError: The file is damaged.
        """
        return self._read(operation_id, name, _read_columns)

    def _read(self, operation_id: str, name: str, reader: Callable[[Path], ReadT]) -> ReadT | None:
        path = self._folder / operation_id / f"{name}.parquet"
        if not name.isidentifier() or not path.is_file():
            return None
        import pyarrow as pa

        try:
            return reader(path)
        except (OSError, pa.ArrowException) as error:
            raise StorageError(
                f"{path} cannot be read ({error}): run the operation again.", details={"path": str(path)}
            ) from error

    def _json(self, operation_id: str, name: str) -> object:
        path = self._folder / operation_id / name
        try:
            return json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            logger.warning("%s cannot be read: %s", path, error)
            return None


def _entry(number: Any, entry: Any) -> tuple[int, dict[str, Any]]:
    if not isinstance(number, int) or not isinstance(entry, dict):
        raise ValueError("an entry is no number with values")
    return number, entry


def _write_all(
    folder: Path, results: Mapping[str, Any] | None, history: FinishedHistory, tables: Mapping[str, Table]
) -> None:
    if results is not None:
        _write_text(folder / "results.json", [to_json(results)])
    if history.last:
        _write_text(folder / "metrics.json", _history_as_json(history))
    for name, table in tables.items():
        _write_table(folder / f"{name}.parquet", name, table)


def _write_text(path: Path, pieces: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())


def _history_as_json(history: FinishedHistory) -> Iterator[str]:
    """Yield a history in pieces: the encoder stops every other thread for as long as one call of it takes."""
    yield f'{{"last":{history.last},"buckets":{{'
    for place, (name, entries) in enumerate(history.entries.items()):
        yield f"{',' if place else ''}{to_json(name)}:["
        for first in range(0, len(entries), _ENTRIES_IN_A_PIECE):
            piece = to_json(entries[first : first + _ENTRIES_IN_A_PIECE], what="metrics")
            yield f"{',' if first else ''}{piece[1:-1]}"
        yield "]"
    yield "}}"


def _write_table(path: Path, name: str, table: Table) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        columns = pa.table({column: pa.array(values) for column, values in table.items()})
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise EngineError(f"The table {name!r} cannot be stored: {error}.") from error
    pq.write_table(columns, path, compression="zstd", row_group_size=_ROWS_IN_A_GROUP)


def _read_rows(path: Path, offset: int, limit: int) -> TablePage:
    """Read only the row groups that hold the page."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        total = file.metadata.num_rows
        asked, offset = offset, min(offset, total)  # no more than Arrow counts to
        first, last = offset // _ROWS_IN_A_GROUP, (offset + limit - 1) // _ROWS_IN_A_GROUP
        groups = list(range(first, min(last + 1, file.num_row_groups)))
        rows = file.read_row_groups(groups).slice(offset - first * _ROWS_IN_A_GROUP, limit)
    return rows_page({name: _plain_column(rows[name]) for name in rows.column_names}, total, asked)


def _read_columns(path: Path) -> dict[str, Column]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        table = file.read()
    return {
        name: column.to_pylist() if pa.types.is_string(column.type) else column.to_numpy()
        for name, column in zip(table.column_names, table.columns, strict=True)
    }


def _plain_column(column: Any) -> list[Any]:
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        stamps = column.cast(pa.timestamp("ns")).cast("int64").to_pylist()
        return [None if stamp is None else iso_utc(stamp) for stamp in stamps]
    return plain_values(column.to_pylist())
