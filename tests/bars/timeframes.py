"""Bars of two timeframes: an hourly walk with holes, as a market with weekends has them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.timeframe import Timeframe

HOUR = Timeframe.H1.nanoseconds
MONDAY = 4 * 24 * HOUR
"""1970-01-05, a Monday."""


def hourly(hours: NDArray[np.int64], seed: int = 0) -> BarSeries:
    """Return bars that open at some hours after a Monday's midnight."""
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, len(hours))))
    return priced(MONDAY + hours * HOUR, close)


def priced(stamps: NDArray[np.int64], close: NDArray[np.float64], timeframe: Timeframe = Timeframe.H1) -> BarSeries:
    """Return bars that open where the last one closed."""
    opened = np.concatenate([close[:1], close[:-1]])
    columns = {
        "timestamp": stamps,
        "open": opened,
        "high": np.maximum(opened, close) * 1.001,
        "low": np.minimum(opened, close) * 0.999,
        "close": close,
        "volume": np.arange(1.0, len(close) + 1),
    }
    return BarSeries.from_columns("TEST", timeframe, columns)


@st.composite
def markets(draw: st.DrawFn, hours: int = 400) -> BarSeries:
    """Draw hourly bars with nights, weekends and single hours missing, beginning anywhere in a week."""
    first = draw(st.integers(0, 200))
    open_hours = draw(st.sampled_from([range(24), range(7, 21), range(14, 16)]))
    has_weekends = draw(st.booleans())
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    stamps = np.arange(first, first + draw(st.integers(30, hours)))
    traded = np.isin(stamps % 24, list(open_hours)) & (random.random(len(stamps)) < draw(st.sampled_from([0.6, 1.0])))
    if has_weekends:
        traded &= stamps // 24 % 7 < 5
    traded[-1] = True
    return hourly(stamps[traded], seed=int(random.integers(2**32)))
