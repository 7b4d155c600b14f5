"""The formulas of the indicators declared in `composed_specs`, over whole columns.

Rows before the warm-up are NaN; after it there is no NaN and no division by zero: what stands there instead is
declared with the indicator.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.features.composed_specs import FISHER_CUT, SQUEEZE_ATR_PERIOD
from ktrdr_engine.features.formulas import Column, Formula, Values, source, talib
from ktrdr_engine.features.rolling import window_means, window_sums
from ktrdr_engine.features.supertrend import follow


def _late(known: Column, rows: int) -> Column:
    """Return the last rows of a column with NaN before them."""
    column = np.full(rows, np.nan)
    column[rows - len(known) :] = known
    return column


def _ratio(numerator: Column, denominator: Column, otherwise: float | Column) -> Column:
    """Divide; where the denominator is 0 take `otherwise`."""
    quotient = np.empty_like(numerator)
    quotient[:] = otherwise
    return np.divide(numerator, denominator, out=quotient, where=denominator != 0)


def _vwap(series: BarSeries, values: Values) -> tuple[Column, ...]:
    period, close = int(values["period"]), series.close
    price = (series.high + series.low + close) / 3 if values["use_typical_price"] else close
    traded = window_sums(series.volume, period)
    means = _ratio(window_sums(price * series.volume, period), traded, window_means(price, period))
    return (_late(means, len(series)),)


def _cmf(series: BarSeries, values: Values) -> tuple[Column, ...]:
    period, high, low, close = int(values["period"]), series.high, series.low, series.close
    place = _ratio((close - low) - (high - close), high - low, 0.0)
    flow = _ratio(window_sums(place * series.volume, period), window_sums(series.volume, period), 0.0)
    return (_late(flow, len(series)),)


def _ad_line(series: BarSeries, values: Values) -> tuple[Column, ...]:
    return (talib().AD(series.high, series.low, series.close, series.volume),)


def _volume_ratio(series: BarSeries, values: Values) -> tuple[Column, ...]:
    period = int(values["period"])
    ratio = _ratio(series.volume[period - 1 :], window_means(series.volume, period), 1.0)
    return (_late(ratio, len(series)),)


def _distance(series: BarSeries, values: Values) -> tuple[Column, ...]:
    period, price = int(values["period"]), source(series, values)
    exponential = values["ma_type"] == "EMA"
    average = talib().EMA(price, period)[period - 1 :] if exponential else window_means(price, period)
    return (_late(100 * (price[period - 1 :] - average) / average, len(series)),)


def _channels(series: BarSeries, period: int, atr_period: int, multiplier: float) -> tuple[Column, Column, Column]:
    """Return upper, middle and lower Keltner channel; NaN until both averages are known."""
    middle = talib().EMA(series.close, period)
    reach = multiplier * talib().ATR(series.high, series.low, series.close, atr_period)
    upper, lower = middle + reach, middle - reach
    middle[: max(period - 1, atr_period)] = np.nan
    return upper, middle, lower


def _keltner(series: BarSeries, values: Values) -> tuple[Column, ...]:
    return _channels(series, int(values["period"]), int(values["atr_period"]), float(values["multiplier"]))


def _squeeze(series: BarSeries, values: Values) -> tuple[Column, ...]:
    period, multiplier = int(values["bb_period"]), float(values["bb_multiplier"])
    above, _, below = talib().BBANDS(source(series, values), period, multiplier, multiplier)
    upper, _, lower = _channels(series, int(values["kc_period"]), SQUEEZE_ATR_PERIOD, float(values["kc_multiplier"]))
    margin = np.minimum(upper - above, below - lower)
    return (np.maximum(_ratio(margin, upper - lower, 0.0), 0.0),)


def _donchian(series: BarSeries, values: Values) -> tuple[Column, ...]:
    period = int(values["period"])
    upper, lower = talib().MAX(series.high, period), talib().MIN(series.low, period)
    return upper, (upper + lower) / 2, lower


def _supertrend(series: BarSeries, values: Values) -> tuple[Column, ...]:
    first = int(values["period"])
    reach = float(values["multiplier"]) * talib().ATR(series.high, series.low, series.close, first)[first:]
    middle = (series.high[first:] + series.low[first:]) / 2
    trend, direction = np.empty_like(middle), np.empty_like(middle)
    follow(series.close[first:], middle + reach, middle - reach, trend, direction)
    return _late(trend, len(series)), _late(direction, len(series))


def _ichimoku(series: BarSeries, values: Values) -> tuple[Column, ...]:
    names = ("tenkan_period", "kijun_period", "senkou_b_period")
    tenkan, kijun, slow = (_donchian(series, {"period": values[name]})[1] for name in names)
    ahead = int(values["displacement"])
    first = max(int(values[name]) for name in names) - 1
    drawn = max(first, len(series) - ahead)  # what was drawn later lies over bars to come
    lines = (tenkan[first + ahead :], kijun[first + ahead :])
    clouds = ((tenkan + kijun)[first:drawn] / 2, slow[first:drawn])
    return tuple(_late(column, len(series)) for column in (*lines, *clouds))


def _smooth(values: Column) -> Column:
    """Return the mean of four in a row, the inner two counted twice."""
    smooth: Column = (values[3:] + 2 * values[2:-1] + 2 * values[1:-2] + values[:-3]) / 6
    return smooth


def _rvi(series: BarSeries, values: Values) -> tuple[Column, ...]:
    period, signal_period = int(values["period"]), int(values["signal_period"])
    moves = window_sums(_smooth(series.close - series.open), period)
    ranges = window_sums(_smooth(series.high - series.low), period)
    vigor = _ratio(moves, ranges, 0.0)
    signal = window_means(vigor, signal_period)
    return _late(vigor[signal_period - 1 :], len(series)), _late(signal, len(series))


def _fisher(series: BarSeries, values: Values) -> tuple[Column, ...]:
    period, smoothing = int(values["period"]), int(values["smoothing"])
    upper, _, lower = (column[period - 1 :] for column in _donchian(series, values))
    middle = (series.high + series.low)[period - 1 :] / 2
    place = np.clip(2 * _ratio(middle - lower, upper - lower, 0.5) - 1, -FISHER_CUT, FISHER_CUT)
    fisher = np.arctanh(place)
    if smoothing > 1:
        fisher = talib().EMA(fisher, smoothing)[smoothing - 1 :]
    return _late(fisher[1:], len(series)), _late(fisher[:-1], len(series))


COMPOSED_FORMULAS: Mapping[str, Formula] = {
    "vwap": _vwap,
    "cmf": _cmf,
    "adline": _ad_line,
    "volumeratio": _volume_ratio,
    "distancefromma": _distance,
    "squeezeintensity": _squeeze,
    "keltnerchannels": _keltner,
    "donchianchannels": _donchian,
    "supertrend": _supertrend,
    "ichimoku": _ichimoku,
    "rvi": _rvi,
    "fishertransform": _fisher,
}
"""The formula of each, by type."""
