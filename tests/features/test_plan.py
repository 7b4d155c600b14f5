from __future__ import annotations

import pytest

from ktrdr_engine.errors import StrategyError
from ktrdr_engine.features.plan import FeaturePlan, FuzzyInput, IndicatorPlan, MembershipPlan, RawInput

RSI = IndicatorPlan("rsi_14", "rsi", (("period", 14),))
MACD = IndicatorPlan("macd", "macd")
SMA = IndicatorPlan("slow", "sma", (("period", 200),))
ZONE = FuzzyInput(
    "rsi_zone",
    "rsi_14",
    None,
    (MembershipPlan("oversold", "triangular", (0, 20, 35)), MembershipPlan("overbought", "triangular", (65, 80, 100))),
)
TREND = FuzzyInput("trend", "macd", "histogram", (MembershipPlan("rising", "gaussian", (0.002, 0.002)),))


def test_names_follow_inputs_then_memberships_then_lags() -> None:
    plan = FeaturePlan("1h", (RSI, MACD), (TREND, ZONE, RawInput("rsi_14", None, "minmax")), lags=1)
    assert plan.names == (
        "1h_trend_rising",
        "1h_trend_rising_lag_1",
        "1h_rsi_zone_oversold",
        "1h_rsi_zone_oversold_lag_1",
        "1h_rsi_zone_overbought",
        "1h_rsi_zone_overbought_lag_1",
        "1h_rsi_14_raw",
        "1h_rsi_14_raw_lag_1",
    )


def test_a_raw_output_is_part_of_the_name() -> None:
    plan = FeaturePlan("4h", (MACD,), (RawInput("macd", "line", "none"), RawInput("macd", "signal", "none")))
    assert plan.names == ("4h_macd_line_raw", "4h_macd_signal_raw")


def test_warmup_is_the_longest_of_the_used_indicators_plus_the_lags() -> None:
    assert FeaturePlan("1h", (RSI, MACD, SMA), (ZONE, TREND), lags=2).warmup == 33 + 2
    assert FeaturePlan("1h", (RSI, MACD, SMA), (ZONE,)).warmup == 14


def test_an_indicator_used_twice_is_computed_once() -> None:
    plan = FeaturePlan("1h", (SMA, RSI, MACD), (TREND, ZONE, RawInput("macd", "line", "none")))
    assert plan.used == (MACD, RSI)


def test_a_plan_without_inputs_needs_no_warmup() -> None:
    assert FeaturePlan("1h", (), ()).warmup == 0


def test_an_input_of_an_unknown_indicator_is_refused() -> None:
    with pytest.raises(StrategyError, match=r"No indicator 'rsi_14'\. Known: macd"):
        FeaturePlan("1h", (MACD,), (ZONE,))


def test_an_input_of_an_unknown_type_is_refused() -> None:
    with pytest.raises(StrategyError, match="Indicator 'rsi_14': no type 'rsii'"):
        FeaturePlan("1h", (IndicatorPlan("rsi_14", "rsii"),), (ZONE,))


@pytest.mark.parametrize("output", [None, "hist"])
def test_an_input_must_say_which_output_of_several(output: str | None) -> None:
    with pytest.raises(StrategyError, match=r"Input of 'macd': macd has .*line, signal, histogram"):
        FeaturePlan("1h", (MACD,), (RawInput("macd", output, "none"),))


def test_two_features_cannot_share_a_name() -> None:
    other = FuzzyInput("rsi", "rsi_14", None, (MembershipPlan("zone_oversold", "triangular", (0, 1, 2)),))
    with pytest.raises(StrategyError, match="Two features would be called '1h_rsi_zone_oversold'"):
        FeaturePlan("1h", (RSI,), (ZONE, other))


def test_a_membership_cannot_be_called_as_the_lag_of_another() -> None:
    shape = ("triangular", (0.0, 20.0, 35.0))
    zone = FuzzyInput("zone", "rsi_14", None, (MembershipPlan("low", *shape), MembershipPlan("low_lag_1", *shape)))
    assert FeaturePlan("1h", (RSI,), (zone,)).names == ("1h_zone_low", "1h_zone_low_lag_1")
    for lags in (1, 10**12):
        with pytest.raises(StrategyError, match="Two features would be called '1h_zone_low_lag_1'"):
            FeaturePlan("1h", (RSI,), (zone,), lags=lags)


def test_each_input_is_read_on_its_timeframes_shortest_first() -> None:
    raw = RawInput("rsi_14", None, "none", ("4h",))
    plan = FeaturePlan("1h", (RSI, MACD), (TREND, raw), lags=1, higher=("4h", "1d"))
    assert plan.names == (
        "1h_trend_rising",
        "1h_trend_rising_lag_1",
        "4h_trend_rising",
        "4h_trend_rising_lag_1",
        "1d_trend_rising",
        "1d_trend_rising_lag_1",
        "4h_rsi_14_raw",
        "4h_rsi_14_raw_lag_1",
    )
    assert plan.timeframes == ("1h", "4h", "1d")


def test_an_indicator_is_used_on_the_timeframes_of_its_inputs() -> None:
    raw = RawInput("rsi_14", None, "none", ("4h",))
    plan = FeaturePlan("1h", (RSI, MACD), (TREND, raw), higher=("4h",))
    assert plan.used_on("1h") == (MACD,)
    assert plan.used_on("4h") == (MACD, RSI)


@pytest.mark.parametrize("higher", [("1h",), ("30m",), ("1d", "4h"), ("4h", "4h"), ("4hours",)])
def test_timeframes_out_of_order_are_refused(higher: tuple[str, ...]) -> None:
    with pytest.raises(StrategyError, match=r"not each longer than the one before\. Order them, shortest first"):
        FeaturePlan("1h", (RSI,), (ZONE,), higher=higher)


def test_an_input_on_a_timeframe_that_is_not_there_is_refused() -> None:
    with pytest.raises(StrategyError, match=r"Input of 'rsi_14': no timeframe '1d'\. Known: 1h, 4h"):
        FeaturePlan("1h", (RSI,), (RawInput("rsi_14", None, "none", ("1d",)),), higher=("4h",))


def test_the_same_input_twice_on_one_timeframe_is_refused() -> None:
    twice = (RawInput("rsi_14", None, "none"), RawInput("rsi_14", None, "none", ("4h",)))
    with pytest.raises(StrategyError, match="Two features would be called '4h_rsi_14_raw'"):
        FeaturePlan("1h", (RSI,), twice, higher=("4h",))
