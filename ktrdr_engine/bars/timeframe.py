"""The timeframes a bar can have."""

from __future__ import annotations

from enum import StrEnum

from ktrdr_engine.errors import DataError, did_you_mean, nearest

_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Timeframe(StrEnum):
    """The length of a bar, written as in file names and strategies; shortest first, each a multiple of those before."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H4 = "4h"
    D1 = "1d"
    W1 = "1w"

    @property
    def nanoseconds(self) -> int:
        """Return the length in nanoseconds."""
        return int(self.value[:-1]) * _SECONDS[self.value[-1]] * 1_000_000_000


def parse_timeframe(text: str) -> Timeframe:
    """Return the timeframe written as `text`.

    Raises:
        DataError: There is no such timeframe; the nearest are offered.
    """
    try:
        return Timeframe(text)
    except ValueError:
        known = [timeframe.value for timeframe in Timeframe]
        hint = did_you_mean(text, known) if nearest(text, known) else ""
        raise DataError(
            f"{text!r} is not a timeframe.{hint} All: {', '.join(known)}.",
            details={"field": "timeframe", "value": text, "known": known},
        ) from None
