"""Small valid price tables for the tests of bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HOUR = 3_600_000_000_000
NEW_YEAR = 1_704_067_200_000_000_000
"""2024-01-01T00:00:00Z."""

CSV = """timestamp,open,high,low,close,volume
2024-01-01T00:00:00Z,10,12,9,11,100
2024-01-01T01:00:00Z,11,13,10,12,0
2024-01-01T02:00:00Z,12,14,11,13,50.5
"""


def columns(n: int = 5) -> dict[str, NDArray[np.generic]]:
    """Return `n` hourly bars from 2024 on, each a little higher than the last."""
    close = 10.0 + np.arange(n)
    return {
        "timestamp": NEW_YEAR + HOUR * np.arange(n, dtype=np.int64),
        "open": close - 0.5,
        "high": close + 1,
        "low": close - 1,
        "close": close,
        "volume": 100.0 * np.arange(n),
    }


def write(folder: Path, text: str, name: str = "TEST_1h.csv") -> Path:
    """Write a price file and return where it is."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path
