"""Long series for benchmarks: a seeded random walk, written once as a price file. Never used for a figure of merit."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.timeframe import Timeframe

_START = np.datetime64("1850-01-01", "ns").astype(np.int64)
