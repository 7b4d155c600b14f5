"""What a source over a network sends, made fit: candles that say nothing, or nothing sound, are left out and counted.

Who loads cannot repair them at the source. A candle without prices is a time without trade; nothing is filled in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.checks import find_unsound
from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.bars.rounding import mend_rounding, mended_note


class Candles(NamedTuple):
    """Stamps, shape (n,), ns UTC, strictly increasing, and prices, shape (5, n), that keep the rules of bars."""

    stamps: NDArray[np.int64]
    prices: NDArray[np.float64]


class CandleFilter:
    """Takes candles as they come and counts over a whole load what it leaves out."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(("empty", "garbled", "repeated", "mended"), 0)
        self._first: dict[str, int] = {}

    def sound(self, stamps: NDArray[np.int64], prices: NDArray[np.float64]) -> Candles:
        """Return the candles in order, each stamp once, the last one given of it.

        Args:
            stamps: Shape (n,), in any order.
            prices: Shape (5, n); NaN is a value that was not given, anything else that is no price is garbled.
        """
        prices = np.ascontiguousarray(prices)
        self._counts["mended"] += mend_rounding(prices)
        empty = np.logical_or.reduce(np.isnan(prices), axis=0)
        self._count("empty", stamps, empty)
        garbled = ~empty & find_unsound(prices)
        self._count("garbled", stamps, garbled)
        rows = np.flatnonzero(~empty & ~garbled)
        rows = rows[np.argsort(stamps[rows], kind="stable")]
        repeated = np.zeros(len(rows), dtype=bool)
        repeated[:-1] = stamps[rows][1:] == stamps[rows][:-1]
        self._count("repeated", stamps[rows], repeated)
        rows = rows[~repeated]
        return Candles(stamps[rows], prices[:, rows])

    def count_garbled(self, rows: int) -> None:
        """Count rows that are no candles at all."""
        self._counts["garbled"] += rows

    @property
    def notes(self) -> tuple[str, ...]:
        """Say what was left out, and what was mended."""
        return tuple(self._notes())

    def _notes(self) -> Iterator[str]:
        for kind, words in (
            ("empty", "left out without prices or volume: nothing was traded, or it was not told"),
            ("garbled", "left out with impossible values"),
            ("repeated", "left out that came twice: the last of each counts"),
        ):
            if count := self._counts[kind]:
                since = f", the first of {format_stamp(self._first[kind])}" if kind in self._first else ""
                yield f"{count} candle{'s' * (count != 1)} {words}{since}."
        if count := self._counts["mended"]:
            yield mended_note(count)

    def _count(self, kind: str, stamps: NDArray[np.int64], chosen: NDArray[np.bool_]) -> None:
        if chosen.any():
            self._counts[kind] += int(chosen.sum())
            self._first[kind] = min(self._first.get(kind, 2**63 - 1), int(stamps[chosen].min()))
