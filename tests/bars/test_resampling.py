from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrdr_engine.bars.dates import parse_stamp
from ktrdr_engine.bars.days import bucket_stamps
from ktrdr_engine.bars.market import FX, US_EQUITY, UTC, Market, parse_market
from ktrdr_engine.bars.resampling import resample
from ktrdr_engine.bars.series import PRICE_COLUMNS, BarSeries
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.errors import DataError

ALL = list(Timeframe)
PANDAS_RULES = {
    Timeframe.M5: "5min",
    Timeframe.M15: "15min",
    Timeframe.M30: "30min",
    Timeframe.H1: "1h",
    Timeframe.H4: "4h",
    Timeframe.D1: "1D",
    Timeframe.W1: "W-MON",
}
PAIRS = [(short, long) for short in ALL for long in ALL if short.nanoseconds < long.nanoseconds]


def random_bars(short: Timeframe, seed: int, n: int = 3_000) -> BarSeries:
    """Return bars on the timeframe's own grid, with gaps, from a random start."""
    random = np.random.default_rng(seed)
    first = bucket_stamps(np.array([1_000_000_000_000_000_000 + seed * 10**14]), Timeframe.M1, UTC, short)[0]
    stamps = first + short.nanoseconds * np.flatnonzero(np.append(True, random.random(n - 1) < 0.7))
    close = np.exp(random.normal(0, 0.01, len(stamps)).cumsum())
    open_ = close * np.exp(random.normal(0, 0.005, len(stamps)))
    high, low = np.maximum(open_, close) * 1.001, np.minimum(open_, close) * 0.999
    volume = random.lognormal(3, 4, len(stamps))
    rows = dict(zip(PRICE_COLUMNS, (open_, high, low, close, volume), strict=True))
    return BarSeries.from_columns("TEST", short, {"timestamp": stamps, **rows})


def by_pandas(series: BarSeries, timeframe: Timeframe) -> tuple[list[int], np.ndarray]:
    frame = pd.DataFrame(series.prices.T, index=pd.to_datetime(series.timestamp, utc=True), columns=list(PRICE_COLUMNS))
    buckets = frame.resample(PANDAS_RULES[timeframe], closed="left", label="left")
    longer = buckets.agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}).dropna()
    return [stamp.value for stamp in longer.index], np.ascontiguousarray(longer.to_numpy().T)


@pytest.mark.parametrize(("short", "long"), PAIRS, ids=[f"{short}-{long}" for short, long in PAIRS])
def test_bars_are_those_of_pandas_to_the_bit(short: Timeframe, long: Timeframe) -> None:
    series = random_bars(short, seed=7)
    longer, (stamps, prices) = resample(series, long), by_pandas(series, long)
    assert (longer.symbol, longer.timeframe) == ("TEST", long)
    assert longer.timestamp.tolist() == stamps
    assert longer.prices.tobytes() == prices.tobytes()


@given(seed=st.integers(0, 10_000), pair=st.sampled_from(PAIRS), n=st.integers(1, 400))
def test_any_bars_are_those_of_pandas_to_the_bit(seed: int, pair: tuple[Timeframe, Timeframe], n: int) -> None:
    series = random_bars(pair[0], seed, n)
    longer, (stamps, prices) = resample(series, pair[1]), by_pandas(series, pair[1])
    assert longer.timestamp.tolist() == stamps
    assert longer.prices.tobytes() == prices.tobytes()


@given(seed=st.integers(0, 10_000), pair=st.sampled_from(PAIRS), cut=st.integers(1, 200))
def test_more_bars_change_no_bucket_but_the_last(seed: int, pair: tuple[Timeframe, Timeframe], cut: int) -> None:
    series = random_bars(pair[0], seed, 500)
    part, whole = resample(series.between(0, cut), pair[1]), resample(series, pair[1])
    settled = len(part) - 1
    assert part.timestamp.tolist() == whole.timestamp[: len(part)].tolist()
    assert part.prices[:, :settled].tobytes() == whole.prices[:, :settled].tobytes()


def by_trading_day(series: BarSeries, market: Market) -> pd.DataFrame:
    """Return the bars of each trading day, by pandas' time zones."""
    local = pd.to_datetime(series.timestamp, utc=True).tz_convert(market.zone or "UTC").tz_localize(None)
    days = (local - pd.Timedelta(hours=market.day_begins)).normalize()
    frame = pd.DataFrame(series.prices.T, columns=list(PRICE_COLUMNS)).groupby(days)
    return frame.agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"})


def test_shipped_hours_make_foreign_exchange_days_without_sundays() -> None:
    series = BarStore((shipped_root(),)).load("EURUSD", "1h")
    days, expected = resample(series, Timeframe.D1), by_trading_day(series, FX)
    assert len(days) == 260
    dates = pd.DatetimeIndex(expected.index)
    assert set(dates.day_of_week) == {0, 1, 2, 3, 4}
    opens = (dates - pd.Timedelta(hours=7)).tz_localize("America/New_York").tz_convert("UTC")
    assert days.timestamp.tolist() == opens.as_unit("ns").asi8.tolist()
    np.testing.assert_allclose(days.prices, expected.to_numpy().T, rtol=1e-12)


def test_foreign_exchange_weeks_have_five_days_and_are_the_same_from_hours_or_days() -> None:
    series = BarStore((shipped_root(),)).load("EURUSD", "1h")
    weeks, days = resample(series, Timeframe.W1), resample(series, Timeframe.D1)
    assert len(weeks) == 52
    from_days = resample(days, Timeframe.W1)
    assert from_days.timestamp.tolist() == weeks.timestamp.tolist()
    np.testing.assert_allclose(from_days.prices, weeks.prices, rtol=1e-12)


def test_bars_of_four_hours_make_the_same_foreign_exchange_days() -> None:
    series = BarStore((shipped_root(),)).load("EURUSD", "1h")
    assert resample(resample(series, Timeframe.H4), Timeframe.D1).timestamp.tolist() == (
        resample(series, Timeframe.D1).timestamp.tolist()
    )


@given(
    seed=st.integers(0, 10_000),
    market=st.sampled_from(
        [UTC, FX, US_EQUITY, parse_market("equity:Asia/Tokyo"), parse_market("equity:Africa/Cairo")]
    ),
    short=st.sampled_from([Timeframe.M1, Timeframe.M30, Timeframe.H1]),
)
def test_days_are_those_of_the_market_in_pandas(seed: int, market: Market, short: Timeframe) -> None:
    series = replace(random_bars(short, seed, 2_000), market=market)
    days, expected = resample(series, Timeframe.D1), by_trading_day(series, market)
    np.testing.assert_allclose(days.prices, expected.to_numpy().T, rtol=1e-9)
    assert days.market == market
    if market.has_local_dates:
        assert days.timestamp.tolist() == pd.DatetimeIndex(expected.index).as_unit("ns").asi8.tolist()


@pytest.mark.parametrize(
    ("timeframe", "instant", "opens"),
    [
        ("4h", "2024-03-06T11:59:00Z", "2024-03-06T08:00:00Z"),
        ("1d", "2024-03-06T23:59:00Z", "2024-03-06T00:00:00Z"),
        ("1w", "2024-03-10T23:59:00Z", "2024-03-04T00:00:00Z"),
        ("1w", "2024-03-11T00:00:00Z", "2024-03-11T00:00:00Z"),
        ("1w", "1969-12-31T12:00:00Z", "1969-12-29T00:00:00Z"),
    ],
)
def test_buckets_lie_on_utc_and_weeks_begin_on_monday(timeframe: str, instant: str, opens: str) -> None:
    stamp = np.array([parse_stamp(instant)[0]])
    assert bucket_stamps(stamp, Timeframe.M1, UTC, Timeframe(timeframe)).tolist() == [parse_stamp(opens)[0]]


def test_the_same_timeframe_is_the_same_series() -> None:
    series = random_bars(Timeframe.H1, seed=1)
    assert resample(series, Timeframe.H1) is series


def test_shorter_bars_cannot_be_made() -> None:
    with pytest.raises(DataError, match="TEST 4h bars cannot make 1h bars, only longer ones: 1d, 1w"):
        resample(random_bars(Timeframe.H4, seed=1), Timeframe.H1)


def test_nothing_is_longer_than_a_week() -> None:
    with pytest.raises(DataError, match="there are none"):
        resample(random_bars(Timeframe.W1, seed=1), Timeframe.D1)


def test_a_bar_that_reaches_into_the_next_bucket_is_refused() -> None:
    series = random_bars(Timeframe.H1, seed=1)
    half_past = BarSeries("TEST", Timeframe.H1, series.timestamp + 1_800_000_000_000, series.prices.copy())
    with pytest.raises(DataError, match=r"the bar of .* reaches over .*, where its 4h bar closes") as refused:
        resample(half_past, Timeframe.H4)
    assert refused.value.details["field"] == "timeframe"


def test_the_result_cannot_be_changed() -> None:
    days = resample(random_bars(Timeframe.H1, seed=1), Timeframe.D1)
    with pytest.raises(ValueError, match="read-only"):
        days.prices[0, 0] = 1.0
