"""Trading days and drawdowns of an equity curve."""

from __future__ import annotations

from datetime import UTC as UTC_ZONE
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ktrdr_engine.bars.days import DAY_NS
from ktrdr_engine.bars.market import CRYPTO, FX, US_EQUITY, UTC, Market, parse_market
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.metrics.curve import EquityCurve, measure, warm_up

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MONDAY = datetime(2024, 1, 1, tzinfo=UTC_ZONE)
FRIDAY = datetime(2024, 1, 5, tzinfo=UTC_ZONE)


def stamps(*moments: datetime) -> NDArray[np.int64]:
    epoch = datetime(1970, 1, 1, tzinfo=UTC_ZONE)
    return np.array([(moment - epoch) // timedelta(microseconds=1) * 1000 for moment in moments], np.int64)


def every(step: timedelta, count: int, start: datetime = MONDAY) -> NDArray[np.int64]:
    return stamps(*(start + step * k for k in range(count)))


def curve(at: NDArray[np.int64], *equity: float) -> EquityCurve:
    return measure(at, np.array(equity, np.float64), 100.0, timeframe=Timeframe.M1, market=UTC)


def test_the_last_bar_of_each_utc_day_is_its_value_after_the_initial_capital() -> None:
    at = stamps(MONDAY + 22 * HOUR, MONDAY + 23 * HOUR, MONDAY + 24 * HOUR, MONDAY + 25 * HOUR)
    assert curve(at, 101, 102, 103, 104).daily.tolist() == [100, 102, 104]


def test_a_bar_at_midnight_belongs_to_the_day_that_begins() -> None:
    assert curve(stamps(MONDAY, MONDAY + DAY), 101, 102).daily.tolist() == [100, 101, 102]


def test_days_without_bars_have_no_return() -> None:
    assert curve(stamps(MONDAY, MONDAY + 3 * DAY), 101, 102).daily.tolist() == [100, 101, 102]


TOKYO = parse_market("equity:Asia/Tokyo")


def by_pandas(at: NDArray[np.int64], equity: NDArray[np.float64], market: Market) -> list[float]:
    """Return the last equity of each trading day, by pandas' time zones."""
    local = pd.to_datetime(at, utc=True).tz_convert(market.zone or "UTC").tz_localize(None)
    days = (local - pd.Timedelta(hours=market.day_begins)).normalize()
    return [100.0, *pd.Series(equity, days).groupby(level=0).last().tolist()]


@settings(max_examples=60, deadline=None)
@given(
    market=st.sampled_from([UTC, CRYPTO, FX, US_EQUITY, TOKYO, parse_market("equity:Australia/Lord_Howe")]),
    start=st.datetimes(datetime(1950, 1, 1), datetime(2030, 1, 1)),
    steps=st.lists(st.integers(1, 5_000), min_size=1, max_size=200),
)
def test_daily_values_are_those_of_the_last_bar_of_each_day_in_the_market_s_zone(
    market: Market, start: datetime, steps: list[int]
) -> None:
    first = int(np.datetime64(start, "m").astype(np.int64))
    at = (first + np.cumsum(steps)) * 60_000_000_000
    equity = np.arange(1.0, len(at) + 1)
    measured = measure(at, equity, 100.0, timeframe=Timeframe.M1, market=market)
    assert measured.daily.tolist() == by_pandas(at, equity, market)
    assert measured.annualization == market.days_a_year
    assert (np.diff(measured.days) > 0).all()
    assert len(measured.days) == len(measured.daily) - 1


def test_a_foreign_exchange_day_ends_at_17_in_new_york_in_summer_and_in_winter() -> None:
    winter, summer = datetime(2024, 1, 9, tzinfo=UTC_ZONE), datetime(2024, 7, 9, tzinfo=UTC_ZONE)
    for day, closes in ((winter, 22), (summer, 21)):
        at = stamps(*(day + k * HOUR for k in (closes - 1, closes)))
        measured = measure(at, np.array([101.0, 102.0]), 100.0, timeframe=Timeframe.H1, market=FX)
        assert measured.daily.tolist() == [100, 101, 102]


def test_the_sunday_evening_of_foreign_exchange_is_monday() -> None:
    sunday = datetime(2024, 1, 7, 22, tzinfo=UTC_ZONE)
    measured = measure(every(HOUR, 24, sunday), np.arange(24.0), 100.0, timeframe=Timeframe.H1, market=FX)
    assert measured.days.astype("datetime64[D]").astype(str).tolist() == ["2024-01-08"]


def test_bars_of_four_hours_on_utc_make_five_foreign_exchange_days_a_week() -> None:
    for month in (1, 7):
        sunday = datetime(2024, month, 7, 20, tzinfo=UTC_ZONE)
        week = every(4 * HOUR, 31, sunday)  # until Friday 20:00, which reaches beyond 17:00 in New York
        measured = measure(week, np.arange(31.0), 100.0, timeframe=Timeframe.H4, market=FX)
        assert ((measured.days + 3) % 7).tolist() == [0, 1, 2, 3, 4]


def test_a_market_that_never_closes_has_365_days_a_year_also_from_monday_to_friday() -> None:
    at = every(6 * HOUR, 4 * 5)
    measured = measure(at, np.arange(1.0, 21.0), 100.0, timeframe=Timeframe.H1, market=CRYPTO)
    assert measured.annualization == 365
    assert measured.daily.tolist() == [100, *range(4, 21, 4)]


@pytest.mark.parametrize("market", [UTC, FX, US_EQUITY, TOKYO])
@pytest.mark.parametrize("weekday", range(7))
@pytest.mark.parametrize(("timeframe", "a_year"), [(Timeframe.D1, 252), (Timeframe.W1, 52)])
def test_daily_and_weekly_bars_are_a_value_each_whatever_day_they_are_stamped(
    timeframe: Timeframe, a_year: int, weekday: int, market: Market
) -> None:
    step = timedelta(microseconds=timeframe.nanoseconds // 1000)
    at = every(step, 4, MONDAY + weekday * DAY + 22 * HOUR)
    measured = measure(at, np.array([1.0, 2.0, 3.0, 4.0]), 100.0, timeframe=timeframe, market=market)
    assert (measured.annualization, measured.daily.tolist()) == (a_year, [100, 1, 2, 3, 4])


def test_daily_bars_of_foreign_exchange_stamped_at_17_in_new_york_are_a_day_each_all_year() -> None:
    local = pd.date_range("2024-01-01 17:00", "2024-12-31 17:00", tz="America/New_York")
    at = local[local.day_of_week.isin([6, 0, 1, 2, 3])].as_unit("ns").asi8
    measured = measure(at, np.arange(1.0, len(at) + 1), 100.0, timeframe=Timeframe.D1, market=FX)
    assert len(measured.days) == len(at)
    assert set(((measured.days + 3) % 7).tolist()) == {0, 1, 2, 3, 4}


def test_a_daily_bar_of_an_exchange_stamped_at_midnight_utc_is_of_that_date() -> None:
    measured = measure(every(DAY, 3), np.array([1.0, 2.0, 3.0]), 100.0, timeframe=Timeframe.D1, market=US_EQUITY)
    assert measured.days.astype("datetime64[D]").astype(str).tolist() == ["2024-01-01", "2024-01-02", "2024-01-03"]


def test_days_before_1970_are_days_too() -> None:
    friday = datetime(1929, 10, 25, tzinfo=UTC_ZONE)
    at = stamps(friday, friday + 20 * HOUR, friday + 3 * DAY)
    assert curve(at, 90, 95, 80).daily.tolist() == [100, 95, 80]


def test_a_loss_on_the_first_bar_is_a_drawdown_from_the_initial_capital() -> None:
    assert curve(every(DAY, 2), 75, 80).max_drawdown == 0.25


def test_the_largest_drawdown_is_relative_to_its_own_peak() -> None:
    assert curve(every(HOUR, 6), 200, 150, 300, 210, 310, 300).max_drawdown == pytest.approx(0.3)


def test_drawdowns_are_seen_inside_a_day() -> None:
    assert curve(every(HOUR, 3), 100, 50, 100).max_drawdown == 0.5


def test_a_rising_curve_is_never_under_water() -> None:
    measured = curve(every(DAY, 3), 101, 102, 103)
    assert (measured.max_drawdown, measured.underwater_days) == (0.0, 0.0)


def test_a_level_curve_is_never_under_water() -> None:
    assert curve(every(DAY, 5), *[100.0] * 5).underwater_days == 0.0


def test_the_time_under_water_runs_from_the_peak_to_the_recovery() -> None:
    # Peak on day 1, recovered on day 4: three days. The later dip lasts one.
    assert curve(every(DAY, 7), 100, 120, 110, 100, 120, 119, 121).underwater_days == 3.0


def test_the_time_under_water_runs_to_the_end_without_a_recovery() -> None:
    assert curve(every(12 * HOUR, 6), 100, 120, 110, 100, 110, 119).underwater_days == 2.0


def test_the_time_under_water_counts_from_the_last_bar_at_the_peak() -> None:
    assert curve(every(DAY, 5), 120, 120, 120, 110, 120).underwater_days == 2.0


def test_the_initial_capital_is_a_peak_at_the_first_bar() -> None:
    assert curve(every(DAY, 4), 90, 90, 90, 95).underwater_days == 3.0


def test_the_time_under_water_is_in_calendar_days() -> None:
    assert curve(stamps(FRIDAY, FRIDAY + 3 * DAY), 100, 99).underwater_days == 3.0


def test_the_mean_is_over_all_bars() -> None:
    assert curve(every(HOUR, 3), 1, 2, 6).mean == 3.0


def test_strided_and_integer_arrays_are_read_as_what_they_mean() -> None:
    assert (
        measure(every(HOUR, 6)[::2], np.array([1, 9, 2, 9, 6, 9])[::2], 100.0, timeframe=Timeframe.M1, market=UTC).mean
        == 3.0
    )


def test_read_only_arrays_are_accepted() -> None:
    at, equity = every(DAY, 3), np.array([1.0, 2.0, 3.0])
    at.flags.writeable = equity.flags.writeable = False
    warm_up()
    assert measure(at, equity, 1.0, timeframe=Timeframe.M1, market=UTC).mean == 2.0


@settings(max_examples=100, deadline=None)
@given(
    hours=st.lists(st.integers(1, 100), min_size=1, max_size=60),
    values=st.lists(st.floats(1, 1000), min_size=60, max_size=60),
    first=st.integers(-2000, 2000),
)
def test_any_curve_agrees_with_a_plain_reading(hours: list[int], values: list[float], first: int) -> None:
    at = (np.cumsum([first, *hours]) * 3600 * 10**9).astype(np.int64)
    equity = values[: len(at)]
    at = at[: len(equity)]
    measured = measure(at, np.array(equity), 100.0, timeframe=Timeframe.M1, market=UTC)

    moments = [datetime(1970, 1, 1, tzinfo=UTC_ZONE) + timedelta(microseconds=int(stamp) // 1000) for stamp in at]
    ends: dict[object, float] = {}
    for moment, value in zip(moments, equity, strict=True):
        ends[moment.date()] = value
    assert measured.daily.tolist() == [100.0, *ends.values()]

    peaks = np.maximum.accumulate([100.0, *equity])
    drawdown = float(((peaks - [100.0, *equity]) / peaks).max())
    assert measured.max_drawdown == pytest.approx(drawdown, abs=1e-15)
    assert 0 <= measured.max_drawdown <= 1
    assert measured.mean == pytest.approx(np.mean(equity))

    longest = 0
    points = [(int(at[0]), 100.0), *zip(at.tolist(), equity, strict=True)]
    for k, (since, peak) in enumerate(points):
        if peak == max(value for _, value in points[: k + 1]):
            later = points[k + 1 :]
            recovered = next((j for j, (_, value) in enumerate(later) if value >= peak), len(later))
            if recovered:
                longest = max(longest, later[min(recovered, len(later) - 1)][0] - since)
    assert measured.underwater_days == pytest.approx(longest / DAY_NS)


def test_each_value_knows_the_trading_day_it_ends() -> None:
    monday = int(stamps(MONDAY)[0] // DAY_NS)
    assert curve(stamps(MONDAY, MONDAY + HOUR, FRIDAY), 1, 2, 3).days.tolist() == [monday, monday + 4]
