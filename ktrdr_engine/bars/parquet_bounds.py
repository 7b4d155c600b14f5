"""Parquet files without surprises: what is asked for is looked at before it is unpacked.

A file of a megabyte can hold a thousand million rows, or a million copies of one long text. Only the columns named are
read; their number of rows, kinds and texts are bounded first. What the columns mean: `files`, and the importer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from ktrdr_engine.errors import DataError

MOST_ROWS: Final = 10_000_000
"""Minutes of 19 years without a pause; a row takes some 260 bytes while an import is sorted and checked."""
_MOST_UNPACKED: Final = 1024**3
_MOST_IN_A_SAMPLE: Final = 64 * 1024**2
_USUAL_TEXT: Final = 64  # bytes; the longest time with its zone has 35
_SOME_TEXT: Final = 1_000_000


def opened_parquet(path: Path) -> pyarrow.parquet.ParquetFile:
    """Open a file; a text that is repeated is kept once until it has been looked at.

    Raises:
        DataError: It has more rows than a file of prices.
        pyarrow.ArrowException, OSError: It cannot be read.
    """
    with pyarrow.parquet.ParquetFile(path) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
    if rows > MOST_ROWS:
        raise DataError(f"{path.name}: it has more than {MOST_ROWS:,} rows. Split it by years.")
    return pyarrow.parquet.ParquetFile(path, read_dictionary=[field.name for field in schema if _is_text(field.type)])


def read_columns(
    file: pyarrow.parquet.ParquetFile, names: Sequence[str], source: str, rows_at_once: int = MOST_ROWS
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of some columns, in parts.

    Args:
        file: From `opened_parquet`.
        names: Which columns.
        source: The file's name.
        rows_at_once: Most rows in a part.

    Raises:
        DataError: A column holds neither numbers nor times nor short texts, or is too large.
    """
    check_columns(file, names, source)
    for batch in file.iter_batches(rows_at_once, columns=list(names)):
        yield pa.RecordBatch.from_arrays([_plain(batch.column(name), name, source) for name in names], list(names))


def check_columns(file: pyarrow.parquet.ParquetFile, names: Sequence[str], source: str) -> None:
    """Return quietly if the columns can be unpacked.

    Raises:
        DataError: As `read_columns`, for what shows without reading.
    """
    for name in names:
        if (problem := _problem(file, name)) is not None:
            raise DataError(
                f"{source}: {name} {problem}. Store it as a number, a time or a short text.", details={"column": name}
            )


def sample_columns(file: pyarrow.parquet.ParquetFile, rows: int) -> dict[str, pa.Array]:
    """Return the first rows of the columns of which a few rows are quickly had."""
    names = [name for name in file.schema_arrow.names if _problem(file, name, _MOST_IN_A_SAMPLE) is None]
    batch = next(file.iter_batches(rows, columns=names), None)
    return {} if batch is None else dict(zip(batch.schema.names, batch.columns, strict=True))


def _problem(file: pyarrow.parquet.ParquetFile, name: str, most_bytes: int = _MOST_UNPACKED) -> str | None:
    kind = file.schema_arrow.field(name).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (_is_text(kind) or pa.types.is_primitive(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)):
        return f"is stored as {str(kind)[:80]}"
    place = next((at for at, one in enumerate(file.schema) if one.path.partition(".")[0] == name), None)
    groups = range(file.metadata.num_row_groups if place is not None else 0)
    unpacked = sum(file.metadata.row_group(group).column(place).total_uncompressed_size for group in groups)
    return f"has {unpacked:,} bytes" if unpacked > most_bytes else None


def _plain(column: pa.Array, name: str, source: str) -> pa.Array:
    if not pa.types.is_dictionary(column.type):
        return column
    if _is_text(column.dictionary.type):
        written = pc.sum(pc.binary_length(column.dictionary).cast(pa.int64()).take(column.indices)).as_py() or 0
        if written > _SOME_TEXT + _USUAL_TEXT * len(column):
            raise DataError(
                f"{source}: the texts of {name} are too long for prices or times. Store it as a number or a time.",
                details={"column": name},
            )
    return column.cast(column.type.value_type)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
