"""Candles as sources garble them come out in order, sound, each once, and what is left out is counted."""

from __future__ import annotations

import numpy as np
import pytest

from ktrdr_engine.bars.checks import check_prices, check_stamps
from ktrdr_engine.datasets.sources.candles import CandleFilter
from ktrdr_engine.datasets.sources.exchange import _candle
from tests.datasets.prices import HOUR, MONDAY

SOUND = [1.0, 2.0, 0.5, 1.5, 10.0]
NAN, INF = float("nan"), float("inf")


def taken(candles: CandleFilter, rows: list[tuple[int, list[float]]]) -> tuple[list[int], list[list[float]]]:
    stamps, prices = candles.sound(
        np.array([MONDAY + hour * HOUR for hour, _ in rows], dtype=np.int64), np.array([row for _, row in rows]).T
    )
    if len(stamps):
        check_stamps(stamps, "test")
        check_prices(stamps, prices, "test")
    return [(int(stamp) - MONDAY) // HOUR for stamp in stamps], prices.T.tolist()


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ([NAN] * 5, "without prices"),
        ([*SOUND[:4], NAN], "or volume"),
        ([NAN, *SOUND[1:]], "without prices"),
        ([INF, *SOUND[1:]], "impossible"),
        ([0.0, *SOUND[1:]], "impossible"),
        ([*SOUND[:4], -1.0], "impossible"),
        ([1.0, 1.2, 0.5, 1.5, 10.0], "impossible"),
    ],
)
def test_an_unsound_candle_is_left_out_counted_and_dated(wrong: list[float], word: str) -> None:
    candles = CandleFilter()
    assert taken(candles, [(0, SOUND), (1, wrong), (2, SOUND)]) == ([0, 2], [SOUND, SOUND])
    (note,) = candles.notes
    assert note.startswith("1 candle left out")
    assert word in note
    assert "2024-01-01T01:00:00Z" in note


def test_of_a_stamp_told_twice_the_last_sound_one_counts() -> None:
    candles = CandleFilter()
    later = [1.0, 2.0, 0.5, 1.25, 20.0]
    assert taken(candles, [(2, SOUND), (1, SOUND), (1, later), (1, [NAN] * 5)]) == ([1, 2], [later, SOUND])
    assert len(candles.notes) == 2


def test_counts_add_up_over_pages() -> None:
    candles = CandleFilter()
    for hour in range(3):
        taken(candles, [(hour, [NAN] * 5)])
    candles.count_garbled(2)
    assert [note[:9] for note in candles.notes] == ["3 candles", "2 candles"]


@pytest.mark.parametrize("row", [None, 3, [], [1] * 5, ["a"] * 6, [None] * 6, [-1] * 6, [INF, 1, 1, 1, 1, 1], {}])
def test_what_is_no_candle_is_none(row: object) -> None:
    assert _candle(row) is None


def test_a_candle_is_numbers() -> None:
    assert _candle(["1000", "1.5", 2, 1, 1, 0]) == (1_000_000_000, 1.5, 2.0, 1.0, 1.0, 0.0)
    told = _candle([1000, None, "much", [], 10**400, True])
    assert told is not None
    assert np.isnan(told[1])
    assert told[2:5] == (INF, INF, INF)
