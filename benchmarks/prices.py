"""Long series for benchmarks: a seeded random walk, written once as a price file. Never used for a figure of merit."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ktrdr_engine.bars.files import write_parquet
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.timeframe import Timeframe

_FIRST_STAMP = int(np.datetime64("1850-01-01", "ns").astype(np.int64))


def long_series(bars: int, *, seed: int = 7) -> BarSeries:
    """Return `bars` hourly bars that look like a currency pair: valid, positive, reproducible."""
    random = np.random.default_rng(seed)
    close = 1.1 * np.exp(np.cumsum(random.normal(0.0, 1e-3, bars)) - 1e-7 * np.arange(bars))
    open_ = np.concatenate(([1.1], close[:-1]))
    reach = 1.0 + np.abs(random.normal(0.0, 5e-4, (2, bars)))
    return BarSeries.from_columns(
        "LONG",
        Timeframe.H1,
        {
            "timestamp": _FIRST_STAMP + Timeframe.H1.nanoseconds * np.arange(bars, dtype=np.int64),
            "open": open_,
            "high": np.maximum(open_, close) * reach[0],
            "low": np.minimum(open_, close) / reach[1],
            "close": close,
            "volume": random.uniform(1e3, 1e5, bars),
        },
    )


def write_long_series(path: Path, bars: int) -> None:
    """Write `long_series(bars)` to a Parquet file, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(long_series(bars), path)
