"""Days, weekends and drawdowns of an equity curve."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ktrdr_engine.metrics.curve import EquityCurve, measure, warm_up
from ktrdr_engine.metrics.kernel import DAY_NS

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
FRIDAY = datetime(2024, 1, 5, tzinfo=UTC)


def stamps(*moments: datetime) -> NDArray[np.int64]:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return np.array([(moment - epoch) // timedelta(microseconds=1) * 1000 for moment in moments], np.int64)


def every(step: timedelta, count: int, start: datetime = MONDAY) -> NDArray[np.int64]:
    return stamps(*(start + step * k for k in range(count)))


def curve(at: NDArray[np.int64], *equity: float) -> EquityCurve:
    return measure(at, np.array(equity, np.float64), 100.0)


def test_the_last_bar_of_each_utc_day_is_its_value_after_the_initial_capital() -> None:
    at = stamps(MONDAY + 22 * HOUR, MONDAY + 23 * HOUR, MONDAY + 24 * HOUR, MONDAY + 25 * HOUR)
    assert curve(at, 101, 102, 103, 104).daily.tolist() == [100, 102, 104]


def test_a_bar_at_midnight_belongs_to_the_day_that_begins() -> None:
    assert curve(stamps(MONDAY, MONDAY + DAY), 101, 102).daily.tolist() == [100, 101, 102]


def test_days_without_bars_have_no_return() -> None:
    assert curve(stamps(MONDAY, MONDAY + 3 * DAY), 101, 102).daily.tolist() == [100, 101, 102]


def after_a_week(*moments: datetime) -> EquityCurve:
    """Measure hourly bars from Monday to early Friday at 1, then bars at 2, 3 and so on."""
    at = np.concatenate((every(HOUR, 98), stamps(*moments)))
    return curve(at, *[1] * 98, *range(2, 2 + len(moments)))


def test_sunday_evening_folds_into_monday_where_weekends_are_closed() -> None:
    sunday = FRIDAY + 2 * DAY + 22 * HOUR
    measured = after_a_week(FRIDAY + 20 * HOUR, sunday, sunday + HOUR, sunday + 2 * HOUR, sunday + 12 * HOUR)
    assert measured.annualization == 252
    assert measured.daily.tolist() == [100, 1, 1, 1, 1, 2, 6]


def test_saturday_and_sunday_fold_into_one_monday() -> None:
    measured = after_a_week(FRIDAY + DAY, FRIDAY + 2 * DAY, FRIDAY + 3 * DAY)
    assert measured.daily.tolist() == [100, 1, 1, 1, 1, 1, 4]


def test_a_weekend_that_ends_the_data_is_one_day() -> None:
    assert after_a_week(FRIDAY + DAY, FRIDAY + 2 * DAY).daily.tolist() == [100, 1, 1, 1, 1, 1, 3]


def test_a_weekend_before_a_monday_without_bars_is_a_day_of_its_own() -> None:
    assert after_a_week(FRIDAY + 2 * DAY, FRIDAY + 4 * DAY).daily.tolist() == [100, 1, 1, 1, 1, 1, 2, 3]


def test_a_market_that_never_closes_has_365_days_a_year() -> None:
    measured = curve(every(6 * HOUR, 4 * 14), *range(1, 57))
    assert measured.annualization == 365
    assert measured.daily.tolist() == [100, *range(4, 57, 4)]


@pytest.mark.parametrize(("weekend_bars", "annualization"), [(17, 252), (18, 365)])
def test_more_than_17_percent_of_weekend_bars_make_a_market_that_never_closes(
    weekend_bars: int, annualization: int
) -> None:
    minute = timedelta(minutes=1)
    at = np.concatenate((every(minute, 100 - weekend_bars, FRIDAY), every(minute, weekend_bars, FRIDAY + DAY)))
    assert curve(at, *([100.0] * 100)).annualization == annualization


def test_daily_bars_of_an_exchange_have_252_days_a_year() -> None:
    weekdays = [MONDAY + k * DAY for k in range(28) if k % 7 < 5]
    assert curve(stamps(*weekdays), *range(1, 21)).annualization == 252


@pytest.mark.parametrize("weekday", range(7))
def test_weekly_bars_have_52_values_a_year_whatever_day_they_are_stamped(weekday: int) -> None:
    measured = measure(every(7 * DAY, 4, MONDAY + weekday * DAY), np.array([1.0, 2.0, 3.0, 4.0]), 100.0, weekly=True)
    assert measured.annualization == 52
    assert measured.daily.tolist() == [100, 1, 2, 3, 4]


def test_days_before_1970_are_days_too() -> None:
    friday = datetime(1929, 10, 25, tzinfo=UTC)
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
    assert measure(every(HOUR, 6)[::2], np.array([1, 9, 2, 9, 6, 9])[::2], 100.0).mean == 3.0


def test_read_only_arrays_are_accepted() -> None:
    at, equity = every(DAY, 3), np.array([1.0, 2.0, 3.0])
    at.flags.writeable = equity.flags.writeable = False
    warm_up()
    assert measure(at, equity, 1.0).mean == 2.0


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
    measured = measure(at, np.array(equity), 100.0)

    moments = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(stamp) // 1000) for stamp in at]
    weekends = sum(moment.weekday() >= 5 for moment in moments)
    always_open = weekends / len(at) > 0.17
    ends: dict[object, float] = {}
    for moment, value in zip(moments, equity, strict=True):
        ahead = 0 if always_open or moment.weekday() < 5 else 7 - moment.weekday()
        ends[moment.date() + timedelta(days=ahead)] = value
    assert measured.annualization == (365 if always_open else 252)
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
    measured = after_a_week(FRIDAY + 2 * DAY + 22 * HOUR, FRIDAY + 3 * DAY + HOUR)
    monday = int(stamps(MONDAY)[0] // DAY_NS)
    assert measured.days.tolist() == [monday + day for day in (0, 1, 2, 3, 4, 7)]
    assert len(measured.days) == len(measured.daily) - 1
