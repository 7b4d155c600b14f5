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
            details={"field": "timeframe", "value": text, "known": known, "nearest": meant_timeframe(text)},
        ) from None


def meant_timeframe(text: str) -> Timeframe | None:
    """Return the timeframe that another program's name for one means, or None.

    Charting programs count minutes (`60`, `1D`), MetaTrader puts the unit first (`H1`, `M15`), pandas spells it out
    (`15min`). A month is no fixed length and is not rounded to one: `1M`, `MN1`.
    """
    read = _read(text)
    if read is None:
        return None
    seconds = read[0] * _SECONDS[read[1]]
    return next((one for one in Timeframe if one.nanoseconds == seconds * 1_000_000_000), None)


def timeframe_repair(text: str) -> str:
    """Return what to do about text that is no timeframe, as a sentence; `""` where it says nothing."""
    if meant := meant_timeframe(text):
        return f"Did you mean {str(meant)!r}?"
    if _is_month(text):
        return "Monthly bars are not supported: the longest are 1w."
    if read := _read(text):
        return f"Bars of {read[0]}{read[1]} are not supported."
    return did_you_mean(text, Timeframe).strip() if nearest(text, Timeframe) else ""


def _is_month(text: str) -> bool:
    return text.strip() in ("M", "1M") or text.strip().casefold() in _MONTHS


def _read(text: str) -> tuple[int, str] | None:
    """Return how many of which unit the text names."""
    folded = text.strip().casefold()
    digits = "".join(character for character in folded if character.isdigit()) or "1"
    unit = _UNITS.get("".join(character for character in folded if character.isalpha()))
    is_length = folded.isascii() and folded.replace(" ", "").replace("-", "").isalnum() and len(digits) <= _DIGITS
    return (int(digits), unit) if unit and is_length and not _is_month(text) else None


_DIGITS = 6
_MONTHS = ("mn", "mn1", "mo", "1mo", "month", "1month", "monthly")
_UNITS = {
    **dict.fromkeys(("", "m", "min", "mins", "t", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hr", "hour", "hours", "hourly"), "h"),
    **dict.fromkeys(("d", "day", "days", "daily"), "d"),
    **dict.fromkeys(("w", "wk", "week", "weeks", "weekly"), "w"),
}
