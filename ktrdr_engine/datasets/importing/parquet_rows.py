"""The rows of a Parquet file: only the columns that are needed, in parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
from numpy.typing import NDArray

from ktrdr_engine.bars.local_dates import Side, side_of_midnights
from ktrdr_engine.bars.parquet_bounds import opened_parquet, read_columns, sample_columns
from ktrdr_engine.datasets.importing.arrays import as_numpy
from ktrdr_engine.datasets.importing.columns import check_instruments, find_columns
from ktrdr_engine.datasets.importing.numerals import NumberColumn, Numbers, find_marks, settle_mark
from ktrdr_engine.datasets.importing.options import FileOptions
from ktrdr_engine.datasets.importing.patterns import BAD
from ktrdr_engine.datasets.importing.rows import Rows
from ktrdr_engine.datasets.importing.stamps import StampColumn, Stamps, epochs
from ktrdr_engine.datasets.sources.source import Heed
from ktrdr_engine.errors import DataError

_ROWS = 500_000
_SAMPLE = 50


def read_parquet(path: Path, options: FileOptions, heed: Heed) -> Rows:
    """Read a Parquet file.

    Raises:
        DataError: It is no table of prices, or leaves open what its cells mean.
        OSError: It cannot be read, as `pyarrow.ArrowException`.
    """
    with opened_parquet(path) as file:
        names = [field.name for field in file.schema_arrow]
        sample = _sample(names, sample_columns(file, _SAMPLE))
        columns = find_columns(options.columns or names, path.name, sample)
        used = [names[place] for place in columns.read]
        parts: list[pa.RecordBatch] = []
        done = 0
        for batch in read_columns(file, used, path.name, _ROWS):
            done += batch.num_rows
            heed(f"Reading {path.name}", done, file.metadata.num_rows, "rows")
            parts.append(batch)
    if not done:
        raise DataError(f"{path.name}: there are no bars in it.")
    table = pa.Table.from_batches(parts)
    numeric = [names[place] for place in (*columns.prices, *columns.volume)]
    numbers = _numbers([table.column(name) for name in numeric], numeric, path.name, options)
    stamps = _stamps([table.column(names[place]) for place in columns.stamp], path.name, options)
    if columns.symbol is not None:
        check_instruments(table.column(names[columns.symbol]).unique().drop_null().to_pylist(), path.name)
    return Rows(
        number=np.arange(1, table.num_rows + 1, dtype=np.int64),
        stamps=stamps,
        prices=tuple(numbers[:4]),
        volumes=tuple(numbers[4:]),
        volume_names=tuple(numeric[4:]),
        title=f"Parquet, times as {stamps.title}",
        unused=columns.unused,
    )


def _sample(names: list[str], columns: dict[str, pa.Array]) -> list[tuple[str, ...]]:
    """Return rows as text, cells that have none as empty, those of a column that is not there as a question mark."""
    unknown = ["?"] * max(map(len, columns.values()), default=0)
    texts = []
    for name in names:
        try:
            texts.append(pc.fill_null(pc.cast(columns[name], pa.string()), "").to_pylist())
        except (KeyError, pa.ArrowException):
            texts.append(unknown)
    return list(zip(*texts, strict=True))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _text(column: pa.ChunkedArray) -> pa.Array:
    joined = pc.cast(column.combine_chunks(), pa.string())
    joined = pa.concat_arrays(joined.chunks) if isinstance(joined, pa.ChunkedArray) else joined
    return pc.fill_null(joined, "")


def _numbers(columns: list[pa.ChunkedArray], names: list[str], source: str, options: FileOptions) -> list[Numbers]:
    texts = [_text(column) for column in columns if _is_text(column.type)]
    marks = find_marks([cell for text in texts for cell in text[:500].to_pylist()], options.mark)
    read = [NumberColumn(marks) for _ in texts]
    for column, text in zip(read, texts, strict=True):
        column.add(text)
    mark = settle_mark(read, marks, source)
    left = iter(read)
    return [
        next(left).finish(mark) if _is_text(column.type) else _typed_numbers(column, name, source)
        for column, name in zip(columns, names, strict=True)
    ]


def _typed_numbers(column: pa.ChunkedArray, name: str, source: str) -> Numbers:
    if pa.types.is_decimal(column.type):
        column = pc.cast(column, pa.string())  # Arrow's own cast to float is off by an ulp
    try:
        values = as_numpy(pc.fill_null(pc.cast(column, pa.float64(), safe=False), np.nan).combine_chunks())
    except pa.ArrowException:
        raise DataError(f"{source}: {name} is stored as {column.type}. Store it as a number.") from None
    return Numbers(values, np.zeros(len(values), dtype=bool), {})


def _stamps(columns: list[pa.ChunkedArray], source: str, options: FileOptions) -> Stamps:
    kind = columns[0].type
    if _is_text(kind) or len(columns) == 2:
        if len(columns) == 2 and pa.types.is_timestamp(kind):
            columns = [pc.strftime(columns[0], "%Y-%m-%d"), columns[1]]
        texts = [pc.utf8_trim_whitespace(_text(column)) for column in columns]
        if len(columns) == 2 and pa.types.is_integer(columns[1].type):
            texts[1] = pc.utf8_lpad(texts[1], 6, "0")
        text = pc.binary_join_element_wise(*texts, " ") if len(texts) == 2 else texts[0]
        read = StampColumn(source, text[:500].to_pylist(), options)
        read.add(text)
        return read.finish()
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _typed_stamps(columns[0], source)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _counted_stamps(columns[0], source, options)
    raise DataError(f"{source}: the time is stored as {kind}. Store it as a timestamp, a date or text.")


def _typed_stamps(column: pa.ChunkedArray, source: str) -> Stamps:
    zone = column.type.tz if pa.types.is_timestamp(column.type) else None
    try:
        local = pc.cast(pc.cast(column, pa.timestamp("ns", zone)), pa.int64())
    except pa.ArrowInvalid:
        raise DataError(f"{source}: a time is outside the years 1678 to 2261. Correct it.") from None
    local = as_numpy(pc.fill_null(local, BAD).combine_chunks())
    return Stamps(local, np.full(len(local), zone is not None), {}, str(column.type), _midnights(column, zone, local))


def _midnights(column: pa.ChunkedArray, zone: str | None, stamps: NDArray[np.int64]) -> Side:
    if zone is None:
        return 0
    filled = pc.local_timestamp(column.drop_null())
    local = as_numpy(pc.cast(pc.cast(filled, pa.timestamp("ns")), pa.int64()).combine_chunks())
    return side_of_midnights(local, (local - stamps[stamps != BAD]) // 1_000_000_000)


def _counted_stamps(column: pa.ChunkedArray, source: str, options: FileOptions) -> Stamps:
    """Read numbers: dates such as 20170102, or what has passed since 1970."""
    present = as_numpy(pc.is_valid(column).combine_chunks())
    numbers = pc.fill_null(pc.cast(column, pa.int64(), safe=False), 0).combine_chunks()
    values: NDArray[np.int64] = as_numpy(numbers)
    dates = (values >= 16_780_101) & (values <= 22_611_231)
    if not options.unit and dates[present].all() and present.any():
        read = StampColumn(source, [], options)
        read.add(pc.if_else(pa.array(present), pc.cast(numbers, pa.string()), ""))
        return read.finish()
    local = epochs(values, present, options.unit)
    if not options.unit and np.abs(values[present]).max(initial=0) < 10**8:
        raise DataError(
            f"{source}: the time is {values[0]}, a number that says no unit. Give date_format, s, ms, us or ns.",
            details={"field": "date_format", "value": int(values[0])},
        )
    return Stamps(local, np.ones(len(local), dtype=bool), {}, f"{options.unit or 'numbers'} since 1970")
