"""BarStore: price files by symbol and timeframe, the user's before the shipped ones, read once.

A file is `<SYMBOL>_<timeframe>.parquet` or `.csv`; a file named otherwise is not seen.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Literal, NamedTuple

from ktrdr_engine.bars.files import read_bars
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.timeframe import Timeframe, parse_timeframe
from ktrdr_engine.catalog import Catalog, Unusable, shipped_root
from ktrdr_engine.errors import DataError, did_you_mean

_SUFFIXES = (".parquet", ".csv")
_FILE_NAME = re.compile(rf"([A-Za-z0-9_-][A-Za-z0-9._-]*)_({'|'.join(Timeframe)})\.(?:parquet|csv)")
_CACHE_BYTES = 512 * 1024 * 1024
_Version = tuple[Path, int, int, int]


class DatasetSummary(NamedTuple):
    """What a price file holds; `first` and `last` are bar opens in nanoseconds UTC."""

    symbol: str
    timeframe: str
    bars: int
    first: int
    last: int
    source: Literal["shipped", "user"]


class BarStore:
    """The price files below the given folders.

    Guarantees: every method may be called from any thread. A file that changes is read again; bars already handed out
    stay as they were. The last series read are kept, up to 512 MB.
    """

    def __init__(self, roots: tuple[Path, ...]) -> None:
        self._catalog = Catalog("data", _SUFFIXES, roots, DataError)
        self._lock = threading.Lock()
        self._series: OrderedDict[_Version, BarSeries] = OrderedDict()

    def datasets(self) -> list[tuple[str, str]]:
        """Return the known (symbol, timeframe) pairs, sorted, from file names only."""
        matches = (_FILE_NAME.fullmatch(name) for name in self._catalog.names())
        return sorted({(match[1], match[2]) for match in matches if match})

    def unusable(self) -> list[Unusable]:
        """Return what lies among the price files and cannot be used, whatever is in it."""
        return self._catalog.unusable()

    def load(self, symbol: str, timeframe: str) -> BarSeries:
        """Return all bars of a symbol and timeframe.

        Raises:
            DataError: Either is unknown (the nearest known are offered), or the file breaks a rule.
        """
        length = parse_timeframe(timeframe)
        path = self.path(symbol, length)
        try:
            status = path.stat()
        except OSError as error:
            raise DataError(f"{path.name}: cannot be read ({error.strerror}).") from error
        # The inode as well: two files that replace each other can share a tick of the clock and a size.
        key = (path, status.st_mtime_ns, status.st_size, status.st_ino)
        with self._lock:
            if key in self._series:
                self._series.move_to_end(key)
                return self._series[key]
        series = read_bars(path, symbol, length)
        with self._lock:
            self._keep(key, series)
        return series

    def path(self, symbol: str, timeframe: str) -> Path:
        """Return the file the bars are read from.

        Raises:
            DataError: Symbol or timeframe is unknown; the nearest known are offered.
        """
        known = self.datasets()
        if (symbol, timeframe) in known:
            return self._catalog.find(f"{symbol}_{timeframe}")
        for odd in self.unusable():
            if odd.name in {f"{symbol}_{timeframe}{suffix}" for suffix in _SUFFIXES}:
                raise DataError(f"data/{odd.name}: {odd.problem}", details={"field": "symbol", "value": symbol})
        symbols = sorted({name for name, _ in known})
        if symbol not in symbols:
            raise DataError(
                f"No prices for symbol {symbol!r}.{did_you_mean(symbol, symbols)}",
                details={"field": "symbol", "value": symbol, "known": symbols},
            )
        there = [length for name, length in known if name == symbol]
        raise DataError(
            f"No {timeframe} prices for {symbol}. There is {', '.join(there)}.",
            details={"field": "timeframe", "value": str(timeframe), "known": there},
        )

    def summary(self, symbol: str, timeframe: str) -> DatasetSummary:
        """Read the bars and return what they are.

        Raises:
            DataError: As `load`.
        """
        series = self.load(symbol, timeframe)
        path = self.path(symbol, series.timeframe)
        source: Literal["shipped", "user"] = "shipped" if path.is_relative_to(shipped_root()) else "user"
        first, last = (int(series.timestamp[i]) for i in (0, -1))
        return DatasetSummary(symbol, timeframe, len(series), first, last, source)

    def _keep(self, key: _Version, series: BarSeries) -> None:
        for stale in [other for other in self._series if other[0] == key[0]]:
            del self._series[stale]
        self._series[key] = series
        while len(self._series) > 1 and sum(kept.prices.nbytes for kept in self._series.values()) > _CACHE_BYTES:
            self._series.popitem(last=False)
