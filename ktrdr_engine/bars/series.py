"""BarSeries: prices that are known to be valid and cannot change.

Whoever holds one need not check it again. It does no reading (`files`) and no choosing of a range (`window`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrdr_engine.bars.checks import check_prices, check_stamps
from ktrdr_engine.bars.market import UNKNOWN, Market
from ktrdr_engine.bars.rounding import mend_rounding
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.errors import DataError, nearest

PRICE_COLUMNS = ("open", "high", "low", "close", "volume")
COLUMNS = ("timestamp", *PRICE_COLUMNS)


@dataclass(frozen=True, slots=True, eq=False)
class BarSeries:
    """Bars of one symbol and timeframe.

    Make one with `from_columns`, which validates; the bare constructor trusts its caller.

    Attributes:
        timestamp: Shape (n,), the bar's *open*, nanoseconds since 1970 UTC, strictly increasing.
        prices: Shape (5, n), C-contiguous: rows open, high, low, close (finite, positive) and volume (finite, not
            negative). Both arrays are read-only.
        market: Whose trading days these are; it is no part of the digest.
    """

    symbol: str
    timeframe: Timeframe
    timestamp: NDArray[np.int64]
    prices: NDArray[np.float64]
    market: Market = UNKNOWN

    def __post_init__(self) -> None:
        """Lock the arrays."""
        self.timestamp.flags.writeable = False
        self.prices.flags.writeable = False

    def __len__(self) -> int:
        return len(self.timestamp)

    @property
    def open(self) -> NDArray[np.float64]:
        """Return the opening prices, a read-only view."""
        return self._row(0)

    @property
    def high(self) -> NDArray[np.float64]:
        """Return the highest prices, a read-only view."""
        return self._row(1)

    @property
    def low(self) -> NDArray[np.float64]:
        """Return the lowest prices, a read-only view."""
        return self._row(2)

    @property
    def close(self) -> NDArray[np.float64]:
        """Return the closing prices, a read-only view."""
        return self._row(3)

    @property
    def volume(self) -> NDArray[np.float64]:
        """Return the volumes, a read-only view."""
        return self._row(4)

    @classmethod
    def from_columns(
        cls, symbol: str, timeframe: Timeframe, columns: Mapping[str, ArrayLike], *, source: str = "bars"
    ) -> BarSeries:
        """Copy and validate columns of equal length, at least one bar; what rounding put out of place is mended.

        Args:
            symbol: The instrument's name.
            timeframe: The length of a bar.
            columns: `timestamp` (int64 nanoseconds UTC or datetime64) and open, high, low, close, volume; any other
                column is left out.
            source: Named in errors: a file's name.

        Raises:
            DataError: A rule is broken; source, row (counted from 1) and stamp, value and repair are named.
        """
        require_columns(list(columns), source)
        timestamp = _stamps(columns["timestamp"], source)
        prices = np.empty((len(PRICE_COLUMNS), len(timestamp)))
        for row, name in enumerate(PRICE_COLUMNS):
            prices[row] = _numbers(columns[name], name, len(timestamp), source)
        if len(timestamp) == 0:
            raise DataError(f"{source}: there are no bars in it. Put at least one row below the header.")
        mend_rounding(prices)
        check_stamps(timestamp, source)
        check_prices(timestamp, prices, source)
        return cls(symbol, timeframe, timestamp, prices)

    def between(self, first: int, last: int) -> BarSeries:
        """Return the rows [first, last); a copy, unless they are all rows."""
        if first == 0 and last == len(self):
            return self
        prices = np.ascontiguousarray(self.prices[:, first:last])
        return replace(self, timestamp=self.timestamp[first:last], prices=prices)

    def sha256(self) -> str:
        """Return the hex digest of stamps and prices as little-endian bytes: equal bars, equal digest, anywhere."""
        digest = hashlib.sha256(np.ascontiguousarray(self.timestamp, dtype="<i8").data)
        digest.update(np.ascontiguousarray(self.prices, dtype="<f8").data)
        return digest.hexdigest()

    def _row(self, index: int) -> NDArray[np.float64]:
        row: NDArray[np.float64] = self.prices[index]
        return row


def require_columns(columns: Sequence[str], source: str) -> None:
    """Refuse a table that lacks a column, or has one twice.

    Raises:
        DataError: Naming the columns; a column with a similar name is pointed out.
    """
    twice = [name for name in COLUMNS if columns.count(name) > 1]
    if twice:
        raise DataError(f"{source}: column {twice[0]!r} is there more than once. Keep one of them.")
    missing = [name for name in COLUMNS if name not in columns]
    if not missing:
        return
    others = [name for name in columns if name not in COLUMNS]
    similar = [f"{hit!r} to {name!r}" for name in missing for hit in nearest(name, others, limit=1)]
    rename = f" Rename {', '.join(similar)}." if similar else ""
    raise DataError(
        f"{source}: column {', '.join(repr(name) for name in missing)} is missing. A price file has the columns "
        f"{','.join(COLUMNS)}; it has {','.join(columns) or 'none'}.{rename}",
        details={"missing": missing, "found": columns},
    )


def _stamps(column: ArrayLike, source: str) -> NDArray[np.int64]:
    stamps = np.asarray(column)
    if stamps.ndim == 1 and stamps.dtype.kind == "M":
        return stamps.astype("datetime64[ns]").astype(np.int64)
    if stamps.ndim == 1 and (stamps.dtype == np.int64 or stamps.size == 0):
        return stamps.astype(np.int64)
    raise DataError(f"{source}: timestamp is not a column of instants. Give int64 nanoseconds UTC or datetime64.")


def _numbers(column: ArrayLike, name: str, length: int, source: str) -> NDArray[np.float64]:
    try:
        numbers = np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{source}: {name} is not a column of numbers ({error}). Correct it.") from None
    if numbers.shape != (length,):
        raise DataError(
            f"{source}: {name} has shape {numbers.shape}, timestamp ({length},). Give columns of equal length."
        )
    return numbers
