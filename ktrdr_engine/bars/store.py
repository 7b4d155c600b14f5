"""BarStore: price files by symbol and timeframe, the user's before the shipped ones, read once.

A file is `<symbol>_<timeframe>.parquet` or `.csv`, the symbol as `symbols.file_name` writes it; a file named otherwise
is not seen. Methods take a symbol in any spelling.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from ktrdr_engine.bars.files import read_bars, read_notes
from ktrdr_engine.bars.gaps import Gap, find_gaps
from ktrdr_engine.bars.market import Market, infer_market
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.spikes import Spike, find_spikes
from ktrdr_engine.bars.stored_market import FILE_NAME, read_market, side_file
from ktrdr_engine.bars.timeframe import Timeframe, parse_timeframe
from ktrdr_engine.catalog import Catalog, Unusable, shipped_root
from ktrdr_engine.errors import DataError, did_you_mean
from ktrdr_engine.symbols import canonical_symbol, file_name, same_file, symbol_in

_SUFFIXES = (".parquet", ".csv")
_FILE_NAME = re.compile(rf"((?!\.)(.+)_({'|'.join(Timeframe)}))\.(?:parquet|csv)", re.DOTALL)
_FOREIGN = re.compile(r"[^A-Za-z0-9._-]+")
"""What file names were once freed of: EURUSD=X was kept as EURUSD-X, ^GSPC as GSPC."""
_CACHE_BYTES = 512 * 1024 * 1024
FoundT = TypeVar("FoundT")
_FileVersion = tuple[int, int, int]
_Version = tuple[Path, _FileVersion, tuple[_FileVersion | None, ...]]


class DatasetSummary(NamedTuple):
    """What a price file holds; `first` and `last` are bar opens in nanoseconds UTC."""

    symbol: str
    timeframe: str
    bars: int
    first: int
    last: int
    source: Literal["shipped", "user"]
    market: Market


class BarStore:
    """The price files below the given folders.

    Guarantees: every method may be called from any thread. A file that changes is read again; bars already handed out
    stay as they were. The last series read are kept, up to 512 MB.
    """

    def __init__(self, roots: tuple[Path, ...]) -> None:
        self._catalog = Catalog("data", _SUFFIXES, roots, DataError)
        self._folders = tuple(root / "data" for root in roots)
        self._markets = tuple(folder / FILE_NAME for folder in self._folders)
        self._lock = threading.Lock()
        self._gaps: dict[Path, tuple[_Version, tuple[Gap, ...]]] = {}
        self._spikes: dict[Path, tuple[_Version, tuple[Spike, ...]]] = {}
        self._series: OrderedDict[_Version, BarSeries] = OrderedDict()

    def datasets(self) -> list[tuple[str, str]]:
        """Return the known (symbol, timeframe) pairs, sorted, from file names only."""
        return sorted(self._files())

    def timeframes(self, symbol: str) -> list[str]:
        """Return the timeframes there are bars of, shortest first; none where nothing is kept of the symbol."""
        known = self._files()
        lengths = [length.value for length in sorted(Timeframe, key=lambda one: one.nanoseconds)]
        return [length for length in lengths if self._found(symbol, length, known)]

    def name_of(self, symbol: str, timeframe: str) -> str:
        """Return the symbol that bars of `symbol` are kept under, or would be.

        Raises:
            DataError: It is no symbol, or differs in case alone from one there is: some systems would mix them up.
        """
        known = self._files()
        if found := self._found(symbol, timeframe, known):
            return found[0]
        name = _canonical(symbol)
        clash = next((one for one, length in known if length == timeframe and same_file(name, one)), None)
        if clash is None:
            return name
        raise DataError(
            f"symbol {symbol!r} differs only in case from {clash!r}, of which there are {timeframe} bars: both would "
            f"be one file on some systems. Use {clash!r}.",
            details={"field": "symbol", "value": symbol, "known": [clash]},
        )

    def unusable(self) -> list[Unusable]:
        """Return what lies among the price files and cannot be used, whatever is in it."""
        return self._catalog.unusable()

    def load(self, symbol: str, timeframe: str) -> BarSeries:
        """Return all bars of a symbol and timeframe, with their market: as it was said, else inferred from all of them.

        Raises:
            DataError: Either is unknown (the nearest known are offered), or the file breaks a rule.
        """
        return self._loaded(symbol, timeframe)[1]

    def gaps(self, symbol: str, timeframe: str) -> tuple[Gap, ...]:
        """Return where bars are missing; found once for each version of the file.

        Raises:
            DataError: As `load`.
        """
        return self._found_in(symbol, timeframe, find_gaps, self._gaps)

    def spikes(self, symbol: str, timeframe: str) -> tuple[Spike, ...]:
        """Return the jumps that are more likely a mistake of the data; found once for each version of the file.

        Raises:
            DataError: As `load`.
        """
        return self._found_in(symbol, timeframe, find_spikes, self._spikes)

    def path(self, symbol: str, timeframe: str) -> Path:
        """Return the file the bars are read from.

        Raises:
            DataError: Symbol or timeframe is unknown; the nearest known are offered.
        """
        return self._find(symbol, timeframe)[1]

    def summary(self, symbol: str, timeframe: str) -> DatasetSummary:
        """Read the bars and return what they are.

        Raises:
            DataError: As `load`.
        """
        (path, *_), series = self._loaded(symbol, timeframe)
        source: Literal["shipped", "user"] = "shipped" if path.is_relative_to(shipped_root()) else "user"
        first, last = (int(series.timestamp[i]) for i in (0, -1))
        return DatasetSummary(series.symbol, timeframe, len(series), first, last, source, series.market)

    def _found_in(
        self,
        symbol: str,
        timeframe: str,
        find: Callable[[BarSeries], Sequence[FoundT]],
        found: dict[Path, tuple[_Version, tuple[FoundT, ...]]],
    ) -> tuple[FoundT, ...]:
        version, series = self._loaded(symbol, timeframe)
        path = version[0]
        with self._lock:
            known = found.get(path)
        if known is None or known[0] != version:
            known = version, tuple(find(series))
            with self._lock:
                found[path] = known
        return known[1]

    def _loaded(self, symbol: str, timeframe: str) -> tuple[_Version, BarSeries]:
        """Return the version of the file, whose first part is its path, and the bars."""
        length = parse_timeframe(timeframe)
        name, path = self._find(symbol, length)
        key = self._version(path)
        with self._lock:
            if key in self._series:
                self._series.move_to_end(key)
                return key, self._series[key]
        series = read_bars(path, name, length)
        market = read_market(path, self._folders) or infer_market(series.timestamp, length)
        series = replace(series, market=market)
        with self._lock:
            self._keep(key, series)
        return key, series

    def _find(self, symbol: str, timeframe: str) -> tuple[str, Path]:
        """Return the canonical name and the file, or raise as `path`."""
        known = self._files()
        if found := self._found(symbol, timeframe, known):
            name, stem = found
            return name, self._catalog.find(stem)
        name = _canonical(symbol)
        for odd in self.unusable():
            if odd.name in {f"{file_name(name)}_{timeframe}{suffix}" for suffix in _SUFFIXES}:
                raise DataError(f"data/{odd.name}: {odd.problem}", details={"field": "symbol", "value": symbol})
        there = self.timeframes(name)
        if there:
            raise DataError(
                f"No {timeframe} prices for {symbol}. There is {', '.join(there)}.",
                details={"field": "timeframe", "value": str(timeframe), "known": there},
            )
        symbols = sorted({one for one, _ in known})
        raise DataError(
            f"No prices for symbol {symbol!r}.{did_you_mean(name, symbols)}",
            details={"field": "symbol", "value": symbol, "known": symbols},
        )

    def _files(self) -> dict[tuple[str, str], str]:
        """Return the file name, without suffix, of each dataset."""
        files: dict[tuple[str, str], str] = {}
        for match in filter(None, map(_FILE_NAME.fullmatch, self._catalog.names())):
            stem, name, timeframe = match.groups()
            symbol = symbol_in(name)
            # Of two files that mean one symbol, the one that is named as loads name it.
            if symbol is not None and (name == file_name(symbol) or (symbol, timeframe) not in files):
                files[symbol, timeframe] = stem
        return files

    def _found(self, symbol: str, timeframe: str, known: Mapping[tuple[str, str], str]) -> tuple[str, str] | None:
        """Return the name in `known` that `symbol` means, and its file's."""
        name = _canonical(symbol)
        if (name, timeframe) in known:
            return name, known[name, timeframe]
        former = _FOREIGN.sub("-", symbol).strip("-")
        stem = known.get((former, timeframe))
        if stem is None or former == name or not _was_loaded_as(symbol, self._catalog.find(stem)):
            return None
        return former, stem

    def _version(self, path: Path) -> _Version:
        """Return what changes when the bars or the market that was said of them do."""
        said = () if path.suffix == ".parquet" else tuple(map(_version_if_any, (side_file(path), *self._markets)))
        try:
            return path, _version_of(path), said
        except OSError as error:
            raise DataError(f"{path.name}: cannot be read ({error.strerror}).") from error

    def _keep(self, key: _Version, series: BarSeries) -> None:
        for stale in [other for other in self._series if other[0] == key[0]]:
            del self._series[stale]
        self._series[key] = series
        while len(self._series) > 1 and sum(kept.prices.nbytes for kept in self._series.values()) > _CACHE_BYTES:
            self._series.popitem(last=False)


def _canonical(symbol: str) -> str:
    try:
        return canonical_symbol(symbol)
    except ValueError as error:
        raise DataError(
            f"No prices for symbol {symbol[:80]!r}: {error}.", details={"field": "symbol", "value": symbol[:80]}
        ) from None


def _was_loaded_as(symbol: str, path: Path) -> bool:
    """Return whether the notes of a file name `symbol` as what a source was asked for."""
    return path.suffix == ".parquet" and any(f' {symbol}"' in note for note in read_notes(path).values())


def _version_of(path: Path) -> _FileVersion:
    status = path.stat()
    # The inode as well: two files that replace each other can share a tick of the clock and a size.
    return status.st_mtime_ns, status.st_size, status.st_ino


def _version_if_any(path: Path) -> _FileVersion | None:
    try:
        return _version_of(path)
    except OSError:
        return None
