"""Small series of bars, and homes to load them into."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.bars.series import PRICE_COLUMNS, BarSeries
from ktrdr_engine.bars.timeframe import Timeframe

HOUR = 3_600_000_000_000
DAY = 24 * HOUR
MONDAY = 1_704_067_200_000_000_000
"""2024-01-01T00:00:00Z."""


def bars(
    opens: list[int], *, symbol: str = "TEST", timeframe: Timeframe = Timeframe.H1, base: float = 100.0
) -> BarSeries:
    """Return bars at `opens`, counted in their length from 2024 on; the same open has the same values."""
    index = np.array(opens, dtype=np.int64)
    close = base + index % 50
    rows = (close - 0.5, close + 1, close - 1, close, 10.0 * (1 + index % 7))
    columns = dict(zip(PRICE_COLUMNS, rows, strict=True))
    return BarSeries.from_columns(symbol, timeframe, {"timestamp": MONDAY + timeframe.nanoseconds * index, **columns})


def csv(series: BarSeries) -> str:
    """Return the bars as the text of a CSV file."""
    lines = ["timestamp,open,high,low,close,volume"]
    for stamp, row in zip(series.timestamp.tolist(), series.prices.T.tolist(), strict=True):
        lines.append(",".join([format_stamp(stamp), *map(repr, row)]))
    return "\n".join(lines) + "\n"


def put(home: Path, text: str, name: str = "prices.csv") -> str:
    """Write an import file and return its name."""
    folder = home / "imports"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return name
