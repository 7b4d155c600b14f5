"""Every indicator and every membership function a strategy may name, declared once.

Strategy validation, error messages, documentation and the computations (`indicators`, `fuzzy`) all read this
table. Names and parameters are those of KTRDR strategy files; the numbers are TA-Lib's, those of `composed_specs`
made from them. No numpy and no TA-Lib is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ktrdr_engine.features.composed_specs import COMPOSED
from ktrdr_engine.features.parameters import (
    CLOSE,
    FLOW,
    MULTIPLIER,
    NOT_NEGATIVE,
    PERCENT,
    RANGE,
    SINGLE,
    SOURCE,
    bars,
    lookback,
    number,
    period,
)
from ktrdr_engine.features.specs import Bounds, IndicatorSpec, MembershipSpec, Ordering

_WILDER = "Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib "

_DECLARED = (
    IndicatorSpec(
        "rsi", "Relative Strength Index", (period(14), SOURCE), SINGLE, CLOSE, lookback(),
        "Share of gains in all moves, smoothed, 0 to 100. A series that never moves gives 0.",
        _WILDER + "RSI", bounds={"value": PERCENT},
    ),
    IndicatorSpec(
        "macd", "Moving Average Convergence/Divergence",
        (
            bars("fast_period", 12, "Bars of the fast average."),
            bars("slow_period", 26, "Bars of the slow average."),
            bars("signal_period", 9, "Bars of the average of the line.", 1),
            SOURCE,
        ),
        ("line", "signal", "histogram"), CLOSE,
        lambda values: int(values["slow_period"]) + int(values["signal_period"]) - 2,
        "Fast minus slow exponential average (line), its own average (signal), their difference (histogram), in price.",
        "Appel, The Moving Average Convergence Divergence Trading Method (1979); TA-Lib MACD",
        (Ordering("fast_period", "slow_period"),),
    ),
    IndicatorSpec(
        "sma", "Simple Moving Average", (period(20), SOURCE), SINGLE, CLOSE, lookback(-1),
        "Mean of the last bars, in price.", "TA-Lib SMA",
    ),
    IndicatorSpec(
        "ema", "Exponential Moving Average", (period(20), SOURCE), SINGLE, CLOSE, lookback(-1),
        "Exponential mean with factor 2 / (period + 1), started from a simple mean, in price.", "TA-Lib EMA",
    ),
    IndicatorSpec(
        "wma", "Weighted Moving Average", (period(20), SOURCE), SINGLE, CLOSE, lookback(-1),
        "Mean with linearly rising weights, the newest bar the heaviest, in price.", "TA-Lib WMA",
    ),
    IndicatorSpec(
        "bbands", "Bollinger Bands", (period(20), MULTIPLIER, SOURCE), ("upper", "middle", "lower"), CLOSE,
        lookback(-1),
        "Simple mean and the bands `multiplier` population standard deviations around it, in price.",
        "Bollinger, Bollinger on Bollinger Bands (2001); TA-Lib BBANDS",
    ),
    IndicatorSpec(
        "bollingerbandwidth", "Bollinger Band Width", (period(20), MULTIPLIER, SOURCE), SINGLE, CLOSE,
        lookback(-1),
        "(upper - lower) / middle of the Bollinger Bands, a fraction of price.",
        "Bollinger, Bollinger on Bollinger Bands (2001); from TA-Lib BBANDS",
        bounds={"value": NOT_NEGATIVE},
    ),
    IndicatorSpec(
        "atr", "Average True Range", (period(14),), SINGLE, RANGE, lookback(),
        "Wilder's average of the true range, in price.", _WILDER + "ATR", bounds={"value": NOT_NEGATIVE},
    ),
    IndicatorSpec(
        "adx", "Average Directional Index", (period(14),), ("adx", "plus_di", "minus_di"), RANGE, lookback(-1, 2),
        "Strength of the trend (adx) and its two directions, 0 to 100; all three start when adx does.",
        _WILDER + "ADX, PLUS_DI, MINUS_DI",
        bounds={"adx": PERCENT, "plus_di": PERCENT, "minus_di": PERCENT},
    ),
    IndicatorSpec(
        "stochastic", "Stochastic Oscillator",
        (
            bars("k_period", 14, "Bars of the price range."),
            bars("d_period", 3, "Bars of the mean that gives d.", 1, 100),
            bars("smooth_k", 3, "Bars of the mean that gives k.", 1, 100),
        ),
        ("k", "d"), RANGE,
        lambda values: int(values["k_period"]) + int(values["d_period"]) + int(values["smooth_k"]) - 3,
        "Place of the close in the range of the last bars, smoothed (k), and the mean of k (d), 0 to 100; a range of "
        "zero gives 0. Both start when d does.",
        "Lane, Lane's Stochastics (1984); TA-Lib STOCH with simple means",
        bounds={"k": PERCENT, "d": PERCENT},
    ),
    IndicatorSpec(
        "williamsr", "Williams %R", (period(14),), SINGLE, RANGE, lookback(-1),
        "Distance of the close from the highest high in the range of the last bars, -100 to 0; no range gives 0.",
        "Williams, How I Made One Million Dollars (1973); TA-Lib WILLR",
        bounds={"value": Bounds(-100, 0)},
    ),
    IndicatorSpec(
        "cci", "Commodity Channel Index", (period(20),), SINGLE, RANGE, lookback(-1),
        "Typical price less its mean, over 0.015 mean deviations; unbounded, mostly -200 to 200.",
        "Lambert, Commodity Channel Index (1980); TA-Lib CCI",
    ),
    IndicatorSpec(
        "mfi", "Money Flow Index", (period(14),), SINGLE, FLOW, lookback(),
        "RSI's idea with typical price times volume, 0 to 100; next to no flow gives 0.",
        "Quong and Soudack (1989); TA-Lib MFI",
        bounds={"value": PERCENT},
    ),
    IndicatorSpec(
        "roc", "Rate of Change", (period(10, 1), SOURCE), SINGLE, CLOSE, lookback(),
        "Change over `period` bars, in percent.", "TA-Lib ROC", bounds={"value": Bounds(-100)},
    ),
    IndicatorSpec(
        "momentum", "Momentum", (period(10, 1), SOURCE), SINGLE, CLOSE, lookback(),
        "Change over `period` bars, in price.", "TA-Lib MOM",
    ),
    IndicatorSpec(
        "obv", "On-Balance Volume", (), SINGLE, ("close", "volume"), lambda values: 0,
        "Volume summed with the sign of the close's move, from the series' first bar on: its level depends on where "
        "the series starts.",
        "Granville, Granville's New Key to Stock Market Profits (1963); TA-Lib OBV",
        unsettled=True,
    ),
    IndicatorSpec(
        "parabolicsar", "Parabolic Stop and Reverse",
        (
            number("initial_af", 0.02, "Acceleration at the start of a trend.", 0.001, 0.5),
            number("step_af", 0.02, "Added at each new extreme.", 0.001, 0.5),
            number("max_af", 0.2, "Where acceleration ends.", 0.001, 1.0),
        ),
        SINGLE, ("high", "low"), lambda values: 1,
        "The stop that follows a trend and changes sides when it is touched, in price; it depends on where the series "
        "starts.",
        _WILDER + "SAREXT",
        (Ordering("initial_af", "max_af", or_equal=True), Ordering("step_af", "max_af", or_equal=True)),
        unsettled=True,
    ),
    IndicatorSpec(
        "aroon", "Aroon", (period(14),), ("up", "down", "oscillator"), ("high", "low"), lookback(),
        "How lately the highest high (up) and the lowest low (down) came, 0 to 100, and up minus down (oscillator).",
        "Chande, The Time Price Oscillator (1995); TA-Lib AROON",
        bounds={"up": PERCENT, "down": PERCENT, "oscillator": Bounds(-100, 100)},
    ),
)  # fmt: skip

INDICATORS: Mapping[str, IndicatorSpec] = MappingProxyType({spec.name: spec for spec in (*_DECLARED, *COMPOSED)})
"""Every indicator by the type a strategy writes."""

MEMBERSHIPS: Mapping[str, MembershipSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            MembershipSpec(
                "triangular", ("a", "b", "c"), "a <= b <= c and a < c",
                lambda p: p[0] <= p[1] <= p[2] and p[0] < p[2], (30, 50, 70),
                "Rises from a to 1 at b and falls to c; a = b or b = c makes that side a step, 1 at the step.",
            ),
            MembershipSpec(
                "trapezoidal", ("a", "b", "c", "d"), "a <= b <= c <= d and a < d",
                lambda p: p[0] <= p[1] <= p[2] <= p[3] and p[0] < p[3], (0, 0, 20, 35),
                "Rises from a to b, 1 up to c, falls to d; a = b or c = d makes that side a step, 1 at the step.",
            ),
            MembershipSpec(
                "gaussian", ("mean", "sigma"), "sigma > 0",
                lambda p: p[1] > 0, (0, 0.5),
                "exp(-((x - mean) / sigma)^2 / 2).",
            ),
            MembershipSpec(
                "sigmoid", ("centre", "slope"), "slope other than 0",
                lambda p: p[1] != 0, (50, 0.2),
                "1 / (1 + exp(-slope (x - centre))): rises for a positive slope, falls for a negative one.",
            ),
        )
    }
)  # fmt: skip
"""Every membership function by the type a strategy writes; a bare list of 3 is triangular, of 4 trapezoidal."""
