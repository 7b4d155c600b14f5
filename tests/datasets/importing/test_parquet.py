"""Parquet files as pandas, polars and others write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from ktrdr_engine.errors import DataError
from tests.datasets.importing.files import read, stamps_of

SECONDS = [1_704_067_200, 1_704_070_800, 1_704_074_400]
EXPECTED = ["2024-01-01T00:00", "2024-01-01T01:00", "2024-01-01T02:00"]
PRICES: dict[str, Any] = {
    "Open": [1.0, 1.1, 1.2],
    "High": [2.0, 2.1, 2.2],
    "Low": [0.5, 0.6, 0.7],
    "Close": [1.5, 1.6, 1.7],
    "Volume": [10, 11, 12],
}


def write(folder: Path, columns: dict[str, Any]) -> Path:
    path = folder / "x.parquet"
    pyarrow.parquet.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    "stamps",
    [
        pa.array(SECONDS, pa.timestamp("s")),
        pa.array(SECONDS, pa.timestamp("s", "America/New_York")),
        pa.array([second * 1000 for second in SECONDS], pa.timestamp("ms", "UTC")),
        pa.array(SECONDS),
        pa.array([second * 1000 for second in SECONDS]),
        pa.array([second * 10**9 for second in SECONDS]),
        pa.array([float(second) for second in SECONDS]),
        pa.array(EXPECTED),
        pa.array(["01.01.2024 00:00", "01.01.2024 01:00", "01.01.2024 02:00"], pa.large_string()),
        pa.array(EXPECTED).dictionary_encode(),
    ],
    ids=["naive", "zone", "ms", "epoch s", "epoch ms", "epoch ns", "float", "text", "german", "categories"],
)
def test_times_may_be_stored_in_many_ways(tmp_path: Path, stamps: pa.Array) -> None:
    series = read(write(tmp_path, {"Date": stamps, **PRICES})).series
    assert stamps_of(series) == EXPECTED
    assert series.prices.tolist() == list(map(list, PRICES.values()))


def test_dates_and_whole_numbers_of_dates_are_read(tmp_path: Path) -> None:
    days = ["2024-01-01T00:00", "2024-01-02T00:00", "2024-01-03T00:00"]
    for stamps in (pa.array([19723, 19724, 19725], pa.date32()), pa.array([20240101, 20240102, 20240103])):
        assert stamps_of(read(write(tmp_path, {"Date": stamps, **PRICES})).series) == days


def test_date_and_time_may_be_columns_of_their_own(tmp_path: Path) -> None:
    clocks = [0, 3600, 7200]
    days = pa.array([19723] * 3, pa.date32())
    for date, time in (
        (days, pa.array(clocks, pa.time32("s"))),
        (pa.array(["2024-01-01"] * 3), pa.array(["00:00", "01:00", "02:00"])),
        (pa.array([20240101] * 3), pa.array([0, 10000, 20000])),
    ):
        assert stamps_of(read(write(tmp_path, {"date": date, "time": time, **PRICES})).series) == EXPECTED


def test_a_column_that_numbers_the_rows_is_not_the_time(tmp_path: Path) -> None:
    columns = {"index": pa.array([0, 1, 2]), "Date": pa.array(SECONDS, pa.timestamp("s")), **PRICES}
    assert stamps_of(read(write(tmp_path, columns)).series) == EXPECTED


@pytest.mark.parametrize("zone", [None, "Asia/Tokyo"])
def test_an_index_of_pandas_is_the_time(tmp_path: Path, zone: str | None) -> None:
    index = pd.DatetimeIndex(np.array(SECONDS, dtype="datetime64[s]"), tz="UTC")
    frame = pd.DataFrame(
        {**PRICES, "Adj Close": 1.0}, index=index.tz_convert(zone) if zone else index.tz_localize(None)
    )
    frame.to_parquet(tmp_path / "x.parquet")
    found = read(tmp_path / "x.parquet")
    assert stamps_of(found.series) == EXPECTED
    assert any("Adj Close" in note for note in found.notes)


def test_local_times_are_turned_into_utc_by_the_zone(tmp_path: Path) -> None:
    path = write(tmp_path, {"time": pa.array(SECONDS, pa.timestamp("s")), **PRICES})
    assert stamps_of(read(path, timezone="Europe/Berlin").series)[0] == "2023-12-31T23:00"


def test_prices_may_be_text_decimals_or_nothing(tmp_path: Path) -> None:
    changed = {
        **PRICES,
        "Open": ["1,0", None, "1,2"],
        "High": [2.0, None, 2.2],
        "Low": pa.array([0.5, None, 0.7]).cast(pa.decimal128(10, 4)),
        "Close": [1.5, None, 1.7],
    }
    found = read(write(tmp_path, {"time": pa.array(SECONDS), **changed}))
    assert stamps_of(found.series) == [EXPECTED[0], EXPECTED[2]]
    assert list(found.series.open) == [1.0, 1.2]
    assert any("Row 2 without prices" in note for note in found.notes)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"time": pa.array([1, 2, 3])}, "date_format"),
        ({"time": pa.array([[1], [2], [3]])}, "stored as"),
        ({"time": pa.array([0, 2**40, 2**41], pa.timestamp("s"))}, "1678"),
        ({"time": pa.array([SECONDS[0], None, SECONDS[2]], pa.timestamp("s"))}, "row 2: the time is missing"),
        ({"Close": pa.array([[1.0], [2.0], [3.0]])}, "Close is stored as"),
        ({"Close": pa.array(["1", "x", "3"])}, "row 2: close: 'x'"),
        ({"Volume": pa.array([None, None, None], pa.int64())}, "no_volume"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(DataError) as refused:
        read(write(tmp_path, {"time": pa.array(SECONDS), **PRICES, **changes}))
    assert named in refused.value.message


def test_a_file_without_rows_or_with_too_many_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, {"time": pa.array([], pa.int64()), **{name: pa.array([], pa.float64()) for name in PRICES}})
    with pytest.raises(DataError, match="no bars"):
        read(path)
    monkeypatch.setattr("ktrdr_engine.bars.parquet_bounds.MOST_ROWS", 2)
    with pytest.raises(DataError, match="Split it"):
        read(write(tmp_path, {"time": pa.array(SECONDS), **PRICES}))
