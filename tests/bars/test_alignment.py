from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrdr_engine.bars.alignment import MOST_MISSING, check_fresh, newest_closed
from ktrdr_engine.bars.market import CRYPTO, FX, US_EQUITY, UTC, Market, parse_market
from ktrdr_engine.bars.resampling import resample
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.errors import DataError
from tests.bars.timeframes import HOUR, MONDAY, hourly, markets, priced

LONGER = [Timeframe.H4, Timeframe.D1, Timeframe.W1]


def close_of(stamp: int, series: BarSeries) -> int:
    """Return when a bar has closed, by pandas' time zones."""
    if series.timeframe.nanoseconds < Timeframe.D1.nanoseconds or series.market.zone is None:
        return stamp + series.timeframe.nanoseconds
    days = series.timeframe.nanoseconds // Timeframe.D1.nanoseconds
    moment = pd.Timestamp(stamp, tz="UTC")
    if series.market.has_local_dates:
        local = moment.tz_localize(None).tz_localize(series.market.zone)
    else:
        local = moment.tz_convert(series.market.zone)
    return int((local + pd.DateOffset(days=days)).as_unit("ns").value)


def by_hand(base: BarSeries, higher: BarSeries) -> list[int]:
    """Look, at each close, through all longer bars for the last one that has closed."""
    closes = [close_of(stamp, higher) for stamp in higher.timestamp.tolist()]
    seen = []
    for opened in base.timestamp.tolist():
        closed = [i for i, close in enumerate(closes) if close <= close_of(opened, base)]
        seen.append(closed[-1] if closed else -1)
    return seen


def test_a_longer_bar_is_seen_from_its_close_on() -> None:
    base = hourly(np.arange(10))
    assert newest_closed(base, resample(base, Timeframe.H4)).tolist() == [-1, -1, -1, 0, 0, 0, 0, 1, 1, 1]


def in_march(market: Market, length: Timeframe = Timeframe.H1, bars: int = 1_000) -> BarSeries:
    """Return bars around the clock over the weeks in which clocks change in New York, and elsewhere."""
    first = pd.Timestamp("2024-02-26 00:00", tz="UTC").value
    series = priced(
        first + np.arange(bars) * length.nanoseconds, np.asarray(100 + np.arange(bars) % 7, np.float64), length
    )
    return replace(series, market=market)


@pytest.mark.parametrize("market", [FX, US_EQUITY, parse_market("equity:Europe/Berlin"), CRYPTO])
@pytest.mark.parametrize("timeframe", [Timeframe.D1, Timeframe.W1])
def test_a_day_of_23_hours_closes_an_hour_earlier(market: Market, timeframe: Timeframe) -> None:
    base = in_march(market)
    higher = resample(base, timeframe)
    seen = newest_closed(base, higher)
    assert seen.tolist() == by_hand(base, higher)
    closes = [close_of(stamp, higher) for stamp in higher.timestamp.tolist()]
    assert all(closes[newest] <= now for newest, now in zip(seen, base.timestamp + HOUR, strict=True) if newest >= 0)


@pytest.mark.parametrize("market", [FX, US_EQUITY, parse_market("equity:Asia/Tokyo"), CRYPTO])
@pytest.mark.parametrize("length", [Timeframe.M30, Timeframe.H1, Timeframe.H4, Timeframe.D1])
def test_what_a_bar_knows_of_days_and_weeks_does_not_change_with_the_future(market: Market, length: Timeframe) -> None:
    base = in_march(market, length)
    prices = base.prices.copy()
    cut = 571
    prices[:4, cut:] *= 3
    changed = replace(base, prices=prices)
    for timeframe in (Timeframe.D1, Timeframe.W1):
        if timeframe is length:
            continue
        higher, other = resample(base, timeframe), resample(changed, timeframe)
        seen = newest_closed(base, higher)[:cut]
        known = int(seen[-1]) + 1
        assert known > 0
        assert higher.prices[:, :known].tobytes() == other.prices[:, :known].tobytes()


def test_a_daily_file_stamped_by_date_is_known_when_its_day_has_closed() -> None:
    midnight = pd.Timestamp("2024-01-09", tz="UTC").value
    base = replace(priced(midnight + np.arange(48) * HOUR, np.full(48, 1.0)), market=FX)
    daily = replace(priced(np.array([midnight]), np.array([1.0]), Timeframe.D1), market=FX)
    # It may hold the hours until midnight UTC; the bar that opens at 23:00 is the first to know it.
    assert newest_closed(base, daily).tolist() == [-1] * 23 + [0] * 25
    shares = replace(daily, market=US_EQUITY)
    # That of an exchange ends with the date in New York, at 05:00 UTC.
    assert newest_closed(replace(base, market=US_EQUITY), shares).tolist() == [-1] * 28 + [0] * 20


@pytest.mark.parametrize("timeframe", LONGER)
def test_the_bars_of_a_real_year_are_aligned_as_by_hand(timeframe: Timeframe) -> None:
    base = BarStore((shipped_root(),)).load("EURUSD", "1h").between(0, 700)
    higher = resample(base, timeframe)
    assert newest_closed(base, higher).tolist() == by_hand(base, higher)


@settings(max_examples=60)
@given(markets(), st.sampled_from(LONGER))
def test_no_bar_that_is_seen_holds_a_later_one(base: BarSeries, timeframe: Timeframe) -> None:
    higher = resample(base, timeframe)
    seen = newest_closed(base, higher)
    assert seen.tolist() == by_hand(base, higher)
    for row, newest in enumerate(seen[:-1].tolist()):
        assert newest < 0 or higher.timestamp[newest] + timeframe.nanoseconds <= base.timestamp[row + 1]


@settings(max_examples=60)
@given(markets(), st.sampled_from(LONGER), st.data())
def test_a_prefix_sees_what_the_whole_saw(base: BarSeries, timeframe: Timeframe, data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(base)))
    part = base.between(0, cut)
    whole_bars, part_bars = resample(base, timeframe), resample(part, timeframe)
    whole, seen = newest_closed(base, whole_bars)[:cut], newest_closed(part, part_bars)
    assert whole.tolist() == seen.tolist()
    known = int(seen[-1]) + 1
    assert whole_bars.prices[:, :known].tobytes() == part_bars.prices[:, :known].tobytes()


def test_bars_that_overlap_where_a_longer_one_closes_are_refused() -> None:
    stamps = MONDAY + np.array([2 * HOUR, 3 * HOUR, 3 * HOUR + HOUR // 2])
    base = priced(stamps, np.array([1.0, 2.0, 3.0]))
    higher = priced(np.array([MONDAY]), np.array([1.0]), Timeframe.H4)
    with pytest.raises(DataError, match=r"03:00:00Z and 1970-01-05T03:30:00Z overlap, so 4h bars cannot be aligned"):
        newest_closed(base, higher)


def test_bars_that_overlap_elsewhere_do_no_harm() -> None:
    base = priced(MONDAY + np.array([0, HOUR // 2, 3 * HOUR]), np.array([1.0, 2.0, 3.0]))
    higher = priced(np.array([MONDAY]), np.array([1.0]), Timeframe.H4)
    assert newest_closed(base, higher).tolist() == [-1, -1, 0]


@given(markets(), st.sampled_from(LONGER))
def test_bars_made_from_the_shorter_ones_are_always_fresh(base: BarSeries, timeframe: Timeframe) -> None:
    check_fresh(base, resample(base, timeframe), 0)


def test_a_file_may_begin_later() -> None:
    base = hourly(np.arange(200))
    higher = resample(base, Timeframe.H4)
    check_fresh(base, higher.between(30, len(higher)), 0)


@pytest.mark.parametrize("missing", range(8))
def test_a_file_that_ends_before_the_range_is_refused(missing: int) -> None:
    base = hourly(np.arange(200))
    higher = resample(base, Timeframe.H4)
    ended = higher.between(0, len(higher) - missing)
    if missing <= MOST_MISSING:
        check_fresh(base, ended, 0)
        return
    with pytest.raises(DataError, match=r"TEST 4h has no bars from .* to 1970-01-13T07:00:00Z, .*remove the 4h file"):
        check_fresh(base, ended, 0)
    check_fresh(base.between(0, 200 - 4 * missing), ended, 0)


@pytest.mark.parametrize("missing", range(8))
def test_a_hole_in_a_file_is_refused_where_it_lies_in_the_range(missing: int) -> None:
    base = hourly(np.arange(200))
    higher = resample(base, Timeframe.H4)
    kept = np.r_[0:10, 10 + missing : len(higher)]
    holed = BarSeries("TEST", Timeframe.H4, higher.timestamp[kept], np.ascontiguousarray(higher.prices[:, kept]))
    check_fresh(base, holed, 80)
    if missing <= MOST_MISSING:
        check_fresh(base, holed, 0)
        return
    with pytest.raises(DataError, match="from 1970-01-06T16:00:00Z to 1970-01-07T") as caught:
        check_fresh(base, holed, 0)
    assert caught.value.details["missing"]["start"] == "1970-01-06T16:00:00Z"


def test_a_time_without_any_bars_is_no_hole() -> None:
    base = hourly(np.r_[0:100, 1000:1100])
    check_fresh(base, resample(base, Timeframe.H4), 0)


def test_a_daily_file_without_sundays_is_fresh() -> None:
    base = replace(BarStore((shipped_root(),)).load("EURUSD", "1h"), market=UTC)
    daily = resample(base, Timeframe.D1)
    weekdays = np.flatnonzero((daily.timestamp - MONDAY) // (24 * HOUR) % 7 < 5)
    assert 250 < len(weekdays) < len(daily)
    kept = BarSeries("EURUSD", Timeframe.D1, daily.timestamp[weekdays], daily.prices[:, weekdays].copy())
    check_fresh(base, kept, 0)
