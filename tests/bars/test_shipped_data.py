from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from decimal import Decimal

import numpy as np
import pytest

from ktrdr_engine.bars.dates import format_stamp, parse_bound
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.catalog import shipped_root
from scripts.build_data import DATASETS, forex, index, stock

DATA = shipped_root() / "data"
STORE = BarStore((shipped_root(),))


@pytest.mark.parametrize(
    ("symbol", "timeframe", "bars", "first", "last"),
    [
        ("EURUSD", "1h", 6225, "2017-01-01T22:00:00Z", "2017-12-29T21:00:00Z"),
        ("AAPL", "1d", 3270, "2000-03-01T00:00:00Z", "2013-03-01T00:00:00Z"),
        ("MSFT", "1d", 3270, "2000-03-01T00:00:00Z", "2013-03-01T00:00:00Z"),
        ("IBM", "1d", 3270, "2000-03-01T00:00:00Z", "2013-03-01T00:00:00Z"),
        ("GOOG", "1d", 2148, "2004-08-19T00:00:00Z", "2013-03-01T00:00:00Z"),
        ("SPX", "1d", 5031, "1999-01-04T00:00:00Z", "2018-12-31T00:00:00Z"),
    ],
)
def test_shipped_prices_are_the_promised_bars(symbol: str, timeframe: str, bars: int, first: str, last: str) -> None:
    summary = STORE.summary(symbol, timeframe)
    assert (summary.bars, format_stamp(summary.first), format_stamp(summary.last)) == (bars, first, last)
    assert summary.source == "shipped"


def test_the_script_builds_exactly_what_is_shipped() -> None:
    assert sorted((dataset.symbol, dataset.timeframe) for dataset in DATASETS) == STORE.datasets()


def test_the_script_says_the_market_that_is_shipped() -> None:
    for dataset in DATASETS:
        assert STORE.load(dataset.symbol, dataset.timeframe).market.name == dataset.market


def test_the_readme_tells_the_digest_and_count_of_every_file() -> None:
    told = re.findall(r"\| `(\S+\.csv)` \| (\d+) \| `([0-9a-f]{64})` \|", (DATA / "README.md").read_text())
    found = [
        (path.name, str(path.read_text().count("\n") - 1), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in DATA.glob("*.csv")
    ]
    assert sorted(told) == sorted(found)


@pytest.mark.parametrize(("symbol", "day"), [("AAPL", "2000-06-21"), ("AAPL", "2005-02-28"), ("MSFT", "2003-02-18")])
def test_a_split_moves_neither_price_nor_volume(symbol: str, day: str) -> None:
    series = STORE.load(symbol, "1d")
    row = int(np.searchsorted(series.timestamp, parse_bound(day, end=False)))
    assert series.open[row] == pytest.approx(series.close[row - 1], rel=0.1)
    assert 0.3 < series.volume[row] / series.volume[row - 1] < 3


def test_forex_weeks_open_when_the_market_does() -> None:
    stamps = STORE.load("EURUSD", "1h").timestamp.view("datetime64[ns]")
    hours = stamps.astype("datetime64[h]").astype(np.int64) % 24
    sundays = stamps.astype("datetime64[D]").astype(np.int64) % 7 == 3
    assert set(hours[sundays]) == {21, 22, 23}


def quotes(days: list[tuple[str, str, str]]) -> list[dict[str, str]]:
    def rows() -> Iterator[dict[str, str]]:
        for day, price, adjusted in days:
            prices = dict.fromkeys(("Open", "High", "Low", "Close"), price)
            yield {"Ticker": "X", "Date": day, **prices, "Volume": "10", "Adj Close": adjusted}

    return [*rows(), {"Ticker": "Y"}]


def test_bars_before_splits_are_restated_exactly() -> None:
    days = [("d1", "60.30", "9.045"), ("d2", "20.10", "9.045"), ("d3", "20.10", "9.1"), ("d4", "10.05", "9.1")]
    converted = list(stock(quotes(days), "X"))
    assert [(row[0], Decimal(row[4]), row[5]) for row in converted] == [
        ("d1", Decimal("10.05"), "60"),
        ("d2", Decimal("10.05"), "20"),
        ("d3", Decimal("10.05"), "20"),
        ("d4", Decimal("10.05"), "10"),
    ]


def test_a_jump_that_is_no_split_stops_the_build() -> None:
    with pytest.raises(SystemExit, match=r"d2: the adjusted close jumps by 1\.6"):
        list(stock(quotes([("d1", "10", "5"), ("d2", "10", "8")]), "X"))


def test_stamps_of_the_sources_become_iso() -> None:
    prices = dict.fromkeys(("Open", "High", "Low", "Close"), "1.5") | {"Volume": "7"}
    assert list(forex([{"Time": "29.12.2017 21:00:00.000", **prices}], "EURUSD")) == [
        ("2017-12-29T21:00:00Z", "1.5", "1.5", "1.5", "1.5", "7")
    ]
    assert next(index([{"Date": "1/4/1999", **prices}], "SPX"))[0] == "1999-01-04"
