from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from ktrdr_engine.bars.files import write_parquet
from ktrdr_engine.bars.frames import frames
from ktrdr_engine.bars.resampling import resample
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.bars.window import BarWindow, window
from ktrdr_engine.errors import DataError
from tests.bars.timeframes import HOUR, MONDAY, hourly

BASE = hourly(np.arange(500))


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    (tmp_path / "data").mkdir()
    return BarStore((tmp_path,))


def put(store_root: Path, series: BarSeries) -> None:
    write_parquet(series, store_root / "data" / f"{series.symbol}_{series.timeframe}.parquet")


def range_of(first_hour: int, last_hour: int) -> BarWindow:
    return window(BASE, MONDAY + first_hour * HOUR, MONDAY + last_hour * HOUR, warmup=10)


def test_without_a_file_longer_bars_are_made_from_the_shorter_ones(store: BarStore) -> None:
    found = frames(store, BASE, ["4h", "1d"], BarWindow(BASE, 0), sys.maxsize)
    assert [frame.origin for frame in found] == ["4h made from the 1h bars", "1d made from the 1h bars"]
    whole = resample(BASE, Timeframe.H4)
    assert found[0].series.prices.tobytes() == whole.prices.tobytes()


def test_a_file_goes_before_making_them(store: BarStore, tmp_path: Path) -> None:
    made = resample(BASE, Timeframe.H4)
    mine = BarSeries("TEST", Timeframe.H4, made.timestamp, made.prices * 2)
    put(tmp_path, mine)
    (found,) = frames(store, BASE, ["4h"], BarWindow(BASE, 0), sys.maxsize)
    assert found.origin == "4h from a file of its own"
    assert found.series.prices.tobytes() == mine.prices.tobytes()


def test_what_a_range_can_know_and_the_bars_before_it_are_returned(store: BarStore) -> None:
    wanted = range_of(400, 450)
    (found,) = frames(store, BASE, ["4h"], wanted, 20)
    stamps = found.series.timestamp
    # The range with its ten bars of warm-up closes from hour 391 to hour 451.
    assert stamps[0] == MONDAY + (384 - 19 * 4) * HOUR
    assert stamps[-1] == MONDAY + 444 * HOUR


def test_data_that_begin_later_give_what_there_is(store: BarStore) -> None:
    (found,) = frames(store, BASE, ["1d"], range_of(40, 60), 1000)
    assert (found.series.timestamp - MONDAY).tolist() == [0, 24 * HOUR]


def test_a_range_that_ends_before_the_first_close_still_has_a_bar(store: BarStore) -> None:
    (found,) = frames(store, BASE, ["1w"], range_of(0, 20), 5)
    assert len(found.series) == 1


def test_a_file_that_stops_inside_the_range_is_refused_and_before_it_is_not(store: BarStore, tmp_path: Path) -> None:
    put(tmp_path, resample(BASE.between(0, 300), Timeframe.H4))
    frames(store, BASE, ["4h"], range_of(200, 310), 10)
    with pytest.raises(DataError, match="TEST 4h has no bars from"):
        frames(store, BASE, ["4h"], range_of(200, 400), 10)
