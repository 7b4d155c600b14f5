"""The declarations of indicators that TA-Lib does not have: made from it, or from sums, extremes and averages.

Part of `registry`, which is what others read. Types, parameters and outputs are named as in KTRDR strategy files.
Where a formula would divide by zero the description says what stands there instead.
"""

from __future__ import annotations

import math

from ktrdr_engine.features.parameters import FLOW, RANGE, SHARE, SINGLE, SOURCE, bars, longest, lookback, number, period
from ktrdr_engine.features.specs import Bounds, IndicatorSpec, Parameter

FISHER_CUT = 0.999
"""Where the place in the range is cut off for the Fisher transform, which is infinite at 1."""

SQUEEZE_ATR_PERIOD = 10
"""Bars of the true range in the channels of `squeezeintensity`, which has no parameter for it."""

_ATR_PERIOD = bars("atr_period", 10, "Bars of the average true range.")
_TRUE_RANGES = "Average true ranges from the middle to a band."
_TYPICAL = Parameter("use_typical_price", bool, True, "True: (high + low + close) / 3; false: the close.")
_MOVING_AVERAGE = Parameter("ma_type", str, "SMA", "Simple or exponential.", choices=("SMA", "EMA"))

COMPOSED = (
    IndicatorSpec(
        "vwap", "Volume Weighted Average Price", (period(20, 1), _TYPICAL), SINGLE, FLOW, lookback(-1),
        "Mean price of the last bars weighted by volume, in price; rolling, never since the day's or the series' "
        "start. Bars without any volume count alike: their plain mean.",
        "sum(price * volume) / sum(volume) over `period` bars",
    ),
    IndicatorSpec(
        "cmf", "Chaikin Money Flow", (period(21),), SINGLE, FLOW, lookback(-1),
        "Volume weighted by where each bar closed in its range, over volume, -1 to 1. A bar without range weighs 0; "
        "no volume in all bars gives 0.",
        "Chaikin; sum(((close - low) - (high - close)) / (high - low) * volume) / sum(volume)",
        bounds={"value": SHARE},
    ),
    IndicatorSpec(
        "adline", "Accumulation/Distribution Line", (), SINGLE, FLOW, lambda values: 0,
        "Volume weighted by where each bar closed in its range, summed from the series' first bar on: its level "
        "depends on where the series starts. A bar without range adds 0.",
        "Chaikin; TA-Lib AD",
        unsettled=True,
    ),
    IndicatorSpec(
        "volumeratio", "Volume Ratio", (period(20),), SINGLE, ("volume",), lookback(-1),
        "Volume over its mean of the last bars, this one included, 0 to `period`; 1 is usual. No volume in all bars "
        "gives 1.",
        "volume / mean(volume)",
        bounds={"value": Bounds(0, "period")},
    ),
    IndicatorSpec(
        "distancefromma", "Distance from a Moving Average", (period(20), _MOVING_AVERAGE, SOURCE), SINGLE, ("close",),
        lookback(-1),
        "Distance of the price from its moving average, in percent of the average.",
        "100 * (price - average) / average; TA-Lib SMA or EMA",
        bounds={"value": Bounds(-100)},
    ),
    IndicatorSpec(
        "squeezeintensity", "Squeeze Intensity",
        (
            bars("bb_period", 20, "Bars of the Bollinger Bands."),
            number("bb_multiplier", 2.0, "Standard deviations from the middle to a Bollinger Band.", 0.1, 10.0),
            bars("kc_period", 20, "Bars of the middle of the Keltner Channels."),
            number("kc_multiplier", 2.0, _TRUE_RANGES, 0.1, 10.0),
            SOURCE,
        ),
        SINGLE, RANGE,
        lambda values: max(longest("bb_period", "kc_period")(values) - 1, SQUEEZE_ATR_PERIOD),
        "How far the Bollinger Bands of the source lie inside the Keltner Channels of the close (average true range of "
        f"{SQUEEZE_ATR_PERIOD} bars): the narrower of the two margins over the channels' width, 0 (not inside) to 0.5 "
        "(no width at all). Channels without width give 0.",
        "Carter, Mastering the Trade (2005), as a degree; from TA-Lib BBANDS, EMA, ATR",
        bounds={"value": Bounds(0, 0.5)},
    ),
    IndicatorSpec(
        "keltnerchannels", "Keltner Channels",
        (period(20), _ATR_PERIOD, number("multiplier", 2.0, _TRUE_RANGES, 0.1, 10.0)),
        ("upper", "middle", "lower"), RANGE,
        lambda values: max(int(values["period"]) - 1, int(values["atr_period"])),
        "Exponential mean of the close and the bands `multiplier` average true ranges (Wilder's) around it, in price.",
        "Raschke's form of Keltner, How to Make Money in Commodities (1960); from TA-Lib EMA and ATR",
    ),
    IndicatorSpec(
        "donchianchannels", "Donchian Channels", (period(20),), ("upper", "middle", "lower"), ("high", "low"),
        lookback(-1),
        "Highest high, lowest low and the middle between them, in price; this bar is included, so that no price is "
        "ever beyond its own channel.",
        "Donchian; TA-Lib MAX and MIN",
    ),
    IndicatorSpec(
        "supertrend", "SuperTrend", (period(10), number("multiplier", 3.0, _TRUE_RANGES, 0.1, 10.0)),
        ("trend", "direction"), RANGE, lookback(),
        "The band that follows the price, below it while the trend rises and above it while it falls, in price "
        "(trend), and 1 rising or -1 falling (direction). It turns when a close lies beyond the band, and begins "
        "rising: until the first turn it depends on where the series starts.",
        "Seban; bands of Wilder's average true range around (high + low) / 2, TA-Lib ATR",
        unsettled=True,
        bounds={"direction": SHARE},
    ),
    IndicatorSpec(
        "ichimoku", "Ichimoku Cloud",
        (
            bars("tenkan_period", 9, "Bars of the conversion line."),
            bars("kijun_period", 26, "Bars of the base line."),
            bars("senkou_b_period", 52, "Bars of the slower leading span."),
            bars("displacement", 26, "Bars the leading spans are drawn ahead.", 0),
        ),
        ("tenkan", "kijun", "senkou_a", "senkou_b"), ("high", "low"),
        lambda values: longest("tenkan_period", "kijun_period", "senkou_b_period")(values)
        - 1
        + int(values["displacement"]),
        "Middles of the highest high and the lowest low (tenkan, kijun), and the cloud over this bar (senkou_a, "
        "senkou_b): what was drawn ahead to here `displacement` bars ago, in price. There is no chikou span, which is "
        "the close of a later bar. All start together.",
        "Hosoda, Ichimoku Kinko Hyo (1969); from TA-Lib MAX and MIN",
    ),
    IndicatorSpec(
        "rvi", "Relative Vigor Index", (period(10), bars("signal_period", 4, "Bars of the mean of rvi.", 1)),
        ("rvi", "signal"), ("open", *RANGE), lambda values: int(values["period"]) + int(values["signal_period"]) + 1,
        "Close less open over high less low, both smoothed over four bars by 1, 2, 2, 1 and summed over the last ones "
        "(rvi), -1 to 1, and its simple mean (signal). No range in all bars gives 0. Both start when signal does.",
        "Ehlers, Relative Vigor Index, Stocks & Commodities 20:1 (2002); not Dorsey's Relative Volatility Index",
        bounds={"rvi": SHARE, "signal": SHARE},
    ),
    IndicatorSpec(
        "fishertransform", "Fisher Transform", (period(10), bars("smoothing", 3, "Bars of the average.", 1, 100)),
        ("fisher", "signal"), ("high", "low"), lambda values: int(values["period"]) + int(values["smoothing"]) - 1,
        "The middle of the bar placed in the range of the last ones, -0.999 to 0.999, through 0.5 * ln((1 + x) / (1 - "
        "x)), exponentially averaged (fisher), -3.8 to 3.8, and its value one bar ago (signal). No range gives x = 0.",
        "Ehlers, Using the Fisher Transform, Stocks & Commodities 20:11 (2002), smoothed after it; TA-Lib EMA",
        bounds=dict.fromkeys(("fisher", "signal"), Bounds(-math.atanh(FISHER_CUT), math.atanh(FISHER_CUT))),
    ),
)  # fmt: skip
"""In the order of the documentation."""
