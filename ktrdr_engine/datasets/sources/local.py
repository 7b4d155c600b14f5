"""Bars that are on this machine already: an imported file, or a shorter timeframe to resample."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.datasets.merging import check_length
from ktrdr_engine.datasets.sources.source import Heed
from ktrdr_engine.datasets.spans import Span
from ktrdr_engine.errors import DataError

if TYPE_CHECKING:
    from ktrdr_engine.bars.market import Market
    from ktrdr_engine.bars.series import BarSeries

_LEAST_BARS = 50_000
_MOST_SEGMENTS = 16


class LocalBars(NamedTuple):
    """Bars, validated, and what to know about them."""

    series: BarSeries
    notes: tuple[str, ...] = ()


class LocalSource:
    """A whole series, given out in parts.

    Args:
        label: What it is called.
        read: Returns the bars; called once, when the load runs, with what takes progress.
    """

    by_time = False
    adjusts = False

    def __init__(self, label: str, read: Callable[[Heed], LocalBars]) -> None:
        self.label = label
        self.notes: tuple[str, ...] = ()
        self._read = read
        self._kept: BarSeries | None = None

    def plan(self, asked: Span, heed: Heed) -> list[Span]:
        """Read all and cut it into at most sixteen parts.

        Raises:
            DataError: The bars break a rule, and nothing of them is taken; or none is in the range.
        """
        heed(f"Reading {self.label}")
        series = self._series(heed)
        stamps = series.timestamp
        first, end = _rows(series, asked)
        if first >= end:
            available = [format_stamp(int(stamps[row])) for row in (0, -1)]
            raise DataError(
                f"{self.label} has no bars in that range. Available: {available[0]} to {available[1]}.",
                details={"field": "start_date", "available": {"start": available[0], "end": available[1]}},
            )
        step = max(_LEAST_BARS, -(-(end - first) // _MOST_SEGMENTS))
        return [Span(int(stamps[row]), int(stamps[min(row + step, end) - 1])) for row in range(first, end, step)]

    def fetch(self, segment: Span, heed: Heed) -> BarSeries | None:
        """Return the part."""
        heed(f"Merging {self.label}")
        series = self._series(heed)
        first, end = _rows(series, segment)
        return series.between(first, end) if end > first else None

    @property
    def market(self) -> Market | None:
        """Return the market the bars were made by; a file as such tells none."""
        return None if self._kept is None or self._kept.market.inferred else self._kept.market

    def close(self) -> None:
        """Do nothing."""

    def _series(self, heed: Heed) -> BarSeries:
        if self._kept is None:
            read = self._read(heed)
            check_length(read.series)
            self._kept, self.notes = read.series, read.notes
        return self._kept


def _rows(series: BarSeries, span: Span) -> tuple[int, int]:
    stamps = series.timestamp
    return int(np.searchsorted(stamps, span.first, "left")), int(np.searchsorted(stamps, span.last, "right"))
