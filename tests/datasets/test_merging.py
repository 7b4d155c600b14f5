from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrdr_engine.bars.series import PRICE_COLUMNS, BarSeries
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.datasets.merging import check_length, merge
from ktrdr_engine.errors import DataError
from tests.datasets.prices import HOUR, bars

OPENS = st.lists(st.integers(0, 60), min_size=1, unique=True).map(sorted)


def as_frame(series: BarSeries) -> pd.DataFrame:
    return pd.DataFrame(series.prices.T, index=series.timestamp, columns=list(PRICE_COLUMNS))


def test_the_first_bars_are_all_new() -> None:
    merged = merge(None, bars([0, 1, 2]), replace=False)
    assert (len(merged.series), merged.new, merged.conflicts) == (3, 3, 0)


@given(there=OPENS, fresh=OPENS)
def test_equal_bars_make_the_union_and_no_conflict(there: list[int], fresh: list[int]) -> None:
    merged = merge(bars(there), bars(fresh), replace=False)
    assert (merged.new, merged.conflicts) == (len(set(fresh) - set(there)), 0)
    wanted = bars(sorted({*there, *fresh}))
    assert merged.series.timestamp.tolist() == wanted.timestamp.tolist()
    assert merged.series.prices.tobytes() == wanted.prices.tobytes()


@given(there=OPENS, fresh=OPENS, replace=st.booleans())
def test_conflicting_bars_are_those_of_the_winner_as_pandas_combines_them(
    there: list[int], fresh: list[int], replace: bool
) -> None:
    ours, theirs = bars(there), bars(fresh, base=200.0)
    merged = merge(ours, theirs, replace=replace)
    first, second = (as_frame(theirs), as_frame(ours)) if replace else (as_frame(ours), as_frame(theirs))
    pd.testing.assert_frame_equal(as_frame(merged.series), first.combine_first(second)[list(PRICE_COLUMNS)])
    assert merged.conflicts == len(set(there) & set(fresh))


def test_the_first_conflicts_are_shown_with_both_values() -> None:
    merged = merge(bars(list(range(9))), bars(list(range(3, 9)), base=101.0), replace=False)
    assert (merged.conflicts, len(merged.first_conflicts)) == (6, 5)
    assert merged.first_conflicts[0].model_dump() == {
        "timestamp": "2024-01-01T03:00:00Z",
        "field": "open",
        "there": 102.5,
        "offered": 103.5,
    }


def test_single_precision_noise_is_no_conflict() -> None:
    there = bars(list(range(9)), base=29.64)
    noisy = BarSeries("TEST", Timeframe.H1, there.timestamp.copy(), there.prices.astype("f4").astype("f8"))
    assert merge(there, noisy, replace=False).conflicts == 0


def test_nothing_new_is_the_same_series() -> None:
    there = bars([0, 1, 2])
    assert merge(there, bars([1, 2]), replace=True).series is there
    assert merge(there, bars([1, 2], base=7.0), replace=False).series is there


def test_the_bars_that_were_there_are_not_touched_by_a_replacement() -> None:
    there = bars([0, 1, 2])
    before = there.sha256()
    assert merge(there, bars([1], base=200.0), replace=True).series.sha256() != before
    assert there.sha256() == before


def test_bars_on_another_clock_are_refused() -> None:
    half_past = BarSeries("TEST", Timeframe.H1, bars([5]).timestamp + HOUR // 2, bars([5]).prices.copy())
    with pytest.raises(DataError, match="2024-01-01T05:00:00Z and 2024-01-01T05:30:00Z lie closer together than 1h"):
        merge(bars([4, 5, 6]), half_past, replace=False)


def test_bars_said_to_be_shorter_than_they_are_are_refused() -> None:
    with pytest.raises(DataError, match="no two bars are 1h apart, most are 240 minutes apart"):
        check_length(bars(list(range(0, 60, 4))))


@pytest.mark.parametrize(("days", "fits"), [(7, "1w"), (31, None)])
def test_the_timeframe_that_fits_is_named_if_there_is_one(days: int, fits: str | None) -> None:
    with pytest.raises(DataError, match=f"{days} days apart") as caught:
        check_length(bars(list(range(0, 24 * days * 12, 24 * days))))
    assert caught.value.details.get("mended") == ({"timeframe": fits} if fits else None)


def test_bars_said_to_be_longer_than_they_are_are_refused() -> None:
    hours = bars([0, 1, 2])
    with pytest.raises(DataError, match="closer together than 1d"):
        check_length(BarSeries("TEST", Timeframe.D1, hours.timestamp.copy(), hours.prices.copy()))


@pytest.mark.parametrize("opens", [[0], [0, 30], [0, 1, 40, 90]])
def test_sparse_bars_are_bars(opens: list[int]) -> None:
    check_length(bars(opens))


def test_a_day_of_23_hours_is_a_day() -> None:
    stamps = np.array([0, 24, 47], dtype=np.int64) * HOUR
    check_length(BarSeries("TEST", Timeframe.D1, stamps, bars([0, 1, 2]).prices.copy()))
