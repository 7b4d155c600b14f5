"""Longer bars out of shorter ones.

Intraday buckets lie on UTC: 4h bars begin at 00:00, 04:00 and so on. Days are those of the series' market, and weeks
its days from Monday on (`days.bucket_stamps`). Nothing is invented: a bucket without a bar gives no bar.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.bars.days import DAY_NS, bucket_stamps
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.errors import DataError


def resample(series: BarSeries, timeframe: Timeframe) -> BarSeries:
    """Return bars of a longer timeframe: first open, highest high, lowest low, last close, summed volume.

    Each bucket that holds a bar gives one, however few of its shorter bars are there; so the first and the last may
    stand for a part of their time only. The series' own timeframe returns the series itself.

    Raises:
        DataError: `timeframe` is shorter than the series', or a bar reaches over the end of its intraday bucket,
            whose close would then know the future (bars that open at half past do not make 4h bars).
    """
    if timeframe is series.timeframe:
        return series
    if timeframe.nanoseconds % series.timeframe.nanoseconds:
        longer = [length.value for length in Timeframe if length.nanoseconds % series.timeframe.nanoseconds == 0][1:]
        raise DataError(
            f"{series.symbol} {series.timeframe} bars cannot make {timeframe} bars, only longer ones: "
            f"{', '.join(longer) or 'there are none'}.",
            details={"field": "timeframe", "value": str(timeframe), "known": longer},
        )
    opens = bucket_stamps(series.timestamp, series.timeframe, series.market, timeframe)
    if timeframe.nanoseconds < DAY_NS:
        _check_inside(series, opens, timeframe)
    starts = np.flatnonzero(np.concatenate(([True], opens[1:] != opens[:-1])))
    prices = np.empty((5, len(starts)))
    prices[0] = series.open[starts]
    prices[1] = np.maximum.reduceat(series.high, starts)
    prices[2] = np.minimum.reduceat(series.low, starts)
    prices[3] = series.close[np.append(starts[1:], len(series)) - 1]
    prices[4] = np.add.reduceat(series.volume, starts)
    return BarSeries(series.symbol, timeframe, opens[starts], prices, series.market)


def _check_inside(series: BarSeries, opens: NDArray[np.int64], timeframe: Timeframe) -> None:
    over = series.timestamp + series.timeframe.nanoseconds > opens + timeframe.nanoseconds
    if not over.any():
        return
    row = int(over.argmax())
    stamp, end = (format_stamp(int(ns)) for ns in (series.timestamp[row], opens[row] + timeframe.nanoseconds))
    raise DataError(
        f"{series.symbol} {series.timeframe}: the bar of {stamp} reaches over {end}, where its {timeframe} bar closes, "
        f"which would then know the future. Make {timeframe} bars from a shorter timeframe.",
        details={"field": "timeframe", "value": str(timeframe), "timestamp": stamp},
    )
