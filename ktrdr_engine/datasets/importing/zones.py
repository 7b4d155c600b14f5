"""Local times to UTC, and which zones repeat an hour."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.errors import InvalidRequest, nearest

_SECOND = 1_000_000_000
_DAY = 86_400
_FIXED = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d\d))?", re.IGNORECASE)
_USUAL = (
    "America/New_York", "Europe/Berlin", "Europe/London", "Europe/Athens", "America/Chicago", "Australia/Sydney",
    "America/Santiago",
)  # fmt: skip
"""Zones whose clocks are put back at different dates or hours."""


class Utc(NamedTuple):
    """Instants, ns UTC; which local times do not exist; which lie in a repeated hour of which there is only one.

    `winter` is the offset before the first skipped hour, as text.
    """

    stamps: NDArray[np.int64]
    skipped: NDArray[np.bool_]
    once: NDArray[np.bool_]
    winter: str = ""


def find_zone(name: str) -> tzinfo:
    """Return the zone called `name`: an IANA name, UTC, or an offset such as +02:00.

    Raises:
        InvalidRequest: There is none; the nearest are offered.
    """
    if match := _FIXED.fullmatch(name.strip()):
        sign, hours, minutes = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
        if offset < timedelta(hours=16):
            return timezone(offset if sign == "+" else -offset)
    known = available_timezones()
    if name in known:
        return ZoneInfo(name)
    cities = {zone.rpartition("/")[2].casefold(): zone for zone in sorted(known) if "/" in zone}
    city = cities.get(name.strip().replace(" ", "_").casefold())
    meant = [city] if city else nearest(name, known, limit=1)
    hint = f" Did you mean {meant[0]!r}?" if meant else ""
    raise InvalidRequest(
        f"timezone={name!r} is not known.{hint} "
        "Give an IANA name such as 'America/New_York', or an offset such as '+02:00'.",
        details={"field": "timezone", "value": name} | ({"mended": {"timezone": meant[0]}} if meant else {}),
    )


def to_utc(local: NDArray[np.int64], zone: tzinfo) -> Utc:
    """Return local times as instants.

    Args:
        local: ns since 1970 as the clock shows them, in order. Where an hour is repeated, the times from the first on
            that does not increase belong to its second turn.
        zone: Where the clock is. Rows sorted by such times have both turns side by side: of two equal ones the second
            is of the second turn.
    """
    at, before, after = _changes(zone, int(local.min()), int(local.max()))
    offsets = np.concatenate((before[:1], after)) if len(at) else np.array([_offset(zone, int(local[0]) // _SECOND)])
    later = np.maximum(before, after)
    offset = offsets[np.searchsorted((at + later) * _SECOND, local, "right")]
    skipped = np.zeros(len(local), dtype=bool)
    once = np.zeros(len(local), dtype=bool)
    winter = ""
    for change, old, new in zip(at.tolist(), before.tolist(), after.tolist(), strict=True):
        first, end = ((change + shift) * _SECOND for shift in (min(old, new), max(old, new)))
        rows = np.flatnonzero((local >= first) & (local < end))
        if new > old:
            skipped[rows] = True
            winter = winter or _offset_text(old)
            continue
        steps = np.diff(local[rows])
        back = np.flatnonzero(steps <= 0)
        if len(rows) > 2 and (steps >= 0).all() and len(back):
            offset[rows[back + 1]] = new
        elif len(back):
            offset[rows[back[0] + 1 :]] = new
        else:
            once[rows] = True
    return Utc(local - offset * _SECOND, skipped, once, winter if skipped.any() else "")


def _offset_text(seconds: int) -> str:
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"{'-' if seconds < 0 else '+'}{hours:02}:{minutes:02}"


class Repeating(NamedTuple):
    """Zones whose clocks show some local times twice, the usual ones; and which times, shape (n,)."""

    names: list[str]
    repeated: NDArray[np.bool_]


def zones_repeating(local: NDArray[np.int64]) -> Repeating:
    """Return the usual zones in which the most of these local times (ns) lie in an hour that the clock shows twice."""
    found = {name: _repeated(local, ZoneInfo(name)) for name in _USUAL}
    most = max(found.values(), key=lambda repeated: int(repeated.sum()))
    return Repeating([name for name in _USUAL if most.any() and (found[name] == most).all()], most)


def _repeated(local: NDArray[np.int64], zone: ZoneInfo) -> NDArray[np.bool_]:
    repeated = np.zeros(len(local), dtype=bool)
    for change, old, new in zip(*_changes(zone, int(local.min()), int(local.max())), strict=True):
        if new < old:
            repeated |= (local >= (change + new) * _SECOND) & (local < (change + old) * _SECOND)
    return repeated


def _changes(zone: tzinfo, first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return when the offset changes around a range of ns (seconds UTC), and the offsets before and after."""
    days = range(first // _SECOND // _DAY - 2, last // _SECOND // _DAY + 3)
    offsets = [_offset(zone, day * _DAY) for day in days]
    found = []
    for day, old, new in zip(days, offsets, offsets[1:], strict=False):
        if old != new:
            low, high = day * _DAY, (day + 1) * _DAY
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(zone, middle) == old else (low, middle)
            found.append((high, old, new))
    columns = np.array(found, dtype=np.int64).reshape(-1, 3).T
    return columns[0], columns[1], columns[2]


def _offset(zone: tzinfo, second: int) -> int:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    offset = moment.astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
