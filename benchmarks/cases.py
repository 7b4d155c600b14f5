"""Prices and signals that several benchmarks trade, and how the time of a piece of work is taken."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import talib
from numpy.typing import NDArray

from benchmarks.prices import long_series
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.catalog import shipped_root

SECONDS_A_FIGURE: Final = 1.5
"""Time given to the repetitions of a figure, within 3 to 300 of them."""


@dataclass(frozen=True, slots=True)
class Case:
    """Prices and signals to trade."""

    series: BarSeries
    codes: NDArray[np.int8]


@cache
def case(bars: int) -> Case:
    """Return real EURUSD bars up to 5k and a seeded walk beyond, with the signals of two crossing means."""
    eurusd = BarStore((shipped_root(),)).load("EURUSD", "1h")
    series = eurusd.between(0, bars) if bars <= len(eurusd) else long_series(bars)
    above = talib.SMA(series.close, 20) > talib.SMA(series.close, 100)
    codes = np.ones(bars, np.int8)
    codes[1:] -= above[1:].astype(np.int8) - above[:-1].astype(np.int8)
    return Case(series, codes)


def median_seconds(work: Callable[[], object]) -> float:
    """Run `work` a few times and return the median."""
    work()
    samples: list[float] = []
    while len(samples) < 3 or (sum(samples) < SECONDS_A_FIGURE and len(samples) < 300):
        begun = time.perf_counter()
        work()
        samples.append(time.perf_counter() - begun)
    return statistics.median(samples)
