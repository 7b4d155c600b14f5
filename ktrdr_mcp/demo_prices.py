"""Prices for the demo's backtest that is cancelled: long enough to be still at work when the cancel comes.

The shipped year over and over, each time 52 weeks later. No market moved like that; nothing is learned from it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ktrdr_engine.catalog import shipped_root

SYMBOL: Final = "EURUSD-REPEATED"
LAST_DAY: Final = "2215-12-31"
_REPEATS: Final = 200
_WEEK_NANOSECONDS: Final = 7 * 24 * 3_600 * 1_000_000_000


def write_long_prices(home: Path) -> None:
    """Write 200 times EURUSD 1h of 2017, one after the other, where a server finds the user's prices."""
    import numpy as np

    from ktrdr_engine.bars.files import write_parquet
    from ktrdr_engine.bars.series import BarSeries
    from ktrdr_engine.bars.store import BarStore

    year = BarStore((shipped_root(),)).load("EURUSD", "1h")
    shifts = np.arange(_REPEATS, dtype=np.int64) * 52 * _WEEK_NANOSECONDS
    columns = {
        "timestamp": (shifts[:, None] + year.timestamp).ravel(),
        **{name: np.tile(getattr(year, name), _REPEATS) for name in ("open", "high", "low", "close", "volume")},
    }
    (home / "data").mkdir()
    series = BarSeries.from_columns(SYMBOL, year.timeframe, columns)
    write_parquet(series, home / "data" / f"{SYMBOL}_{year.timeframe}.parquet")
