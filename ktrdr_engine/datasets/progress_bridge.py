"""What a running load leaves in memory for whoever asks: the latest segment and all before it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.history import Bucket

STATUSES = ("merged", "nothing new", "empty")
_CODES = {word: code for code, word in enumerate(STATUSES)}


def _segment_entry(
    segment: int, of: int, first: int, last: int, bars: int, new: int, conflicts: int, status: int, *_: int
) -> dict[str, Any]:
    return {
        "segment": segment,
        "of": of,
        "first": format_stamp(first),
        "last": format_stamp(last),
        "bars": bars,
        "new": new,
        "conflicts": conflicts,
        "status": STATUSES[status],
    }


_SEGMENTS = Bucket(
    "segments",
    {
        "segment": "q", "of": "q", "first": "q", "last": "q", "bars": "q", "new": "q", "conflicts": "q", "status": "b",
        "all_new": "q",
    },
    limit=2_000,
    policy="latest",
    render=_segment_entry,
)  # fmt: skip


class LoadProgressBridge(ProgressBridge):
    """Progress in segments, each an entry of the bucket `segments`.

    Args:
        operation_id: The operation reported on.
        symbol: Shown with the progress.
        timeframe: Shown with the progress.
        source: Shown with the progress.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        operation_id: str,
        symbol: str,
        timeframe: str,
        source: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(operation_id, samples=_SEGMENTS, clock=clock)
        self.symbol = symbol
        self.timeframe = timeframe
        self.source = source
        self._new = 0

    def report_segment(
        self, segment: int, of: int, *, first: int, last: int, bars: int, new: int, conflicts: int, status: str
    ) -> None:
        """Publish a segment that is in: its number from 1, the first and last bar (ns UTC) or the span if empty."""
        self._new += new
        self.update(segment, of, first, last, bars, new, conflicts, _CODES[status], self._new)

    def describe(self, step: int, total: int, fields: tuple[Any, ...]) -> tuple[str, dict[str, Any]]:
        """Return the message and context that clients see."""
        context: dict[str, Any] = {"symbol": self.symbol, "timeframe": self.timeframe, "source": self.source}
        message = f"Loading {self.symbol} {self.timeframe} from {self.source}"
        if not fields:
            return message, context
        last = format_stamp(int(fields[1]))
        return f"{message} [{last[:16].replace('T', ' ')}]", context | {"last": last, "new_bars": int(fields[-1])}
