"""Features on several timeframes: what a row holds was known at its close, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrdr_engine.bars.resampling import resample
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.errors import DataError
from ktrdr_engine.features import matrix as matrix_module
from ktrdr_engine.features.fuzzy import membership
from ktrdr_engine.features.indicators import compute
from ktrdr_engine.features.matrix import FeatureMatrix, build_features
from ktrdr_engine.features.plan import FeaturePlan, FuzzyInput, IndicatorPlan, MembershipPlan, RawInput
from tests.bars.timeframes import hourly, markets

RSI = IndicatorPlan("rsi_5", "rsi", (("period", 5),))
ROC = IndicatorPlan("roc_2", "roc", (("period", 2),))
LOW = MembershipPlan("low", "triangular", (0, 0, 50))
HIGH = MembershipPlan("high", "trapezoidal", (40, 60, 100, 100))
ZONE = FuzzyInput("zone", "rsi_5", None, (LOW, HIGH))
SLOW = RawInput("roc_2", None, "zscore", ("4h", "1d"))
PLAN = FeaturePlan("1h", (RSI, ROC), (ZONE, SLOW), lags=2, higher=("4h", "1d"))
HIGHER = (Timeframe.H4, Timeframe.D1)


def features(base: BarSeries, plan: FeaturePlan = PLAN) -> FeatureMatrix:
    return build_features(plan, base, [resample(base, timeframe) for timeframe in HIGHER])


def test_the_order_of_the_columns_is_inputs_timeframes_memberships_lags() -> None:
    lags = ("", "_lag_1", "_lag_2")
    bases = (
        "1h_zone_low", "1h_zone_high", "4h_zone_low", "4h_zone_high", "1d_zone_low", "1d_zone_high",
        "4h_roc_2_raw", "1d_roc_2_raw",
    )  # fmt: skip
    assert features(hourly(np.arange(50))).names == tuple(base + lag for base in bases for lag in lags)


def by_hand(base: BarSeries) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Build each row as somebody would who, at each close, opens the chart of each timeframe anew."""
    series = {"1h": base} | {timeframe.value: resample(base, timeframe) for timeframe in HIGHER}
    rsi = {timeframe: compute(RSI, one)["value"] for timeframe, one in series.items()}
    roc = {timeframe: compute(ROC, one)["value"] for timeframe, one in series.items()}
    charts = [("zone", tf) for tf in ("1h", "4h", "1d")] + [("roc", tf) for tf in ("4h", "1d")]

    def at(row: int) -> list[float]:
        now = int(base.timestamp[row]) + Timeframe.H1.nanoseconds
        values: list[float] = []
        for what, timeframe in charts:
            length = Timeframe(timeframe).nanoseconds
            closed = [i for i, opened in enumerate(series[timeframe].timestamp.tolist()) if opened + length <= now]
            bar = closed[-1] if closed else None
            if what == "roc":
                values.append(np.nan if bar is None else float(roc[timeframe][bar]))
                continue
            value = np.nan if bar is None else float(rsi[timeframe][bar])
            values += [membership(degree.function, value, degree.parameters) for degree in (LOW, HIGH)]
        return values

    rows = [at(row) for row in range(len(base))]
    nothing = [np.nan] * len(rows[0])
    table = [
        [(rows[row - lag] if row >= lag else nothing)[column] for column in range(len(nothing)) for lag in range(3)]
        for row in range(len(base))
    ]
    return np.array(table, dtype=np.float32)


def test_half_a_real_year_of_three_timeframes_is_as_built_by_hand() -> None:
    base = BarStore((shipped_root(),)).load("EURUSD", "1h").between(0, 900)
    found, expected = features(base).values, by_hand(base)
    assert np.isfinite(expected).all(axis=1).sum() > 600
    np.testing.assert_array_equal(found, expected)


@settings(max_examples=40)
@given(markets(), st.data())
def test_bars_that_have_not_closed_change_no_bit(base: BarSeries, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(base) - 1))
    prices = base.prices.copy()
    prices[:, row + 1 :] *= 3
    changed = BarSeries(base.symbol, base.timeframe, base.timestamp, prices)
    before, after = features(base).values[: row + 1], features(changed).values[: row + 1]
    np.testing.assert_array_equal(before.view(np.int32), after.view(np.int32))


@settings(max_examples=40)
@given(markets(), st.data())
def test_a_longer_bar_changes_no_row_before_its_close(base: BarSeries, data: st.DataObject) -> None:
    higher = [resample(base, timeframe) for timeframe in HIGHER]
    which = data.draw(st.integers(0, 1))
    bar = data.draw(st.integers(0, len(higher[which]) - 1))
    prices = higher[which].prices.copy()
    prices[:, bar:] *= 3
    changed = list(higher)
    changed[which] = BarSeries(base.symbol, HIGHER[which], higher[which].timestamp, prices)
    closes = int(higher[which].timestamp[bar]) + HIGHER[which].nanoseconds
    unseen = base.timestamp + base.timeframe.nanoseconds < closes
    before, after = (build_features(PLAN, base, bars).values[unseen] for bars in (higher, changed))
    np.testing.assert_array_equal(before.view(np.int32), after.view(np.int32))


@settings(max_examples=40)
@given(markets(), st.data())
def test_a_prefix_of_the_bars_gives_a_prefix_of_the_features(base: BarSeries, data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(base)))
    whole, part = features(base).values[:cut], features(base.between(0, cut)).values
    np.testing.assert_array_equal(whole.view(np.int32), part.view(np.int32))


def test_a_value_appears_with_the_close_of_its_bar_and_a_warmup_of_its_own_bars() -> None:
    plan = FeaturePlan("1h", (RSI,), (RawInput("rsi_5", None, "none", ("4h",)),), higher=("4h",))
    base = hourly(np.arange(40))
    known = build_features(plan, base, [resample(base, Timeframe.H4)]).known
    # RSI(5) begins with the sixth bar: the one that opens at hour 20 and closes with the hourly bar 23.
    assert np.flatnonzero(known)[0] == 23
    assert known[23:].all()


def test_no_closed_bar_at_all_is_all_unknown() -> None:
    base = hourly(np.arange(3))
    assert not features(base).known.any()


def test_the_size_of_the_pieces_worked_on_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    base = hourly(np.arange(300))
    whole = features(base).base
    for size in (1, 7, 1000):
        monkeypatch.setattr(matrix_module, "_CHUNK", size)
        np.testing.assert_array_equal(features(base).base.view(np.int32), whole.view(np.int32))


def test_an_indicator_is_computed_on_the_timeframes_that_read_it_alone() -> None:
    base = hourly(np.arange(300))
    plan = FeaturePlan("1h", (RSI, ROC), (RawInput("rsi_5", None, "none", ("1h",)), SLOW), higher=("4h", "1d"))
    assert features(base, plan).base.shape == (300, 3)
    assert [indicator.id for indicator in plan.used_on("1h")] == ["rsi_5"]


def test_missing_bars_of_a_timeframe_are_named() -> None:
    base = hourly(np.arange(30))
    with pytest.raises(DataError, match="TEST: the features need 1d bars too"):
        build_features(PLAN, base, [resample(base, Timeframe.H4)])
