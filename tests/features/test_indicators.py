from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.errors import StrategyError
from ktrdr_engine.features.fuzzy import membership
from ktrdr_engine.features.indicators import compute
from ktrdr_engine.features.plan import IndicatorPlan
from ktrdr_engine.features.registry import INDICATORS
from ktrdr_engine.features.rolling import window_sums
from ktrdr_engine.features.specs import Value
from tests.features.oracles import ORACLES as COMPOSED
from tests.features.prices import flat_series, make_series, plans, random_series, series

Column = NDArray[np.float64]
Oracle = Callable[[BarSeries, dict[str, int]], tuple[Column, ...]]

EVERY = pytest.mark.parametrize("name", INDICATORS)
STORE = BarStore((shipped_root(),))

ORACLES: dict[str, Oracle] = {
    "rsi": lambda s, p: (talib.RSI(s.close, p["period"]),),
    "macd": lambda s, p: talib.MACD(s.close, p["fast_period"], p["slow_period"], p["signal_period"]),
    "sma": lambda s, p: (talib.SMA(s.close, p["period"]),),
    "ema": lambda s, p: (talib.EMA(s.close, p["period"]),),
    "wma": lambda s, p: (talib.WMA(s.close, p["period"]),),
    "bbands": lambda s, p: talib.BBANDS(s.close, p["period"], p["multiplier"], p["multiplier"]),
    "bollingerbandwidth": lambda s, p: (
        2 * p["multiplier"] * talib.STDDEV(s.close, p["period"]) / talib.SMA(s.close, p["period"]),
    ),
    "atr": lambda s, p: (talib.ATR(s.high, s.low, s.close, p["period"]),),
    "adx": lambda s, p: tuple(
        function(s.high, s.low, s.close, p["period"]) for function in (talib.ADX, talib.PLUS_DI, talib.MINUS_DI)
    ),
    "stochastic": lambda s, p: talib.STOCH(
        s.high, s.low, s.close, fastk_period=p["k_period"], slowk_period=p["smooth_k"], slowd_period=p["d_period"]
    ),
    "williamsr": lambda s, p: (talib.WILLR(s.high, s.low, s.close, p["period"]),),
    "cci": lambda s, p: (talib.CCI(s.high, s.low, s.close, p["period"]),),
    "mfi": lambda s, p: (talib.MFI(s.high, s.low, s.close, s.volume, p["period"]),),
    "roc": lambda s, p: (talib.ROC(s.close, p["period"]),),
    "momentum": lambda s, p: (talib.MOM(s.close, p["period"]),),
    "obv": lambda s, p: (talib.OBV(s.close, s.volume),),
    # TA-Lib's plain function starts and steps by the same acceleration.
    "parabolicsar": lambda s, p: (talib.SAR(s.high, s.low, p["step_af"], p["max_af"]),),
    "aroon": lambda s, p: (
        *reversed(talib.AROON(s.high, s.low, p["period"])),
        talib.AROONOSC(s.high, s.low, p["period"]),
    ),
    **COMPOSED,
}

NOT_DEFAULT: dict[str, dict[str, Value]] = {
    "macd": {"fast_period": 5, "slow_period": 7, "signal_period": 1},
    "bbands": {"period": 7, "multiplier": 1.5},
    "bollingerbandwidth": {"period": 7, "multiplier": 1.5},
    "stochastic": {"k_period": 9, "smooth_k": 1, "d_period": 5},
    "obv": {},
    "parabolicsar": {"initial_af": 0.05, "step_af": 0.05, "max_af": 0.3},
    "vwap": {"period": 7, "use_typical_price": False},
    "adline": {},
    "distancefromma": {"period": 7, "ma_type": "EMA"},
    "squeezeintensity": {"bb_period": 12, "bb_multiplier": 1.5, "kc_period": 7, "kc_multiplier": 2.5},
    "keltnerchannels": {"period": 7, "atr_period": 15, "multiplier": 1.5},
    "supertrend": {"period": 7, "multiplier": 1.0},
    "ichimoku": {"tenkan_period": 12, "kijun_period": 7, "senkou_b_period": 9, "displacement": 3},
    "rvi": {"period": 7, "signal_period": 1},
    "fishertransform": {"period": 7, "smoothing": 1},
}

SHORTEST: dict[str, dict[str, Value]] = {
    "macd": {"fast_period": 2, "slow_period": 3, "signal_period": 1},
    "stochastic": {"k_period": 2, "smooth_k": 1, "d_period": 1},
    "obv": {},
    "roc": {"period": 1},
    "momentum": {"period": 1},
    "parabolicsar": {"initial_af": 0.001, "step_af": 0.001, "max_af": 0.001},
    "vwap": {"period": 1},
    "adline": {},
    "squeezeintensity": {"bb_period": 2, "kc_period": 2},
    "keltnerchannels": {"period": 2, "atr_period": 2},
    "ichimoku": {"tenkan_period": 2, "kijun_period": 2, "senkou_b_period": 2, "displacement": 0},
    "rvi": {"period": 2, "signal_period": 1},
    "fishertransform": {"period": 2, "smoothing": 1},
}

LONGEST: dict[str, dict[str, Value]] = {
    "macd": {"fast_period": 999, "slow_period": 1000, "signal_period": 1000},
    "stochastic": {"k_period": 1000, "smooth_k": 100, "d_period": 100},
    "obv": {},
    "parabolicsar": {"initial_af": 0.5, "step_af": 0.5, "max_af": 1.0},
    "adline": {},
    "squeezeintensity": {"bb_period": 1000, "kc_period": 1000},
    "keltnerchannels": {"period": 1000, "atr_period": 1000},
    "ichimoku": {"tenkan_period": 1000, "kijun_period": 1000, "senkou_b_period": 1000, "displacement": 1000},
    "rvi": {"period": 1000, "signal_period": 1000},
    "fishertransform": {"period": 1000, "smoothing": 100},
}


def run(name: str, prices: BarSeries, **parameters: Value) -> dict[str, Column]:
    return compute(IndicatorPlan("x", name, tuple(parameters.items())), prices)


def bits(column: Column) -> NDArray[np.int64]:
    """Return what tells even two NaN apart."""
    return column.view(np.int64)


def assert_warmup_is_exact(plan: IndicatorPlan, prices: BarSeries) -> None:
    for output, column in compute(plan, prices).items():
        missing = np.isnan(column)
        assert missing[: plan.warmup].all(), output
        assert not missing[plan.warmup :].any(), output


@EVERY
@pytest.mark.parametrize("default", [True, False], ids=["default", "other"])
@pytest.mark.parametrize(("symbol", "timeframe"), [("EURUSD", "1h"), ("AAPL", "1d")])
def test_values_are_those_of_the_oracle(name: str, default: bool, symbol: str, timeframe: str) -> None:
    prices = STORE.load(symbol, timeframe)
    parameters = {} if default else NOT_DEFAULT.get(name, {"period": 7})
    plan = IndicatorPlan("x", name, tuple(parameters.items()))
    expected = ORACLES[name](prices, plan.spec.complete(parameters))  # type: ignore[arg-type]  # an oracle reads numbers
    found = compute(plan, prices)
    assert tuple(found) == plan.spec.outputs
    for column, oracle in zip(found.values(), expected, strict=True):
        np.testing.assert_allclose(column[plan.warmup :], oracle[plan.warmup :], rtol=1e-9, atol=1e-12)


@EVERY
@pytest.mark.parametrize(("symbol", "timeframe"), STORE.datasets())
def test_on_real_prices_everything_after_warmup_is_finite(name: str, symbol: str, timeframe: str) -> None:
    plan = IndicatorPlan("x", name)
    for column in compute(plan, STORE.load(symbol, timeframe)).values():
        assert np.isnan(column[: plan.warmup]).all()
        assert np.isfinite(column[plan.warmup :]).all()


@EVERY
@pytest.mark.parametrize("parameters", [SHORTEST, LONGEST], ids=["shortest", "longest"])
def test_the_declared_warmup_is_exact_at_both_ends_of_the_ranges(
    name: str, parameters: dict[str, dict[str, Value]]
) -> None:
    ends = parameters.get(name, {"period": 2 if parameters is SHORTEST else 1000})
    plan = IndicatorPlan("x", name, tuple(ends.items()))
    assert plan.spec.problems(ends) == []
    assert_warmup_is_exact(plan, random_series(plan.warmup + 3))


@EVERY
@settings(max_examples=25)
@given(data=st.data())
def test_the_declared_warmup_is_exact_for_any_parameters_and_length(name: str, data: st.DataObject) -> None:
    assert_warmup_is_exact(data.draw(plans(INDICATORS[name])), data.draw(series()))


@EVERY
@settings(max_examples=25)
@given(data=st.data())
def test_a_prefix_of_the_bars_gives_a_prefix_of_the_values(name: str, data: st.DataObject) -> None:
    plan, prices = data.draw(plans(INDICATORS[name])), data.draw(series())
    cut = data.draw(st.integers(1, len(prices)))
    whole, part = compute(plan, prices), compute(plan, prices.between(0, cut))
    for output in whole:
        np.testing.assert_array_equal(bits(whole[output][:cut]), bits(part[output]))


@EVERY
@settings(max_examples=25)
@given(data=st.data())
def test_the_last_bar_changes_no_earlier_value(name: str, data: st.DataObject) -> None:
    plan, prices = data.draw(plans(INDICATORS[name])), data.draw(series(lengths=(2, 150)))
    factor = data.draw(st.sampled_from([0.01, 1.5, 1000.0]))
    changed = {
        "timestamp": prices.timestamp,
        **{n: getattr(prices, n).copy() for n in ("open", "high", "low", "close")},
    }
    for column in ("open", "high", "low", "close"):
        changed[column][-1] *= factor
    changed["volume"] = np.append(prices.volume[:-1], prices.volume[-1] + 7)
    before = compute(plan, prices)
    after = compute(plan, BarSeries.from_columns("TEST", prices.timeframe, changed))
    for output in before:
        np.testing.assert_array_equal(bits(before[output][:-1]), bits(after[output][:-1]))


@EVERY
def test_the_same_bars_give_the_same_bits(name: str) -> None:
    first, second = (run(name, random_series(500)) for _ in range(2))
    for output in first:
        np.testing.assert_array_equal(bits(first[output]), bits(second[output]))


@EVERY
def test_no_bars_give_no_values(name: str) -> None:
    assert all(len(column) == 0 for column in run(name, random_series(5).between(2, 2)).values())


@pytest.mark.parametrize("source", ["open", "high", "low", "close"])
def test_a_source_replaces_the_close(source: str) -> None:
    prices = random_series(100)
    found = run("sma", prices, period=5, source=source)["value"]
    np.testing.assert_array_equal(found, talib.SMA(getattr(prices, source), 5))


def test_acceleration_may_start_elsewhere_than_it_steps() -> None:
    prices = random_series(300)
    slow = run("parabolicsar", prices, initial_af=0.01, step_af=0.05)["value"]
    assert (slow[1:] > 0).all()
    assert not np.array_equal(slow[1:], run("parabolicsar", prices, initial_af=0.05, step_af=0.05)["value"][1:])


@pytest.mark.parametrize(
    ("name", "value"),
    [("rsi", 0), ("stochastic", 0), ("williamsr", 0), ("cci", 0), ("bollingerbandwidth", 0), ("roc", 0)],
)
def test_bars_that_never_move_give_what_the_declaration_says(name: str, value: float) -> None:
    plan = IndicatorPlan("x", name)
    for column in compute(plan, flat_series(60)).values():
        np.testing.assert_array_equal(column[plan.warmup :], value)


def test_no_volume_is_no_money_flow() -> None:
    table = {name: getattr(random_series(50), name) for name in ("timestamp", "open", "high", "low", "close")}
    silent = BarSeries.from_columns("TEST", random_series(1).timeframe, {**table, "volume": np.zeros(50)})
    np.testing.assert_array_equal(run("mfi", silent)["value"][14:], 0)


def test_an_unknown_type_is_refused_with_the_nearest() -> None:
    with pytest.raises(StrategyError, match=r"Indicator 'x': no type 'rsl'\. Did you mean 'rsi'"):
        run("rsl", random_series(5))


def test_wrong_parameters_are_refused_all_at_once() -> None:
    with pytest.raises(StrategyError, match=r"Indicator 'x': rsi has no parameter 'p'.*source must be one of"):
        run("rsi", random_series(5), p=3, source="middle")


@EVERY
def test_ten_warmups_settle_every_indicator_but_those_declared_unsettled(name: str) -> None:
    # Wide bands turn a SuperTrend so seldom that what it began with shows for long.
    parameters = (("multiplier", 10.0),) if name == "supertrend" else ()
    prices, plan = STORE.load("AAPL", "1d"), IndicatorPlan("x", name, parameters)
    whole = compute(plan, prices)
    settled = []
    for row in range(1000, 3200, 100):
        late = compute(plan, prices.between(row - 10 * plan.warmup, len(prices)))
        for output, column in whole.items():
            spread = np.nanmax(column) - np.nanmin(column)
            settled.append(abs(late[output][10 * plan.warmup] - column[row]) < 1e-3 * spread)
    assert all(settled) is not plan.spec.unsettled


def test_what_has_no_volume_or_no_range_has_the_declared_value() -> None:
    still, silent = flat_series(60), random_series(60)
    table = {name: getattr(silent, name) for name in ("timestamp", "open", "high", "low", "close")}
    silent = BarSeries.from_columns("TEST", silent.timeframe, {**table, "volume": np.zeros(60)})
    price = (silent.high + silent.low + silent.close) / 3
    np.testing.assert_allclose(run("vwap", silent, period=5)["value"], talib.SMA(price, 5), rtol=1e-12)
    for name, prices, value in (
        ("cmf", silent, 0), ("adline", silent, 0), ("volumeratio", silent, 1),
        ("cmf", still, 0), ("adline", still, 0), ("volumeratio", still, 1), ("vwap", still, 10),
        ("distancefromma", still, 0), ("squeezeintensity", still, 0), ("rvi", still, 0), ("fishertransform", still, 0),
    ):  # fmt: skip
        plan = IndicatorPlan("x", name)
        for column in compute(plan, prices).values():
            np.testing.assert_array_equal(column[plan.warmup :], value)


def test_a_supertrend_over_bars_that_never_move_rises_at_the_price() -> None:
    found = run("supertrend", flat_series(30))
    np.testing.assert_array_equal(found["trend"][10:], 10)
    np.testing.assert_array_equal(found["direction"][10:], 1)


def test_volume_that_is_gone_leaves_no_rounding_behind() -> None:
    prices, gone = random_series(200), 100
    table = {name: getattr(prices, name) for name in ("timestamp", "open", "high", "low", "close")}
    volume = np.where(np.arange(200) < gone, np.random.default_rng(1).uniform(0, 1e9, 200), 0.0)
    silenced = BarSeries.from_columns("TEST", prices.timeframe, {**table, "volume": volume})
    np.testing.assert_array_equal(run("cmf", silenced, period=7)["value"][gone + 7 :], 0)
    np.testing.assert_array_equal(run("volumeratio", silenced, period=7)["value"][gone + 7 :], 1)


def test_the_cloud_over_a_bar_was_drawn_before_it() -> None:
    prices, ahead = random_series(200), 26
    now = run("ichimoku", prices, displacement=0)
    drawn = run("ichimoku", prices, displacement=ahead)
    for span in ("senkou_a", "senkou_b"):
        np.testing.assert_array_equal(drawn[span][52 + ahead :], now[span][52:-ahead])
    np.testing.assert_array_equal(drawn["tenkan"][52 + ahead :], now["tenkan"][52 + ahead :])


@given(st.lists(st.floats(-1e6, 1e6), max_size=60), st.integers(1, 25))
def test_a_window_sums_to_what_is_in_it(values: list[float], period: int) -> None:
    sums = window_sums(np.array(values), period)
    expected = [math.fsum(values[i : i + period]) for i in range(len(values) - period + 1)]
    np.testing.assert_allclose(sums, expected, rtol=1e-9, atol=1e-6)
    assert len(sums) == len(expected)


def scaled(prices: BarSeries, price: float, volume: float) -> BarSeries:
    table = {name: getattr(prices, name) * price for name in ("open", "high", "low", "close")}
    table |= {"timestamp": prices.timestamp, "volume": prices.volume * volume}
    return BarSeries.from_columns("TEST", prices.timeframe, table)


BOUNDED = pytest.mark.parametrize("name", [spec.name for spec in INDICATORS.values() if spec.bounds])


@BOUNDED
@given(st.data())
@settings(max_examples=60, deadline=None)
def test_no_output_leaves_the_bounds_declared_for_it(name: str, data: st.DataObject) -> None:
    prices = data.draw(series((2, 120)))
    wild = scaled(prices, data.draw(st.sampled_from([1e-8, 1.0, 1e8])), data.draw(st.sampled_from([0.0, 1e-8, 1e3])))
    plan = data.draw(plans(INDICATORS[name]))
    values = plan.spec.complete(dict(plan.parameters))
    for output, column in compute(plan, wild).items():
        if bounds := plan.spec.bounds.get(output):
            low, high = bounds.of(values)
            known = column[plan.warmup :]
            assert not np.isnan(known).any()
            assert ((low <= known) & (known <= high)).all()


@BOUNDED
def test_only_rounding_is_cut_off(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, prices = IndicatorPlan("x", name), random_series(3_000)
    clipped = compute(plan, prices)
    monkeypatch.setattr(np, "clip", lambda column, low, high, out=None: column)
    whole = compute(plan, prices)
    for output, column in clipped.items():
        if name != "fishertransform":  # which cuts off by its own formula
            np.testing.assert_allclose(column, whole[output], rtol=1e-13, atol=1e-12)


def test_closes_at_the_high_are_exactly_the_top_of_the_stochastic() -> None:
    steps = np.tile([0.37, 0.11, 0.53, 0.29, 0.17], 40)
    before = random_series(40, seed=3).close
    close = np.concatenate([before, before[-1] + np.cumsum(steps)]).round(2)
    bars = make_series(close, np.where(np.arange(len(close)) < 40, 0.004, 0.0), np.ones(len(close)))
    beyond = ORACLES["stochastic"](bars, {"k_period": 14, "smooth_k": 3, "d_period": 3})
    found = run("stochastic", bars)
    for output, column in zip(("k", "d"), beyond, strict=True):
        assert np.nanmax(column) > 100
        assert np.nanmax(found[output]) == 100
        assert (membership("trapezoidal", found[output][-100:], (60, 90, 100, 100)) == 1).all()


def test_what_an_indicator_without_a_unit_says_does_not_depend_on_the_size_of_prices() -> None:
    # A power of two changes no digit: what comes out differently took a small number for none.
    prices = random_series(400)
    free = (
        "rsi stochastic williamsr cci mfi adx aroon roc bollingerbandwidth cmf volumeratio distancefromma "
        "squeezeintensity rvi fishertransform"
    )
    for factor in (2.0**-27, 2.0**-40, 2.0**40):
        for name in free.split():
            there = run(name, scaled(prices, factor, 2.0**-10))
            for output, column in run(name, prices).items():
                np.testing.assert_allclose(there[output], column, rtol=1e-9, atol=1e-9)
