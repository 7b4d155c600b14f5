"""Made-up prices for tests: a wave with noise, from a seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.timeframe import Timeframe

HOUR = 3600 * 10**9


def series(closes: Sequence[float] | NDArray[np.float64], symbol: str = "WAVE", first: int = 0) -> BarSeries:
    close = np.asarray(closes, dtype=np.float64)
    return BarSeries.from_columns(
        symbol,
        Timeframe.H1,
        {
            "timestamp": (np.arange(len(close), dtype=np.int64) + first) * HOUR,
            "open": close,
            "high": close * 1.001,
            "low": close * 0.999,
            "close": close,
            "volume": np.ones(len(close)),
        },
    )


def wave(bars: int = 600, seed: int = 0) -> NDArray[np.float64]:
    noise = np.random.default_rng(seed).normal(0, 0.002, bars).cumsum()
    closes: NDArray[np.float64] = 100 * np.exp(0.03 * np.sin(np.arange(bars) / 9) + noise)
    return closes
