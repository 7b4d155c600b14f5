from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from ktrdr_engine.bars.files import read_bars, write_parquet
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.errors import DataError
from tests.bars.columns import CSV, HOUR, NEW_YEAR, columns, write


def read(path: Path) -> BarSeries:
    return read_bars(path, "TEST", Timeframe.H1)


def read_text(folder: Path, text: str) -> BarSeries:
    return read(write(folder, text))


def write_table(folder: Path, **changes: object) -> Path:
    path = folder / "TEST_1h.parquet"
    table = {name: pa.array(column) for name, column in columns(3).items()}
    table["timestamp"] = pa.array(columns(3)["timestamp"], pa.timestamp("ns", "UTC"))
    pyarrow.parquet.write_table(pa.table({**table, **changes}), path)
    return path


def test_a_csv_is_read(tmp_path: Path) -> None:
    series = read_text(tmp_path, CSV)
    assert (series.symbol, series.timeframe, len(series)) == ("TEST", Timeframe.H1, 3)
    assert list(series.timestamp) == [NEW_YEAR, NEW_YEAR + HOUR, NEW_YEAR + 2 * HOUR]
    np.testing.assert_array_equal(
        series.prices, [[10, 11, 12], [12, 13, 14], [9, 10, 11], [11, 12, 13], [100, 0, 50.5]]
    )


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + CSV,
        CSV.replace("\n", "\r\n"),
        CSV.replace("\n", "\n\n"),
        CSV.rstrip("\n"),
        CSV.replace(",", ", ").replace(", ", ",", 5),
        CSV.replace("Z,", ","),
        CSV.replace("Z,", "+00:00,"),
        CSV.replace("T0", " 0").replace(":00Z", ""),
        CSV.replace("01-01T00:00:00Z", "01-01"),
        CSV.replace("T01:00:00Z", "T02:00:00+01:00"),
        CSV.replace("T01:00:00Z", "T01:00:00.000000000Z"),
    ],
    ids=["bom", "crlf", "blank lines", "no last newline", "spaces", "naive", "offset", "space", "mixed with a date",
         "mixed zones", "nanoseconds"],
)  # fmt: skip
def test_the_same_bars_written_otherwise_are_the_same_bars(tmp_path: Path, text: str) -> None:
    assert read_text(tmp_path, text).sha256() == read_text(tmp_path, CSV).sha256()


def test_columns_may_stand_in_any_order_with_others_between(tmp_path: Path) -> None:
    text = "note,close,timestamp,volume,low,high,open\nfine,11,2024-01-01T00:00:00Z,100,9,12,10\n"
    assert list(read_text(tmp_path, text).prices[:, 0]) == [10, 12, 9, 11, 100]


def test_a_date_alone_is_midnight_utc(tmp_path: Path) -> None:
    series = read_text(tmp_path, "timestamp,open,high,low,close,volume\n2024-01-01,1,1,1,1,1\n2024-01-02,1,1,1,1,1\n")
    assert list(series.timestamp) == [NEW_YEAR, NEW_YEAR + 24 * HOUR]


HEADER = CSV.splitlines()[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "TEST_1h.csv: the file is empty. It needs the header timestamp,open,high,low,close,volume"),
        (HEADER + "\n", "TEST_1h.csv: there are no bars in it"),
        (HEADER, "TEST_1h.csv: cannot be read as csv (CSV parse error: Empty CSV file"),
        (CSV.replace("volume", "vol"), "column 'volume' is missing"),
        (CSV.replace("timestamp", "date"), "column 'timestamp' is missing"),
        (CSV.replace(",", ";"), "column 'timestamp', 'open'"),
        (CSV.replace("close,volume", "close,close"), "column 'close' is there more than once"),
        (CSV.replace("10,12", ",12", 1), "row 1: open: the value is missing. Put the real value there"),
        (CSV.replace("11,13,", "11,n/a,"), "row 2: high: 'n/a' is not a number"),
        (CSV.replace("11,13,", 'x,"1,3",'), "row 2: open: 'x' is not a number"),
        (CSV.replace("11,13,", "11,1_3,"), "row 2: high: '1_3' is not a number"),
        (CSV.replace("11,13,", "nan,13,"), "row 2 (2024-01-01T01:00:00Z): open is nan"),
        (CSV.replace("11,13,", "11,inf,"), "row 2 (2024-01-01T01:00:00Z): high is inf"),
        (CSV.replace("11,13,", "11,-13,"), "row 2 (2024-01-01T01:00:00Z): high is -13"),
        (CSV.replace("2024-01-01T01:00:00Z", "01.01.2024 01:00"), "row 2: timestamp '01.01.2024 01:00': not an ISO"),
        (CSV.replace("2024-01-01T01:00:00Z", "1704070800"), "row 2: timestamp '1704070800': not an ISO-8601 date"),
        (CSV.replace("2024-01-01T01:00:00Z", ""), "row 2: timestamp '': not an ISO-8601 date"),
        (CSV.replace("2024-01-01T01:00:00Z", "2024-02-30"), "row 2: timestamp '2024-02-30': day"),
        (CSV.replace("2024-01-01T01", "1500-01-01T01"), "row 2: timestamp '1500-01-01T01:00:00Z': outside the years"),
        (CSV.replace("T01", "T00"), "row 2 (2024-01-01T00:00:00Z): the same timestamp as row 1"),
        (CSV.replace("T01", "T03"), "row 3 (2024-01-01T02:00:00Z): earlier than the row above it"),
        (CSV.replace("12,0\n", "12\n"), "TEST_1h.csv, row 2: 5 cells where 6 are expected"),
        ("\0\1\2\3", "TEST_1h.csv: cannot be read as csv"),
    ],
)  # fmt: skip
def test_a_broken_csv_is_refused_and_nothing_invented(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read_text(tmp_path, text)
    assert message in caught.value.message
    assert caught.value.message.startswith("TEST_1h.csv")
    assert "source='file'" in caught.value.message
    assert str(tmp_path) not in caught.value.message


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "TEST_1h.csv"
    path.write_bytes(CSV.encode().replace(b"10,12", b"\xff\xfe,12"))
    with pytest.raises(DataError, match="cannot be read as csv"):
        read(path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "TEST_1h.csv").mkdir()
    with pytest.raises(DataError, match=r"TEST_1h.csv: cannot be read as csv"):
        read(tmp_path / "TEST_1h.csv")


def test_parquet_gives_back_the_bars_that_were_written(tmp_path: Path) -> None:
    series = read_text(tmp_path, CSV)
    write_parquet(series, tmp_path / "TEST_1h.parquet")
    assert read(tmp_path / "TEST_1h.parquet").sha256() == series.sha256()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["TEST_1h.csv", "TEST_1h.parquet"]


def test_a_parquet_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "TEST_1h.parquet"
    target.mkdir()
    with pytest.raises(OSError, match="TEST_1h"):
        write_parquet(read_text(tmp_path, CSV), target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["TEST_1h.csv", "TEST_1h.parquet"]


@pytest.mark.parametrize(
    "stamps",
    [
        pa.array(columns(3)["timestamp"], pa.timestamp("ns")),
        pa.array(columns(3)["timestamp"] // 1000, pa.timestamp("us", "Europe/Berlin")),
        pa.array(columns(3)["timestamp"] // 10**9, pa.timestamp("s", "UTC")),
        pa.array(["2024-01-01T00:00", "2024-01-01T01:00", "2024-01-01T02:00"]),
        pa.array(["2024-01-01T00:00", "2024-01-01T01:00", "2024-01-01T02:00"], pa.large_string()),
    ],
    ids=["naive", "zone", "seconds", "text", "large text"],
)
def test_parquet_stamps_may_have_any_unit_and_zone(tmp_path: Path, stamps: pa.Array) -> None:
    assert list(read(write_table(tmp_path, timestamp=stamps)).timestamp) == list(columns(3)["timestamp"])


def test_parquet_dates_and_integer_prices_are_read(tmp_path: Path) -> None:
    days = pa.array([19723, 19724, 19725], pa.date32())
    series = read(write_table(tmp_path, timestamp=days, volume=pa.array([1, 2, 3], pa.int32())))
    assert series.timestamp[0] == NEW_YEAR
    assert list(series.volume) == [1, 2, 3]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"timestamp": pa.array([1, 2, 3])}, "timestamp is stored as int64, which says no unit"),
        ({"timestamp": pa.array([0, 2**40, 2**41], pa.timestamp("s"))}, "outside the years 1678 to 2261"),
        ({"timestamp": pa.array([0, None, 1], pa.timestamp("s"))}, "row 2: the timestamp is missing"),
        ({"timestamp": pa.array(["2024-01-01", None, "2024-01-03"])}, "row 2: the timestamp is missing"),
        ({"close": pa.array([10.0, None, 12.0])}, "row 2 (2024-01-01T01:00:00Z): close is nan"),
        ({"close": pa.array([10, None, 12])}, "row 2 (2024-01-01T01:00:00Z): close is nan"),
        ({"close": pa.array(["10", "x", "12"])}, "row 2: close: 'x' is not a number"),
        ({"close": pa.array([[1.0], [2.0], [3.0]])}, "close is stored as list<element: double>. Store it as a number"),
    ],
)  # fmt: skip
def test_a_broken_parquet_table_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    path = write_table(tmp_path, **changes)
    with pytest.raises(DataError) as caught:
        read(path)
    assert message in caught.value.message


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    path = write_table(tmp_path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"TEST_1h.parquet: cannot be read as parquet"):
        read(path)


def test_an_empty_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "TEST_1h.parquet"
    path.touch()
    with pytest.raises(DataError, match="the file is empty"):
        read(path)
