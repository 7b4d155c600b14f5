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
        repair = timeframe_repair(text)
        hint = f" {repair}" if repair else ""
        raise DataError(
            f"{text!r} is not a timeframe.{hint} All: {', '.join(known)}.",
            details={"field": "timeframe", "value": text, "known": known},
        ) from None


def timeframe_repair(text: str) -> str:
    """Return the timeframe that another program's name for one means, as a sentence; `""` where it means none.

    Charting programs count minutes (`60`, `1D`), MetaTrader puts the unit first (`H1`, `M15`), pandas spells it out
    (`15min`). A month is no fixed length and is not rounded to one: `1M`, `MN1`.
    """
    folded = text.strip().casefold()
    if text.strip() in ("M", "1M") or folded in _MONTHS:
        return "Monthly bars are not supported: the longest are 1w."
    digits = "".join(character for character in folded if character.isdigit()) or "1"
    unit = _UNITS.get("".join(character for character in folded if character.isalpha()))
    if unit is None or len(digits) > _DIGITS or not folded.replace(" ", "").replace("-", "").isalnum():
        return did_you_mean(text, Timeframe).strip() if nearest(text, Timeframe) else ""
    seconds = int(digits) * _SECONDS[unit]
    known = next((one for one in Timeframe if one.nanoseconds == seconds * 1_000_000_000), None)
    if known:
        return f"Did you mean {str(known)!r}?"
    return f"Bars of {digits}{unit} are not supported."


_DIGITS = 6
_MONTHS = ("mn", "mn1", "mo", "1mo", "month", "1month", "monthly")
_UNITS = {
    **dict.fromkeys(("", "m", "min", "mins", "t", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hr", "hour", "hours", "hourly"), "h"),
    **dict.fromkeys(("d", "day", "days", "daily"), "d"),
    **dict.fromkeys(("w", "wk", "week", "weeks", "weekly"), "w"),
}
