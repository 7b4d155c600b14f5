"""Bars that are on this machine already: an imported file, or a shorter timeframe to resample."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.datasets.merging import check_length
from ktrdr_engine.datasets.sources.source import Heed
from ktrdr_engine.datasets.spans import Span
from ktrdr_engine.errors import DataError

if TYPE_CHECKING:
    from ktrdr_engine.bars.series import BarSeries

_LEAST_BARS = 50_000
_MOST_SEGMENTS = 16


class LocalSource:
    """A whole series, given out in parts.

    Args:
        label: What it is called.
        read: Returns the bars, validated; called once, when the load runs.
        notes: What to know about them.
    """

    by_time = False
    adjusts = False

    def __init__(self, label: str, read: Callable[[], BarSeries], notes: tuple[str, ...] = ()) -> None:
        self.label = label
        self.notes = notes
        self._read = read

    def plan(self, asked: Span, heed: Heed) -> list[Span]:
        """Read all and cut it into at most sixteen parts.

        Raises:
            DataError: The bars break a rule, and nothing of them is taken; or none is in the range.
        """
        heed(f"Reading {self.label}")
        stamps = self._series.timestamp
        first, end = self._rows(asked)
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
        first, end = self._rows(segment)
        return self._series.between(first, end) if end > first else None

    def close(self) -> None:
        """Do nothing."""

    @cached_property
    def _series(self) -> BarSeries:
        series = self._read()
        check_length(series)
        return series

    def _rows(self, span: Span) -> tuple[int, int]:
        stamps = self._series.timestamp
        return int(np.searchsorted(stamps, span.first, "left")), int(np.searchsorted(stamps, span.last, "right"))
