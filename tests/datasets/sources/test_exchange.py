"""ccxt's own client of Binance against a market on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.datasets.sources.finding import Sources
from tests.datasets.conftest import Lab, Labs
from tests.datasets.market import Bar, Fault, Market, bar_at
from tests.datasets.prices import HOUR, MONDAY

BTC = {"symbol": "BTC/USDT", "source": "ccxt:binance", "start_date": "2024-01-01"}
HOURS = 400 * 24
PAGE = 1_000
FIRST = MONDAY // 10**9


@pytest.fixture
async def lab(open_lab: Labs, exchange: Any) -> AsyncIterator[Lab]:
    async with open_lab(lambda home, bars: Sources(home, bars, exchange=exchange)) as made:
        yield made


def told(lab: Lab) -> BarSeries:
    return lab.bars.load("BTC-USDT", "1h")


def assert_true_bars(series: BarSeries) -> None:
    wanted = np.array([bar_at(int(stamp) // 10**9)[1:] for stamp in series.timestamp])
    assert series.prices.T.tolist() == wanted.tolist()


async def test_candles_come_page_by_page_up_to_the_last_closed_one(lab: Lab, market: Market) -> None:
    results = await lab.loaded(**BTC)
    assert (results["symbol"], results["bars"], results["new_bars"]) == ("BTC-USDT", HOURS, HOURS)
    assert results["last_bar"] == "2025-02-03T23:00:00Z"
    assert results["gaps"] == 0
    assert (results["market"], results["market_inferred"]) == ("crypto", False)
    assert_true_bars(told(lab))
    assert [int(query["startTime"]) // 1_000 for query in market.asked] == [
        FIRST + page * PAGE * 3_600 for page in range(10)
    ]
    assert {query["limit"] for query in market.asked} == {"1000"}


async def test_a_bar_that_has_not_closed_is_left_out(lab: Lab) -> None:
    lab.now = MONDAY + 10 * HOUR + HOUR // 2
    results = await lab.loaded(**BTC)
    assert (results["bars"], results["last_bar"]) == (10, "2024-01-01T09:00:00Z")


async def test_without_dates_a_load_goes_on_from_the_last_bar(lab: Lab, market: Market) -> None:
    lab.now = MONDAY + 10 * HOUR
    await lab.loaded(**BTC)
    lab.now = MONDAY + 15 * HOUR
    market.asked.clear()
    results = await lab.loaded(symbol="BTC/USDT", source="ccxt:binance")
    assert (results["bars"], results["new_bars"]) == (15, 5)
    assert len(market.asked) == 1
    results = await lab.loaded(symbol="BTC/USDT", source="ccxt:binance")
    assert (results["new_bars"], results["segments"]) == (0, 0)


async def test_what_was_loaded_is_not_asked_for_again(lab: Lab, market: Market) -> None:
    await lab.loaded(**BTC, end_date="2024-02-29")
    market.asked.clear()
    results = await lab.loaded(**BTC, end_date="2024-03-31")
    assert results["bars"] == 91 * 24
    assert [int(query["startTime"]) // 1_000 for query in market.asked] == [FIRST + 60 * 86_400]
    assert any("not asked for again" in note for note in results["notes"])


@pytest.mark.parametrize("fault", ["429", "500", "cut", "garbage", "shape", "drop"])
async def test_a_fault_that_passes_costs_no_bar(lab: Lab, market: Market, fault: Fault) -> None:
    market.faults = ["", fault, "", fault, fault]
    results = await lab.loaded(**BTC, end_date="2024-06-30")
    assert (results["bars"], results["gaps"]) == (182 * 24, 0)
    assert_true_bars(told(lab))
    assert market.faults == []


@pytest.mark.parametrize("fault", ["429", "500", "cut", "garbage", "shape", "drop"])
async def test_a_source_that_dies_midway_fails_the_load_and_a_repeat_goes_on_from_there(
    lab: Lab, market: Market, fault: Fault
) -> None:
    lab.now = MONDAY + 25_000 * HOUR
    well: Fault = ""
    market.faults = [*([well] * 12), *([fault] * 5)]
    operation = await lab.load(**BTC)
    assert operation.status == "FAILED"
    assert operation.error is not None
    assert operation.error.code == "source_unavailable"
    assert "goes on from where it stopped" in operation.error.message
    results = operation.results
    assert results is not None
    assert (results["segments"], results["segments_done"], results["bars"]) == (3, 1, 10_000)
    assert results["partial"] is True
    assert len(told(lab)) == 10_000
    market.asked.clear()
    market.faults.clear()
    whole = await lab.loaded(**BTC)
    assert (whole["bars"], whole["new_bars"], whole["segments"]) == (25_000, 15_000, 2)
    assert len(market.asked) == 15
    assert_true_bars(told(lab))


async def test_a_refusal_of_the_exchange_is_told_and_not_asked_for_again(lab: Lab, market: Market) -> None:
    market.faults = ["refused"]
    operation = await lab.load(**BTC)
    assert operation.error is not None
    assert operation.error.code == "source_unavailable"
    assert "More than 24 hours between startTime and endTime" in operation.error.message
    assert len(market.asked) == 1


async def test_a_dead_exchange_fails_before_anything_is_there(lab: Lab, market: Market) -> None:
    market.faults = ["drop", "drop", "drop", "drop", "drop"]
    operation = await lab.load(**BTC)
    assert operation.error is not None
    assert operation.error.code == "source_unavailable"
    assert operation.results is None
    assert lab.bars.datasets() == [pair for pair in lab.bars.datasets() if pair[0] != "BTC-USDT"]


async def test_a_stretch_without_trade_is_passed_over_and_said(lab: Lab, market: Market) -> None:
    market.opened = FIRST + 3_500 * 3_600
    results = await lab.loaded(**BTC)
    assert results["bars"] == HOURS - 3_500
    assert any("no bars before 2024-05-25T20:00:00Z" in note for note in results["notes"])


async def test_a_range_in_which_nothing_was_traded_is_refused(lab: Lab, market: Market) -> None:
    market.opened = 2**35
    operation = await lab.load(**BTC, end_date="2024-01-31")
    assert operation.status == "FAILED"
    assert operation.error is not None
    assert "has no 1h bars in that range" in operation.error.message


def _null(bar: Bar) -> tuple[object, ...]:
    return (bar[0], None, None, None, None, "0") if bar[0] == FIRST + 7 * 3_600 else bar


def _no_volume(bar: Bar) -> tuple[object, ...]:
    return (*bar[:5], None) if bar[0] == FIRST + 7 * 3_600 else bar


def _garbled(bar: Bar) -> tuple[object, ...]:
    wrong: dict[int, tuple[object, ...]] = {
        2: (-1.0, *bar[2:]),
        3: (bar[1], bar[3], bar[2], *bar[4:]),
        4: (*bar[1:5], -5.0),
        5: ("inf", *bar[2:]),
    }
    return (bar[0], *wrong.get((bar[0] - FIRST) // 3_600, bar[1:]))


@pytest.mark.parametrize(
    ("spoil", "left_out", "words"),
    [(_null, 1, "without prices"), (_no_volume, 1, "or volume"), (_garbled, 4, "impossible")],
)
async def test_candles_that_say_nothing_sound_are_left_out_and_counted(
    lab: Lab, market: Market, spoil: Callable[[Bar], Any], left_out: int, words: str
) -> None:
    market.spoil = spoil
    results = await lab.loaded(**BTC, end_date="2024-01-03")
    assert results["bars"] == 72 - left_out
    (note,) = [note for note in results["notes"] if words in note]
    assert note.startswith(f"{left_out} candle")
    assert_true_bars(told(lab))


def _twice(page: list[Any]) -> list[Any]:
    return [row for row in page for _ in range(2)]


def _null_twin(page: list[Any]) -> list[Any]:
    return [*page[:5], [page[4][0], None, *page[4][2:]], *page[5:]]


def _odd_rows(page: list[Any]) -> list[Any]:
    return [[None, *page[0][1:]], [10**30, *page[0][1:]], ["x"] * 7, *page]


@pytest.mark.parametrize(
    ("spoil", "kinds"),
    [
        (lambda page: page[::-1], 0),
        (_twice, 1),
        (_null_twin, 1),
        (_odd_rows, 0),
    ],
)
async def test_pages_out_of_order_or_with_rows_too_many_come_to_the_same_bars(
    lab: Lab, market: Market, spoil: Callable[[list[Any]], list[Any]], kinds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Market.candles
    monkeypatch.setattr(Market, "candles", lambda self, query: spoil(plain(self, query)))
    results = await lab.loaded(**BTC, end_date="2024-01-03")
    assert results["bars"] == 72
    assert len([note for note in results["notes"] if "left out" in note]) == kinds
    assert_true_bars(told(lab))


@pytest.mark.parametrize("page", [None, 3, "candles", {"a": 1}, [1, 2], [[]], [None], [["a", "b", "c", "d", "e", "f"]]])
async def test_whatever_an_exchange_sends_ends_as_its_own_failure(
    lab: Lab, market: Market, page: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Market, "candles", lambda self, query: page)
    operation = await lab.load(**BTC, end_date="2024-01-03")
    assert operation.error is not None
    assert operation.error.code in {"data_error", "source_unavailable"}


async def test_a_market_is_found_by_the_name_its_bars_are_kept_under(lab: Lab) -> None:
    results = await lab.loaded(**{**BTC, "symbol": "BTC-USDT"}, end_date="2024-01-03")
    assert (results["symbol"], results["bars"]) == ("BTC-USDT", 72)


async def test_an_unknown_market_is_refused_with_the_nearest(lab: Lab) -> None:
    operation = await lab.load(**{**BTC, "symbol": "BTC/USTD"})
    assert operation.error is not None
    assert operation.error.code == "data_error"
    assert "binance has no market 'BTC/USTD'. Did you mean 'BTC/USDT'" in operation.error.message


async def test_a_whole_segment_without_a_sound_candle_says_why_there_are_no_bars(lab: Lab, market: Market) -> None:
    market.spoil = lambda bar: (*bar[:5], None)
    operation = await lab.load(**BTC, end_date="2024-01-03")
    assert operation.error is not None
    assert operation.error.code == "data_error"
    assert "72 candles left out without prices or volume" in operation.error.message


async def test_an_unknown_length_is_refused_with_those_there_are(lab: Lab, exchange: Any) -> None:
    from ktrdr_engine.errors import DataError

    with pytest.raises(DataError, match=r"coinbase has no 4h candles. It has 1m, 5m.*source='resample'"):
        await lab.load(symbol="BTC/USD", timeframe="4h", source="ccxt:coinbase", start_date="2024-01-01")
