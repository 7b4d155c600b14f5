"""Price files: CSV and Parquet to a BarSeries, and back to Parquet.

The columns are `timestamp,open,high,low,close,volume`; others are left out. Stamps are ISO-8601, UTC when they
have no zone. What cannot be read is refused with the row; nothing is filled in. Rows are counted from 1 below
the header, empty lines not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from ktrdr_engine.bars.dates import parse_stamp
from ktrdr_engine.bars.parquet_bounds import opened_parquet, read_columns
from ktrdr_engine.bars.series import COLUMNS, PRICE_COLUMNS, BarSeries, require_columns
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.durable_files import replacing
from ktrdr_engine.errors import DataError

_FOREIGN: Final = (
    "Only this form is read in data/; to read another, put the file into imports/ and load it with source='file'."
)
MARKET_NOTE: Final = "ktrdr-market"
"""Under which a Parquet file's metadata holds the name of its market."""


def read_bars(path: Path, symbol: str, timeframe: Timeframe) -> BarSeries:
    """Read and validate a `.csv` or `.parquet` file.

    Raises:
        DataError: The file cannot be read, or breaks a rule of bars; its name and the row are named.
    """
    if path.suffix == ".parquet":
        return _read(path, _read_parquet, symbol, timeframe)
    try:
        return _read(path, _read_csv, symbol, timeframe)
    except DataError as error:
        raise DataError(f"{error.message} {_FOREIGN}", details=error.details) from None


def write_parquet(series: BarSeries, path: Path, *, notes: Mapping[str, str] | None = None) -> None:
    """Write the bars so that `read_bars` gives the same ones back; the file appears whole or not at all.

    Args:
        series: The bars.
        path: Where to; what was there is replaced, and who reads it meanwhile sees the old bars or the new.
        notes: Kept with them, for `read_notes`; the market is kept too, unless it was inferred.
    """
    stamps = pa.array(series.timestamp, pa.timestamp("ns", "UTC"))
    prices = {name: pa.array(row) for name, row in zip(PRICE_COLUMNS, series.prices, strict=True)}
    market = {} if series.market.inferred else {MARKET_NOTE: series.market.name}
    replace_parquet(
        pa.table({"timestamp": stamps, **prices}).replace_schema_metadata({**(notes or {}), **market}), path
    )


def replace_parquet(table: pa.Table, path: Path) -> None:
    """Write a table to `path`; the file appears whole or not at all.

    Raises:
        OSError: There is no room, or no right to write; what was there is as it was.
    """
    with replacing(path) as file:
        pyarrow.parquet.write_table(table, file, compression="zstd")


def read_notes(path: Path) -> dict[str, str]:
    """Return what was written with the bars of a `.parquet` file; empty if nothing was, or it cannot be read."""
    try:
        metadata = pyarrow.parquet.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError):
        return {}
    return {key.decode(): value.decode(errors="replace") for key, value in metadata.items()}


def _read(path: Path, read: Callable[[Path], pa.Table], symbol: str, timeframe: Timeframe) -> BarSeries:
    try:
        table = read(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from None
    return BarSeries.from_columns(symbol, timeframe, _columns(table, path.name), source=path.name)


def _read_csv(path: Path) -> pa.Table:
    misfits: list[tuple[int, int, int]] = []

    def take(row: Any) -> str:
        # Arrow counts the header, everything else here counts from 1 below it.
        misfits.append((row.number - 1, row.actual_columns, row.expected_columns))
        return "skip"

    table = _parse_csv(path, take)
    if misfits:
        row, cells, expected = misfits[0]
        raise DataError(
            f"{path.name}, row {row}: {cells} cells where {expected} are expected. Complete the row or remove it.",
            details={"row": row, "bad_rows": len(misfits)},
        )
    return table


def _parse_csv(path: Path, take_misfit: Callable[[Any], str]) -> pa.Table:
    # One thread, because only then does Arrow say the numbers of rows.
    return pyarrow.csv.read_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(use_threads=False),
        parse_options=pyarrow.csv.ParseOptions(invalid_row_handler=take_misfit),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(COLUMNS, pa.string()), strings_can_be_null=False
        ),
    )


def _read_parquet(path: Path) -> pa.Table:
    with opened_parquet(path) as file:
        names = [name for name in COLUMNS if name in file.schema_arrow.names]
        parts = list(read_columns(file, names, path.name))
        return pa.Table.from_batches(parts) if parts else pa.table({name: [] for name in names})


def _unreadable(path: Path, error: Exception) -> DataError:
    if path.is_file() and path.stat().st_size == 0:
        return DataError(f"{path.name}: the file is empty. It needs the header {','.join(COLUMNS)} and rows.")
    reason = getattr(error, "strerror", None) or str(error).splitlines()[0][:200]
    return DataError(f"{path.name}: cannot be read as {path.suffix[1:]} ({reason}). Check or replace the file.")


def _columns(table: pa.Table, source: str) -> Mapping[str, NDArray[np.generic]]:
    require_columns(table.column_names, source)
    return {name: _column(table.column(name), name, source) for name in COLUMNS}


def _column(column: pa.ChunkedArray, name: str, source: str) -> NDArray[np.generic]:
    text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    if name == "timestamp":
        return _parse_stamps(column, source) if text else _convert_stamps(column, source)
    return _parse_numbers(column, name, source) if text else _convert_numbers(column, name, source)


def _parse_stamps(column: pa.ChunkedArray, source: str) -> NDArray[np.generic]:
    for kind in (pa.timestamp("ns"), pa.timestamp("ns", "UTC")):
        try:
            return _nanoseconds(pc.cast(column, kind), source)
        except pa.ArrowInvalid:
            continue
    return np.array([_parse_one(text, row, source) for row, text in enumerate(column.to_pylist())], dtype=np.int64)


def _parse_one(text: str | None, row: int, source: str) -> int:
    try:
        return parse_stamp(text or "")[0]
    except ValueError as error:
        raise DataError(
            f"{source}, row {row + 1}: timestamp {text!r}: {error}. Write 2024-12-31 or 2024-12-31T15:30:00Z.",
            details={"row": row + 1, "value": text},
        ) from None


def _convert_stamps(column: pa.ChunkedArray, source: str) -> NDArray[np.generic]:
    if not (pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)):
        raise DataError(
            f"{source}: timestamp is stored as {column.type}, which says no unit. Store it as timestamp or as text."
        )
    zone = column.type.tz if pa.types.is_timestamp(column.type) else None
    try:
        return _nanoseconds(pc.cast(column, pa.timestamp("ns", zone)), source)
    except pa.ArrowInvalid as error:
        raise DataError(f"{source}: a timestamp is outside the years 1678 to 2261 ({error}). Correct it.") from None


def _nanoseconds(column: pa.ChunkedArray, source: str) -> NDArray[np.generic]:
    if column.null_count:
        row = column.to_pylist().index(None) + 1
        raise DataError(f"{source}, row {row}: the timestamp is missing. Fill it in or remove the row.")
    return _numpy(pc.cast(column, pa.int64()))


def _parse_numbers(column: pa.ChunkedArray, name: str, source: str) -> NDArray[np.generic]:
    trimmed = pc.utf8_trim_whitespace(column)
    try:
        return _numpy(pc.cast(trimmed, pa.float64()))
    except pa.ArrowInvalid:
        row, value = next((row, text) for row, text in enumerate(trimmed.to_pylist()) if not _is_number(text))
    shown = f"{value!r} is not a number" if value else "the value is missing"
    raise DataError(
        f"{source}, row {row + 1}: {name}: {shown}. Put the real value there or remove the row.",
        details={"row": row + 1, "column": name, "value": value},
    )


def _is_number(text: str | None) -> bool:
    try:
        pc.cast(pa.array([text]), pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _convert_numbers(column: pa.ChunkedArray, name: str, source: str) -> NDArray[np.generic]:
    try:
        return _numpy(pc.fill_null(pc.cast(column, pa.float64(), safe=False), np.nan))
    except pa.ArrowException:
        raise DataError(f"{source}: {name} is stored as {column.type}. Store it as a number.") from None


def _numpy(column: pa.ChunkedArray) -> NDArray[np.generic]:
    # Not through to_numpy, which imports pandas.
    return np.from_dlpack(column.combine_chunks())
