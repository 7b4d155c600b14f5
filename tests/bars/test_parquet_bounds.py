"""Small Parquet files that unpack to large ones: refused, or read without what is not needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from ktrdr_engine.bars.files import read_bars
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.datasets.importing.options import parse_options
from ktrdr_engine.datasets.importing.reading import read_export
from ktrdr_engine.errors import DataError

Read = Callable[[Path], object]


def read_strictly(path: Path) -> object:
    return read_bars(path, "TEST", Timeframe.H1)


def read_exported(path: Path) -> object:
    return read_export(path, "TEST", Timeframe.H1, parse_options(None, None, None), lambda *_: None)


both = pytest.mark.parametrize("read", [read_strictly, read_exported])


def columns(rows: int) -> dict[str, pa.Array]:
    stamps = pa.array(np.arange(rows, dtype=np.int64) * 3_600_000_000_000, pa.timestamp("ns", "UTC"))
    one = pa.array(np.ones(rows))
    return {"timestamp": stamps, **dict.fromkeys(("open", "high", "low", "close", "volume"), one)}


def write(path: Path, table: dict[str, pa.Array]) -> Path:
    pyarrow.parquet.write_table(pa.table(table), path, compression="zstd")
    return path


@both
def test_more_rows_than_prices_have_are_refused_unread(tmp_path: Path, read: Read) -> None:
    path = tmp_path / "TEST_1h.parquet"
    schema = pa.schema([(name, pa.float64()) for name in ("timestamp", "open", "high", "low", "close", "volume")])
    part = pa.table({name: np.ones(1_000_000) for name in schema.names}, schema)
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for _ in range(11):
            writer.write_table(part)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(DataError, match="more than 10,000,000 rows"):
        read(path)


@both
@pytest.mark.parametrize("column", ["close", "timestamp"])
def test_long_texts_are_refused_before_each_is_a_copy(tmp_path: Path, read: Read, column: str) -> None:
    rows = 3_000
    text = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["7" * 100_000]))
    path = write(tmp_path / "TEST_1h.parquet", columns(rows) | {column: text})
    assert path.stat().st_size < 50_000
    before = pa.total_allocated_bytes()
    with pytest.raises(DataError, match=f"{column} are too long"):
        read(path)
    assert pa.total_allocated_bytes() - before < 1_000_000


@both
def test_a_column_of_lists_is_refused_unread(tmp_path: Path, read: Read) -> None:
    nested = pa.array([[1.0] * 1_000] * 50)
    path = write(tmp_path / "TEST_1h.parquet", columns(50) | {"high": nested})
    with pytest.raises(DataError, match="high is stored as list"):
        read(path)


@both
def test_a_column_that_is_not_needed_is_not_read(tmp_path: Path, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = 100
    noise = pa.array([np.random.default_rng(row).bytes(1_000_000) for row in range(rows)], pa.binary())
    path = write(tmp_path / "TEST_1h.parquet", columns(rows) | {"comment": noise})
    pa.default_memory_pool().release_unused()
    peak: list[int] = []
    whole = pyarrow.parquet.ParquetFile.iter_batches

    def watched(file: pyarrow.parquet.ParquetFile, *args: object, **options: object) -> object:
        for batch in whole(file, *args, **options):
            peak.append(batch.nbytes)
            yield batch

    monkeypatch.setattr(pyarrow.parquet.ParquetFile, "iter_batches", watched)
    read(path)
    assert 0 < max(peak) < 100_000


@both
def test_texts_and_dictionaries_are_read_as_before(tmp_path: Path, read: Read) -> None:
    stamps = pa.array([f"2024-01-01T{hour:02}:00:00Z" for hour in range(3)])
    prices = pa.array(["1.5"] * 3).dictionary_encode()
    path = write(
        tmp_path / "TEST_1h.parquet",
        {"timestamp": stamps, **dict.fromkeys(("open", "high", "low", "close", "volume"), prices)},
    )
    found = read(path)
    series = found if isinstance(found, BarSeries) else getattr(found, "series", None)
    assert isinstance(series, BarSeries)
    assert series.prices.tolist() == [[1.5] * 3] * 5
