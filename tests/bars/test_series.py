from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.errors import DataError
from tests.bars.columns import HOUR, NEW_YEAR, columns

Columns = dict[str, NDArray[np.generic]]


def make(table: Columns) -> BarSeries:
    return BarSeries.from_columns("TEST", Timeframe.H1, table, source="TEST_1h.csv")


def test_good_bars_are_taken_as_they_are() -> None:
    table = columns()
    series = make(table)
    assert len(series) == 5
    for name in ("open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(getattr(series, name), table[name])
    np.testing.assert_array_equal(series.timestamp, table["timestamp"])


def test_prices_are_one_contiguous_block_in_the_order_of_the_columns() -> None:
    series = make(columns())
    assert series.prices.shape == (5, 5)
    assert series.prices.flags.c_contiguous
    assert np.shares_memory(series.prices, series.volume)


@pytest.mark.parametrize("name", ["timestamp", "open", "high", "low", "close", "volume", "prices"])
def test_no_array_can_be_written_to(name: str) -> None:
    with pytest.raises(ValueError, match="read-only"):
        getattr(make(columns()), name)[0] = 1


def test_a_series_does_not_follow_its_source() -> None:
    table = columns()
    series = make(table)
    table["close"][:] = 0
    table["timestamp"][:] = 0
    assert series.close[0] == 10
    assert series.timestamp[0] == NEW_YEAR


def test_datetimes_of_any_unit_are_stamps() -> None:
    table = columns()
    table["timestamp"] = table["timestamp"].view("datetime64[ns]").astype("datetime64[s]")
    np.testing.assert_array_equal(make(table).timestamp, columns()["timestamp"])


def test_a_bar_without_movement_or_volume_is_valid() -> None:
    table = columns(1)
    for name in ("open", "high", "low", "close"):
        table[name] = np.array([7.0])
    assert make(table).volume[0] == 0


def test_extra_columns_are_left_out() -> None:
    assert len(make(columns() | {"spread": np.full(5, np.nan)})) == 5


def put(name: str, value: float, row: int = 2) -> Callable[[Columns], None]:
    def change(table: Columns) -> None:
        table[name][row] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("open", np.nan), "open is nan. Put the real value there or remove the row."),
        (put("high", np.inf), "high is inf. Put the real value there"),
        (put("low", -np.inf), "low is -inf. Put the real value there"),
        (put("volume", np.nan), "volume is nan. Put the real value there"),
        (put("volume", np.inf), "volume is inf. Put the real value there"),
        (put("low", -3), "low is -3. low must be above 0."),
        (put("low", 0), "low is 0. low must be above 0."),
        (put("close", 0), "close is 0. close must be above 0."),
        (put("volume", -1), "volume is -1. volume must be 0 or more."),
        (put("low", 11.8), "low 11.8 is above open 11.5."),
        (put("close", 10.9), "low 11 is above close 10.9."),
        (put("high", 10.5), "low 11 is above high 10.5."),
        (put("open", 13.5), "high 13 is below open 13.5."),
        (put("close", 13.5), "high 13 is below close 13.5."),
        (put("close", 13.0000001), "high 13 is below close 13.0000001."),
    ],
)
def test_a_broken_bar_is_refused_with_its_row_and_stamp(change: Callable[[Columns], None], message: str) -> None:
    table = columns()
    change(table)
    with pytest.raises(DataError) as caught:
        make(table)
    assert caught.value.message.startswith(f"TEST_1h.csv, row 3 (2024-01-01T02:00:00Z): {message}")
    assert caught.value.details == {"row": 3, "timestamp": "2024-01-01T02:00:00Z"}


def test_of_several_broken_bars_the_first_is_named() -> None:
    table = columns()
    put("close", np.nan, 4)(table)
    put("volume", -1, 1)(table)
    with pytest.raises(DataError, match="row 2 "):
        make(table)


def test_a_duplicate_stamp_is_refused() -> None:
    table = columns()
    table["timestamp"][3] = table["timestamp"][2]
    with pytest.raises(DataError, match=r"row 4 \(2024-01-01T02:00:00Z\): the same timestamp as row 3. Keep one"):
        make(table)


def test_disorder_is_refused() -> None:
    table = columns()
    table["timestamp"][3] -= 2 * HOUR
    with pytest.raises(
        DataError, match=r"row 4 \(2024-01-01T01:00:00Z\): earlier than the row above it \(2024-01-01T02"
    ):
        make(table)


def test_a_missing_stamp_is_refused() -> None:
    table = columns()
    stamps = table["timestamp"].view("datetime64[ns]").copy()
    stamps[1] = np.datetime64("NaT")
    with pytest.raises(DataError, match=r"row 2: the timestamp is missing\. Fill it in"):
        make(table | {"timestamp": stamps})


def test_a_missing_column_is_refused_and_a_similar_one_pointed_out() -> None:
    table = columns()
    table["Volume"] = table.pop("volume")
    with pytest.raises(DataError, match=r"column 'volume' is missing.* it has .*Rename 'Volume' to 'volume'") as caught:
        make(table)
    assert caught.value.details["missing"] == ["volume"]


def test_all_missing_columns_are_named() -> None:
    with pytest.raises(DataError, match="column 'timestamp', 'open', 'high', 'low', 'close', 'volume' is missing"):
        make({})


def test_no_bars_are_refused() -> None:
    with pytest.raises(DataError, match="there are no bars in it"):
        make({name: column[:0] for name, column in columns().items()})


@pytest.mark.parametrize("stamps", [np.arange(5.0), np.array(list("abcde")), np.zeros((5, 1), np.int64)])
def test_stamps_without_a_unit_are_refused(stamps: NDArray[np.generic]) -> None:
    with pytest.raises(DataError, match="timestamp is not a column of instants"):
        make(columns() | {"timestamp": stamps})


def test_columns_of_other_length_are_refused() -> None:
    with pytest.raises(DataError, match=r"close has shape \(4,\), timestamp \(5,\)"):
        make(columns() | {"close": columns()["close"][:4]})


def test_words_are_no_prices() -> None:
    table: dict[str, ArrayLike] = {**columns(), "close": list("abcde")}
    with pytest.raises(DataError, match="close is not a column of numbers"):
        BarSeries.from_columns("TEST", Timeframe.H1, table)


def test_a_part_holds_its_rows_in_one_locked_block() -> None:
    part = make(columns()).between(1, 4)
    assert list(part.close) == [11, 12, 13]
    assert list(part.timestamp) == [NEW_YEAR + i * HOUR for i in (1, 2, 3)]
    assert part.prices.flags.c_contiguous
    assert not part.prices.flags.writeable
    assert part.symbol == "TEST"


def test_all_rows_are_the_series_itself() -> None:
    series = make(columns())
    assert series.between(0, 5) is series


def test_the_digest_is_of_little_endian_stamps_then_prices() -> None:
    series = make(columns(2))
    expected = struct.pack("<2q10d", *series.timestamp.tolist(), *series.prices.ravel().tolist())
    assert series.sha256() == hashlib.sha256(expected).hexdigest()


def test_the_digest_changes_with_any_value() -> None:
    table = columns()
    table["volume"][4] += 1
    assert make(table).sha256() != make(columns()).sha256()
    assert make(columns()).between(0, 4).sha256() == make(columns(4)).sha256()
