"""The market of a load: asked, stored, told by a source, or inferred; never two in one dataset."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ktrdr_engine.bars.market import CRYPTO, FX, US_EQUITY, UTC
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.datasets.listing import dataset_page
from ktrdr_engine.datasets.markets import say_market
from ktrdr_engine.errors import DataError, InvalidRequest
from tests.datasets.conftest import Lab
from tests.datasets.prices import bars, csv, put

HOURS = csv(bars(list(range(48))))


async def test_a_load_says_which_market_it_is_for(lab: Lab) -> None:
    results = await lab.loaded(path=put(lab.home, HOURS), market="equity:Asia/Tokyo")
    assert (results["market"], results["market_inferred"]) == ("equity:Asia/Tokyo", False)
    assert lab.bars.load("TEST", "1h").market.name == "equity:Asia/Tokyo"


async def test_what_nobody_says_is_inferred_from_all_bars(lab: Lab) -> None:
    days = csv(bars([day for day in range(40) if day % 7 < 5], timeframe=Timeframe.D1))
    results = await lab.loaded(path=put(lab.home, days), timeframe="1d")
    assert (results["market"], results["market_inferred"]) == ("utc", True)
    weekends = csv(bars([day for day in range(40) if day % 7 >= 5], timeframe=Timeframe.D1))
    results = await lab.loaded(path=put(lab.home, weekends), timeframe="1d")
    assert (results["market"], results["market_inferred"]) == ("crypto", True)


async def test_a_later_load_keeps_the_market_that_was_said(lab: Lab) -> None:
    await lab.loaded(path=put(lab.home, HOURS), market="fx")
    results = await lab.loaded(path=put(lab.home, csv(bars(list(range(60))))))
    assert results["market"] == "fx"
    assert lab.bars.load("TEST", "1h").market == FX


async def test_another_market_than_stored_is_refused_before_anything_happens(lab: Lab) -> None:
    await lab.loaded(path=put(lab.home, HOURS), market="fx")
    with pytest.raises(InvalidRequest) as refused:
        await lab.load(path="prices.csv", market="crypto")
    assert refused.value.details == {"field": "market", "value": "crypto", "known": ["fx"]}
    results = await lab.loaded(path="prices.csv", market="crypto", on_conflict="replace")
    assert results["market"] == "crypto"
    assert lab.bars.load("TEST", "1h").market == CRYPTO


async def test_a_market_is_said_of_bars_that_are_there_already(lab: Lab) -> None:
    await lab.loaded(path=put(lab.home, HOURS))
    results = await lab.loaded(path="prices.csv", market="us_equity")
    assert (results["new_bars"], results["market"]) == (0, "us_equity")
    assert lab.bars.load("TEST", "1h").market == US_EQUITY


async def test_an_unknown_market_is_refused_by_its_field(lab: Lab) -> None:
    with pytest.raises(DataError, match="us_equity") as refused:
        await lab.load(path=put(lab.home, HOURS), market="us_equities")
    assert refused.value.details["field"] == "market"


async def test_shipped_bars_that_are_taken_over_keep_their_market(lab: Lab) -> None:
    hours = lab.bars.load("EURUSD", "1h")
    stamp = hours.timestamp[-1:] + 1000 * Timeframe.H1.nanoseconds
    more = dataclasses.replace(hours, timestamp=stamp, prices=np.ascontiguousarray(hours.prices[:, -1:]))
    await lab.loaded(symbol="EURUSD", path=put(lab.home, csv(more)))
    assert lab.bars.path("EURUSD", Timeframe.H1).suffix == ".parquet"
    assert lab.bars.load("EURUSD", "1h").market == FX
    assert not lab.bars.load("EURUSD", "1h").market.inferred


async def test_longer_bars_have_the_market_whose_days_made_them(lab: Lab) -> None:
    results = await lab.loaded(symbol="EURUSD", timeframe="1d", source="resample")
    assert (results["market"], results["market_inferred"], results["bars"]) == ("fx", False, 260)
    results = await lab.loaded(symbol="EURUSD", timeframe="1w", source="resample:1d")
    assert (results["market"], results["first_bar"]) == ("fx", "2017-01-01T22:00:00Z")


async def test_longer_bars_are_cut_by_the_market_asked_for(lab: Lab) -> None:
    results = await lab.loaded(symbol="EURUSD", timeframe="1d", source="resample", market="utc")
    assert (results["market"], results["bars"] > 300) == ("utc", True)


async def test_a_list_shows_the_market_and_whether_it_was_said(lab: Lab) -> None:
    await lab.loaded(path=put(lab.home, HOURS))
    rows = {(row.symbol, row.timeframe): row for row in dataset_page(lab.bars).datasets}
    assert (rows["EURUSD", "1h"].market, rows["EURUSD", "1h"].market_inferred) == ("fx", False)
    assert (rows["TEST", "1h"].market, rows["TEST", "1h"].market_inferred) == ("utc", True)


async def test_saying_a_market_changes_no_bar(lab: Lab) -> None:
    await lab.loaded(path=put(lab.home, HOURS))
    before = lab.bars.load("TEST", "1h").sha256()
    say_market("crypto", "TEST", "1h", lab.bars, lab.home)
    assert (lab.bars.load("TEST", "1h").market, lab.bars.load("TEST", "1h").sha256()) == (CRYPTO, before)
    results = await lab.loaded(path="prices.csv")
    assert (results["market"], results["new_bars"]) == ("crypto", 0)
    say_market("utc", "EURUSD", "1h", lab.bars, lab.home)
    assert lab.bars.load("EURUSD", "1h").market == UTC
    assert lab.bars.summary("EURUSD", "1h").source == "shipped"
