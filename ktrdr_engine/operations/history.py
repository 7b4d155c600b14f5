"""Bounded metrics history: packed records with sequence numbers, and how they are read in pages.

Not the sampling itself (`bridge`) and not the files (`files`).
"""

from __future__ import annotations

import bisect
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from ktrdr_engine.errors import InvalidRequest
from ktrdr_engine.operations.models import NumberedPage

Entry = dict[str, Any]
_SEQUENCE = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class Bucket:
    """The shape of one metrics series.

    Args:
        name: Its key in the reply.
        columns: Column name to `struct` code ("q" int64, "i" int32, "d" float64, "b" int8, "?" bool ...).
        limit: Most entries kept.
        policy: When full: "thin" keeps every second and doubles the stride, "latest" drops the oldest eighth.
        render: Turns the raw values, in the order of `columns`, into the entry a client reads; by default
            each value under its column's name.
    """

    name: str
    columns: Mapping[str, str]
    limit: int = 1_000
    policy: Literal["thin", "latest"] = "thin"
    render: Callable[..., Entry] | None = None

    def entry(self, values: tuple[Any, ...]) -> Entry:
        """Return what a client reads; a number that is not finite becomes null."""
        rendered = self.render(*values) if self.render else dict(zip(self.columns, values, strict=True))
        return {name: plain(value) for name, value in rendered.items()}


def plain(value: Any) -> Any:
    """Return a value as JSON can carry it: numpy scalars as Python's, numbers that are not finite as None."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Series:
    """The records of one bucket, written by one thread and read by any.

    Guarantees:
        - `buffer` only ever grows at its end or is replaced whole; a reader that holds one buffer sees whole
          records with rising sequence numbers, whatever the writer does meanwhile. No lock is taken.
        - At most `limit` records are kept.
    """

    __slots__ = ("bucket", "buffer", "limit_bytes", "pack", "record_size", "seen", "stride", "unpack_from")

    def __init__(self, bucket: Bucket) -> None:
        if bucket.limit < 2:
            raise ValueError(f"A bucket keeps at least two entries, not {bucket.limit}.")
        layout = struct.Struct("<Q" + "".join(bucket.columns.values()))
        self.bucket = bucket
        self.pack = layout.pack
        self.unpack_from = layout.unpack_from
        self.record_size = layout.size
        self.limit_bytes = layout.size * bucket.limit
        self.buffer = bytearray()
        self.stride = 1
        self.seen = 0

    def append(self, sequence: int, values: tuple[float, ...]) -> None:
        """Add a record, unless thinning passes it over; writer only."""
        if self.seen % self.stride == 0:
            self.buffer += self.pack(sequence, *values)
            if len(self.buffer) >= self.limit_bytes:
                self.make_room()
        self.seen += 1

    def extend(self, records: bytes) -> None:
        """Add packed records, numbers included, to a bucket that keeps the latest; writer only."""
        if self.bucket.policy != "latest":
            raise ValueError(f"The bucket {self.bucket.name!r} is thinned: its records are added one by one.")
        added = 0
        while added < len(records):
            room = self.limit_bytes - len(self.buffer)
            self.buffer += records[added : added + room]
            added += room
            if len(self.buffer) >= self.limit_bytes:
                self.make_room()
        self.seen += len(records) // self.record_size

    def make_room(self) -> None:
        """Drop what the policy drops; called by the writer when the buffer is full."""
        size, old = self.record_size, self.buffer
        if self.bucket.policy == "thin":
            self.stride *= 2
            self.buffer = bytearray().join([old[at : at + size] for at in range(0, len(old), 2 * size)])
        else:
            self.buffer = old[max(1, self.bucket.limit // 8) * size :]

    def after(self, cursor: int, last: int, limit: int) -> list[tuple[int, Entry]]:
        """Return at most `limit` entries with cursor < sequence number <= last, oldest first."""
        size, buffer = self.record_size, self.buffer
        first = _first_after(buffer, size, cursor)
        records = buffer[first * size : (first + limit) * size]
        unpacked = (self.unpack_from(records, at) for at in range(0, len(records), size))
        return [(sequence, self.bucket.entry(tuple(values))) for sequence, *values in unpacked if sequence <= last]


def _first_after(buffer: bytearray, size: int, cursor: int) -> int:
    low, high = 0, len(buffer) // size
    while low < high:
        middle = (low + high) // 2
        if _SEQUENCE.unpack_from(buffer, middle * size)[0] <= cursor:
            low = middle + 1
        else:
            high = middle
    return low


class EntrySource(Protocol):
    """Numbered entries of one bucket."""

    def after(self, cursor: int, last: int, limit: int) -> list[tuple[int, Entry]]:
        """Return at most `limit` entries with cursor < number <= last, oldest first."""
        ...


def read_page(buckets: Mapping[str, EntrySource], last: int, cursor: int, limit: int) -> NumberedPage:
    """Return the entries after `cursor` over all buckets, oldest first, at most `limit` together.

    Args:
        buckets: The series, all numbered from one counter.
        last: The newest number given out; must have been read before the series are.
        cursor: 0, or a `new_cursor` of an earlier page.
        limit: Most entries returned.

    Raises:
        InvalidRequest: The cursor or the limit is out of range.
    """
    _check_page(cursor, limit, last)
    found = [
        (sequence, name, entry)
        for name, series in buckets.items()
        for sequence, entry in series.after(cursor, last, limit + 1)
    ]
    found.sort(key=lambda item: item[0])
    has_more = len(found) > limit
    found = found[:limit]
    new_cursor = found[-1][0] if has_more else last
    metrics: dict[str, list[Entry]] = {name: [] for name in buckets}
    numbers: dict[str, list[int]] = {name: [] for name in buckets}
    for sequence, name, entry in found:
        metrics[name].append(entry)
        numbers[name].append(sequence)
    dropped = new_cursor - cursor - len(found)
    return NumberedPage(metrics=metrics, new_cursor=new_cursor, has_more=has_more, dropped=dropped, numbers=numbers)


def _check_page(cursor: int, limit: int, last: int) -> None:
    if not 1 <= limit <= 500:
        raise InvalidRequest(
            f"limit={limit} is out of range: ask for 1 to 500 entries.", details={"field": "limit", "value": limit}
        )
    if not 0 <= cursor <= last:
        raise InvalidRequest(
            f"cursor={cursor} was never given out for this operation; the newest is {last}. "
            "Start with cursor=0, then pass on each reply's new_cursor.",
            details={"field": "cursor", "value": cursor, "newest": last},
        )


@dataclass(frozen=True, slots=True)
class FinishedHistory:
    """The whole history of an operation that has ended: what is left of each bucket, and the last number."""

    last: int
    entries: Mapping[str, list[tuple[int, Entry]]]

    def page(self, cursor: int, limit: int) -> NumberedPage:
        """Return the entries after `cursor`.

        Raises:
            InvalidRequest: The cursor or the limit is out of range.
        """
        return read_page({name: _Listed(entries) for name, entries in self.entries.items()}, self.last, cursor, limit)


@dataclass(frozen=True, slots=True)
class _Listed:
    entries: list[tuple[int, Entry]]

    def after(self, cursor: int, last: int, limit: int) -> list[tuple[int, Entry]]:
        first = bisect.bisect_right(self.entries, cursor, key=lambda numbered: numbered[0])
        return self.entries[first : first + limit]


NO_HISTORY = FinishedHistory(0, {})
"""Of an operation that ended before it reported anything."""
