"""yfinance's own client against a market on this machine."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ktrdr_engine.datasets.sources.finding import Sources
from ktrdr_engine.datasets.sources.yahoo import _market_of
from tests.datasets.conftest import Lab, Labs
from tests.datasets.market import Fault, Market, bar_at
from tests.datasets.prices import DAY, HOUR, MONDAY

# yfinance's own, about pandas; not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")

DAYS = {"timeframe": "1d", "source": "yahoo", "start_date": "2024-01-01"}
WORKDAYS = 286


@pytest.fixture
async def lab(open_lab: Labs, session: Any) -> AsyncIterator[Lab]:
    async with open_lab(lambda home, bars: Sources(home, bars, session=session)) as made:
        yield made


async def test_days_are_stamped_with_their_date_whatever_the_clocks_do(lab: Lab) -> None:
    results = await lab.loaded(**DAYS)
    assert (results["bars"], results["first_bar"], results["last_bar"]) == (
        WORKDAYS,
        "2024-01-01T00:00:00Z",
        "2025-02-03T00:00:00Z",
    )
    series = lab.bars.load("TEST", "1d")
    assert (series.timestamp % DAY == 0).all()
    assert series.prices.T.tolist() == [list(bar_at(int(stamp) // 10**9)[1:]) for stamp in series.timestamp]
    assert all(datetime.fromtimestamp(int(stamp) / 1e9, UTC).weekday() < 5 for stamp in series.timestamp)
    assert any("auto_adjust" in note for note in results["notes"])


async def test_hours_come_in_slices_with_their_own_stamps(lab: Lab, market: Market) -> None:
    results = await lab.loaded(source="yahoo", start_date="2024-01-01")
    assert (results["bars"], results["segments"]) == (400 * 24, 2)
    series = lab.bars.load("TEST", "1h")
    assert series.timestamp.tolist() == [MONDAY + n * HOUR for n in range(400 * 24)]
    assert len(market.asked) == 2


async def test_half_hours_are_made_of_quarters_as_yfinance_does(lab: Lab) -> None:
    results = await lab.loaded(timeframe="30m", source="yahoo", start_date="2024-01-01", end_date="2024-01-03")
    assert (results["bars"], results["gaps"]) == (3 * 48, 0)


async def test_prices_are_adjusted(lab: Lab, market: Market) -> None:
    market.adjustment = 0.5
    await lab.loaded(**DAYS)
    series = lab.bars.load("TEST", "1d")
    truth = bar_at(int(series.timestamp[9]) // 10**9)
    assert series.prices[:, 9].tolist() == [truth[1] / 2, truth[2] / 2, truth[3] / 2, truth[4] / 2, truth[5]]


async def test_an_update_goes_on_and_asks_for_one_bar_that_is_there(lab: Lab, market: Market) -> None:
    lab.now = MONDAY + 30 * DAY
    await lab.loaded(**DAYS)
    lab.now = MONDAY + 37 * DAY
    market.asked.clear()
    results = await lab.loaded(timeframe="1d", source="yahoo")
    assert (results["new_bars"], results["conflicts"], len(market.asked)) == (5, 0, 1)


async def test_prices_rewritten_since_are_refused_until_all_are_replaced(lab: Lab, market: Market) -> None:
    lab.now = MONDAY + 30 * DAY
    await lab.loaded(**DAYS)
    before = lab.bars.load("TEST", "1d").sha256()
    lab.now = MONDAY + 37 * DAY
    market.adjustment = 0.9
    operation = await lab.load(timeframe="1d", source="yahoo")
    assert operation.error is not None
    assert operation.error.code == "data_error"
    assert "do not mix: load the whole range again with on_conflict='replace'" in operation.error.message
    assert lab.bars.load("TEST", "1d").sha256() == before
    results = await lab.loaded(**DAYS, on_conflict="replace")
    assert (results["replaced_bars"], results["new_bars"]) == (22, 5)
    assert any("differed from those that were there and replaced them" in note for note in results["notes"])


@pytest.mark.parametrize("fault", ["429", "500", "cut", "garbage", "shape", "drop"])
async def test_a_fault_that_passes_costs_no_bar(lab: Lab, market: Market, fault: Fault) -> None:
    market.faults = [fault, "", fault]
    results = await lab.loaded(source="yahoo", start_date="2024-01-01")
    assert (results["bars"], results["gaps"]) == (400 * 24, 0)


@pytest.mark.parametrize("fault", ["429", "500", "cut", "garbage", "shape", "drop"])
async def test_a_source_that_dies_midway_fails_the_load_and_a_repeat_goes_on_from_there(
    lab: Lab, market: Market, fault: Fault
) -> None:
    market.faults = ["", *([fault] * 12)]
    operation = await lab.load(source="yahoo", start_date="2024-01-01")
    assert operation.error is not None
    assert operation.error.code == "source_unavailable"
    assert operation.results is not None
    assert (operation.results["segments_done"], operation.results["bars"]) == (1, 365 * 24)
    market.faults.clear()
    results = await lab.loaded(source="yahoo", start_date="2024-01-01")
    assert (results["bars"], results["new_bars"], results["gaps"]) == (400 * 24, 35 * 24, 0)


async def test_an_unknown_symbol_is_refused_with_yahoos_reason(lab: Lab) -> None:
    operation = await lab.load(**DAYS, symbol="TSET")
    assert operation.error is not None
    assert operation.error.code == "data_error"
    assert "Yahoo gives no 1d bars of 'TSET'" in operation.error.message


@pytest.mark.parametrize("when", ["opened", "ended"])
async def test_a_range_without_bars_is_refused(lab: Lab, market: Market, when: str) -> None:
    setattr(market, when, 2**35 if when == "opened" else 0)
    operation = await lab.load(**DAYS)
    assert operation.error is not None
    assert "yahoo TEST has no 1d bars in that range" in operation.error.message


async def test_years_before_a_listing_are_empty_segments(lab: Lab, market: Market) -> None:
    market.opened = MONDAY // 10**9
    operation = await lab.load(timeframe="1d", source="yahoo", start_date="1990-01-01")
    assert operation.results is not None
    assert (operation.results["bars"], operation.results["segments"]) == (WORKDAYS, 4)
    page = await lab.operations.get_operation_metrics(operation.operation_id)
    assert [row["status"] for row in page.metrics["segments"]] == ["empty", "empty", "empty", "merged"]


async def test_a_refusal_of_yahoo_is_told(lab: Lab, market: Market) -> None:
    market.faults = ["refused", "refused"]
    operation = await lab.load(timeframe="1m", source="yahoo", start_date="2024-01-01")
    assert operation.error is not None
    assert operation.error.code == "data_error"
    assert "1m data not available" in operation.error.message
    assert "Yahoo keeps 1m bars for 30 days" in operation.error.message


async def test_broken_bars_are_left_out_and_counted(lab: Lab, market: Market) -> None:
    market.spoil = lambda bar: (*bar[:2], bar[2] - 3, *bar[3:]) if bar[0] % (50 * 3_600) == 0 else bar
    results = await lab.loaded(source="yahoo", start_date="2024-01-01")
    assert results["bars"] == 400 * 24 - 192
    assert any(note.startswith("192 candles left out with impossible values") for note in results["notes"])


async def test_a_high_an_ulp_below_the_close_is_mended_and_said(lab: Lab, market: Market) -> None:
    market.spoil = lambda bar: (*bar[:2], math.nextafter(bar[4], 0), *bar[3:]) if bar[0] % (50 * 3_600) == 0 else bar
    results = await lab.loaded(source="yahoo", start_date="2024-01-01")
    assert results["bars"] == 400 * 24
    assert any(note.startswith("192 bars had a high below") for note in results["notes"])
    series = lab.bars.load("TEST", "1h")
    assert (series.high >= series.close).all()


async def test_yahoo_tells_the_market(lab: Lab) -> None:
    results = await lab.loaded(**DAYS)
    assert (results["market"], results["market_inferred"]) == ("us_equity", False)
    assert lab.bars.load("TEST", "1d").market.name == "us_equity"


@pytest.mark.parametrize(
    ("kind", "zone", "market"),
    [
        ("EQUITY", "Asia/Tokyo", "equity:Asia/Tokyo"),
        ("INDEX", "America/New_York", "us_equity"),
        ("CURRENCY", "Europe/London", "fx"),
        ("CRYPTOCURRENCY", "UTC", "crypto"),
        ("FUTURE", "America/New_York", None),
        ("EQUITY", "Mars/Olympus", None),
        (None, None, None),
    ],
)
def test_what_yahoo_says_of_an_instrument_means_a_market(
    kind: str | None, zone: str | None, market: str | None
) -> None:
    found = _market_of({"instrumentType": kind, "exchangeTimezoneName": zone})
    assert (found and found.name) == market
