from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.errors import StrategyError
from ktrdr_engine.features import matrix as matrix_module
from ktrdr_engine.features.fuzzy import membership
from ktrdr_engine.features.indicators import compute
from ktrdr_engine.features.matrix import FeatureMatrix, build_features
from ktrdr_engine.features.plan import FeaturePlan, FuzzyInput, IndicatorPlan, MembershipPlan, RawInput
from tests.features.prices import random_series, series

RSI = IndicatorPlan("rsi_5", "rsi", (("period", 5),))
MACD = IndicatorPlan("macd", "macd", (("fast_period", 3), ("slow_period", 6), ("signal_period", 2)))
INPUTS = (
    FuzzyInput(
        "zone",
        "rsi_5",
        None,
        (MembershipPlan("low", "triangular", (0, 0, 50)), MembershipPlan("high", "trapezoidal", (40, 60, 100, 100))),
    ),
    FuzzyInput("trend", "macd", "histogram", (MembershipPlan("up", "sigmoid", (0, 2)),)),
    RawInput("macd", "line", "zscore"),
)


def plan(lags: int) -> FeaturePlan:
    return FeaturePlan("1h", (RSI, MACD), INPUTS, lags)


def by_hand(prices: BarSeries, lags: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Lay out every feature with plain loops."""
    rsi, macd = compute(RSI, prices)["value"], compute(MACD, prices)
    columns = [
        membership("triangular", rsi, (0, 0, 50)),
        membership("trapezoidal", rsi, (40, 60, 100, 100)),
        membership("sigmoid", macd["histogram"], (0, 2)),
        macd["line"],
    ]
    table = np.full((len(prices), 4 * (lags + 1)), np.nan, dtype=np.float32)
    for row in range(len(prices)):
        for number, column in enumerate(columns):
            for lag in range(lags + 1):
                if row >= lag:
                    table[row, number * (lags + 1) + lag] = column[row - lag]
    return table


@pytest.mark.parametrize("lags", [0, 1, 3])
def test_rows_hold_each_feature_with_its_lags(lags: int) -> None:
    prices = random_series(60)
    matrix = build_features(plan(lags), prices)
    assert matrix.names == plan(lags).names
    assert (len(matrix), matrix.n_features) == (60, 4 * (lags + 1))
    assert matrix.values.dtype == np.float32
    np.testing.assert_array_equal(matrix.values, by_hand(prices, lags))


@settings(max_examples=40)
@given(st.integers(0, 4), st.integers(1, 30), st.data())
def test_any_rows_are_those_of_the_whole(lags: int, n: int, data: st.DataObject) -> None:
    matrix = build_features(plan(lags), random_series(n))
    start = data.draw(st.integers(0, n))
    stop = data.draw(st.integers(start, n))
    rows = matrix.rows(start, stop)
    assert rows.shape == (stop - start, matrix.n_features)
    assert rows.flags.c_contiguous
    np.testing.assert_array_equal(rows, matrix.values[start:stop])


@pytest.mark.parametrize("lags", [0, 2])
def test_rows_are_a_copy_and_the_matrix_is_locked(lags: int) -> None:
    matrix = build_features(plan(lags), random_series(30))
    matrix.rows(20, 25)[:] = 7
    assert not (matrix.values == 7).all(axis=1).any()
    with pytest.raises(ValueError, match="read-only"):
        matrix.base[0, 0] = 1


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (3, 2), (0, 31)])
def test_rows_outside_the_matrix_are_refused(start: int, stop: int) -> None:
    with pytest.raises(IndexError, match="of a matrix with 30"):
        build_features(plan(0), random_series(30)).rows(start, stop)


@pytest.mark.parametrize("lags", [0, 1, 5])
def test_rows_are_complete_exactly_from_the_declared_warmup_on(lags: int) -> None:
    missing = np.isnan(build_features(plan(lags), random_series(80)).values)
    warmup = plan(lags).warmup
    assert missing[:warmup].any(axis=1).all()
    assert not missing[warmup:].any()


@pytest.mark.parametrize("n", [1, 2, 6])
def test_bars_fewer_than_the_warmup_give_no_complete_row(n: int) -> None:
    assert np.isnan(build_features(plan(4), random_series(n)).values).any(axis=1).all()


def test_the_size_of_the_pieces_worked_on_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    prices = BarStore((shipped_root(),)).load("EURUSD", "1h")
    whole = build_features(plan(0), prices).base
    for size in (1, 7, 1000):
        monkeypatch.setattr(matrix_module, "_CHUNK", size)
        part = prices.between(0, 300)
        np.testing.assert_array_equal(build_features(plan(0), part).base.view(np.int32), whole[:300].view(np.int32))


@settings(max_examples=40)
@given(series(lengths=(2, 80)), st.data())
def test_a_prefix_of_the_bars_gives_a_prefix_of_the_features(prices: BarSeries, data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(prices)))
    whole, part = (build_features(plan(2), s).values for s in (prices, prices.between(0, cut)))
    np.testing.assert_array_equal(whole[:cut].view(np.int32), part.view(np.int32))


def test_a_value_beyond_float32_is_infinite_and_silent() -> None:
    prices = random_series(5)
    table = {name: getattr(prices, name) for name in ("timestamp", "open", "high", "low", "close")}
    loud = BarSeries.from_columns("TEST", prices.timeframe, {**table, "volume": np.full(5, 1e300)})
    obv = FeaturePlan("1h", (IndicatorPlan("obv", "obv"),), (RawInput("obv", None, "none"),))
    assert np.isinf(build_features(obv, loud).values[0]).all()


def test_a_plan_with_an_impossible_membership_is_refused() -> None:
    bad = FuzzyInput("zone", "rsi_5", None, (MembershipPlan("low", "triangular", (3, 2, 1)),))
    with pytest.raises(StrategyError, match="triangular needs"):
        build_features(FeaturePlan("1h", (RSI,), (bad,)), random_series(5))


def test_a_matrix_may_be_made_by_hand() -> None:
    matrix = FeatureMatrix(("a", "a_lag_1"), np.array([[1.0], [2.0]], dtype=np.float32), 1)
    np.testing.assert_array_equal(matrix.values, [[1, np.nan], [2, 1]])
