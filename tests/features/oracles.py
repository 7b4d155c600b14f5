"""The composed indicators once more, bar by bar in plain Python or with pandas, written without the product's."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import talib
from numpy.typing import NDArray

from ktrdr_engine.bars.series import BarSeries

Column = NDArray[np.float64]
Numbers = list[float]
Parameters = dict[str, int]
Oracle = Callable[[BarSeries, Parameters], tuple[Column, ...]]

NAN = math.nan


def table(series: BarSeries) -> pd.DataFrame:
    return pd.DataFrame({n: getattr(series, n) for n in ("open", "high", "low", "close", "volume")})


def average(values: Numbers, period: int, factor: float) -> Numbers:
    """Return the recursive mean that starts from the simple mean of the first `period` numbers after the NaN."""
    start = next((i for i, value in enumerate(values) if not math.isnan(value)), len(values))
    known = values[start:]
    if len(known) < period:
        return [NAN] * len(values)
    means = [math.fsum(known[:period]) / period]
    for value in known[period:]:
        means.append(means[-1] * (1 - factor) + value * factor)
    return [NAN] * (start + period - 1) + means


def exponential(values: Column, period: int) -> Column:
    return np.array(average(values.tolist(), period, 2 / (period + 1)))


def true_range(series: BarSeries, period: int) -> Column:
    bars = table(series)
    ends = pd.concat([bars["high"], bars["close"].shift(1)], axis=1).max(axis=1)
    starts = pd.concat([bars["low"], bars["close"].shift(1)], axis=1).min(axis=1)
    ranges = (ends - starts).to_numpy(copy=True)
    ranges[0] = NAN  # nothing came before it
    return np.array(average(ranges.tolist(), period, 1 / period))


def vwap(series: BarSeries, p: Parameters) -> tuple[Column, ...]:
    values = []
    for i in range(len(series)):
        window = range(max(0, i - p["period"] + 1), i + 1)
        prices = [
            (series.high[j] + series.low[j] + series.close[j]) / 3 if p["use_typical_price"] else series.close[j]
            for j in window
        ]
        volumes = [series.volume[j] for j in window]
        weights = volumes if any(volumes) else [1.0] * len(volumes)
        values.append(math.fsum(x * w for x, w in zip(prices, weights, strict=True)) / math.fsum(weights))
    return (np.array(values),)


def money_flow(series: BarSeries) -> pd.Series:
    bars = table(series)
    place = (2 * bars["close"] - bars["low"] - bars["high"]) / (bars["high"] - bars["low"])
    return place.fillna(0) * bars["volume"]


def cmf(series: BarSeries, p: Parameters) -> tuple[Column, ...]:
    flow = money_flow(series).rolling(p["period"]).sum()
    volume = table(series)["volume"].rolling(p["period"]).sum()
    return ((flow / volume).where(volume > 0, 0.0).to_numpy(),)


def ad_line(series: BarSeries, p: Parameters) -> tuple[Column, ...]:
    return (money_flow(series).cumsum().to_numpy(),)


def volume_ratio(series: BarSeries, p: Parameters) -> tuple[Column, ...]:
    volume = table(series)["volume"]
    mean = volume.rolling(p["period"]).mean()
    return ((volume / mean).where(mean > 0, 1.0).to_numpy(),)


def distance(series: BarSeries, p: Parameters) -> tuple[Column, ...]:
    price = table(series)[str(p["source"])]
    if str(p["ma_type"]) == "EMA":
        return (100 * (series.close / exponential(series.close, p["period"]) - 1),)
    return ((100 * (price / price.rolling(p["period"]).mean() - 1)).to_numpy(),)


def keltner(series: BarSeries, p: Parameters) -> tuple[Column, ...]:
    middle = exponential(series.close, p["period"])
    reach = p["multiplier"] * true_range(series, p["atr_period"])
    return middle + reach, middle, middle - reach


def squeeze(series: BarSeries, p: Parameters) -> tuple[Column, ...]:
    # TA-Lib's bands, as those of `bbands`: their rounding is larger than 1e-9 of so small a margin.
    above, _, below = talib.BBANDS(series.close, p["bb_period"], p["bb_multiplier"], p["bb_multiplier"])
    channels = {"period": p["kc_period"], "atr_period": 10, "multiplier": p["kc_multiplier"]}
    upper, _, lower = keltner(series, channels)
    return (np.maximum(0, np.minimum(upper - above, below - lower) / (upper - lower)),)


def extremes_of(series: BarSeries, period: int) -> tuple[pd.Series, pd.Series]:
    bars = table(series)
    return bars["high"].rolling(period).max(), bars["low"].rolling(period).min()


def donchian(series: BarSeries, p: Parameters) -> tuple[Column, ...]:
    upper, lower = extremes_of(series, p["period"])
    return upper.to_numpy(), ((upper + lower) / 2).to_numpy(), lower.to_numpy()


def supertrend(series: BarSeries, p: Parameters) -> tuple[Column, ...]:
    ranges = true_range(series, p["period"])
    line, side, before = [], [], (NAN, NAN, 1.0, NAN)
    for i in range(len(series)):
        if math.isnan(ranges[i]):
            line.append(NAN)
            side.append(NAN)
            continue
        ceiling, floor, direction, last = before
        upper = (series.high[i] + series.low[i]) / 2 + p["multiplier"] * ranges[i]
        lower = (series.high[i] + series.low[i]) / 2 - p["multiplier"] * ranges[i]
        if not (upper >= ceiling and last <= ceiling):
            ceiling = upper
        if not (lower <= floor and last >= floor):
            floor = lower
        if direction > 0 and series.close[i] < floor:
            direction = -1.0
        elif direction < 0 and series.close[i] > ceiling:
            direction = 1.0
        line.append(floor if direction > 0 else ceiling)
        side.append(direction)
        before = ceiling, floor, direction, series.close[i]
    return np.array(line), np.array(side)


def ichimoku(series: BarSeries, p: Parameters) -> tuple[Column, ...]:
    extremes = [extremes_of(series, p[name]) for name in ("tenkan_period", "kijun_period", "senkou_b_period")]
    tenkan, kijun, slow = ((highest + lowest) / 2 for highest, lowest in extremes)
    ahead = p["displacement"]
    return (
        tenkan.to_numpy(),
        kijun.to_numpy(),
        ((tenkan + kijun) / 2).shift(ahead).to_numpy(),
        slow.shift(ahead).to_numpy(),
    )


def vigor(series: BarSeries, p: Parameters) -> tuple[Column, ...]:
    bars = table(series)

    def weighted(column: pd.Series) -> pd.Series:
        return column + 2 * column.shift(1) + 2 * column.shift(2) + column.shift(3)

    moves = weighted(bars["close"] - bars["open"]).rolling(p["period"]).mean()
    ranges = weighted(bars["high"] - bars["low"]).rolling(p["period"]).mean()
    rvi = (moves / ranges).where(ranges != 0, 0.0).where(ranges.notna())
    return rvi.to_numpy(), rvi.rolling(p["signal_period"]).mean().to_numpy()


def fisher(series: BarSeries, p: Parameters) -> tuple[Column, ...]:
    upper, lower = extremes_of(series, p["period"])
    transformed = []
    for i in range(len(series)):
        width = upper[i] - lower[i]
        x = 2 * (((series.high[i] + series.low[i]) / 2 - lower[i]) / width) - 1 if width else 0.0
        x = min(max(x, -0.999), 0.999) if not math.isnan(width) else NAN
        transformed.append(0.5 * math.log((1 + x) / (1 - x)))
    line = np.array(average(transformed, p["smoothing"], 2 / (p["smoothing"] + 1)))
    return line, np.append([NAN], line[:-1])


ORACLES: dict[str, Oracle] = {
    "vwap": vwap,
    "cmf": cmf,
    "adline": ad_line,
    "volumeratio": volume_ratio,
    "distancefromma": distance,
    "squeezeintensity": squeeze,
    "keltnerchannels": keltner,
    "donchianchannels": donchian,
    "supertrend": supertrend,
    "ichimoku": ichimoku,
    "rvi": vigor,
    "fishertransform": fisher,
}
