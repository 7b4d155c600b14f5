"""A column of times, as text, to nanoseconds: every way to read it is kept until the rows have settled which is right.

Guarantees: no way is chosen silently where two fit all rows and give different times.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.bars.local_dates import Side, side_of_midnights
from ktrdr_engine.datasets.importing.arrays import as_numpy
from ktrdr_engine.datasets.importing.options import EXCEL, UNITS, FileOptions
from ktrdr_engine.datasets.importing.patterns import BAD, NAIVE, Parsed, Pattern, patterns, read_dates
from ktrdr_engine.errors import DataError

_EXAMPLES = 20
_MOST_SECONDS, _MOST_MS, _MOST_US = 10**11, 10**14, 10**17
_MOST_NS = 9_214_646_400 * 1_000_000_000  # the years 1678 to 2261
_NUMBER = r"^-?\d{1,19}(?:\.\d{1,9})?$|^\d\.\d{9,18}[eE]\+0?9$"  # the last as numpy writes seconds, whole ones
_ZONED = re.compile(r"\d(?:[Zz]|[+-]\d\d:?\d\d)$")
_MIDNIGHT = re.compile(r".{10}[T ]00:00(?::00(?:\.0+)?)? ?[+-]")
_EXCEL_DAYS = 25_569  # from 1899-12-30 to 1970-01-01


class Stamps(NamedTuple):
    """A column read.

    Attributes:
        local: ns since 1970: UTC where `zoned`, else as a clock shows them; `BAD`: it could not be read.
        zoned: Which had a zone.
        texts: Of the first that could not be read, by position.
        title: How they were written.
        midnights: Of which side of Greenwich all are midnights by their own clock; 0: they are not, or are UTC's.
    """

    local: NDArray[np.int64]
    zoned: NDArray[np.bool_]
    texts: dict[int, str]
    title: str
    midnights: Side = 0


class StampColumn:
    """Takes a column of text in parts.

    Args:
        source: The file's name.
        sample: Cells from its beginning: ways that fit none of them are not tried.
        options: What the request says of dates.

    Raises:
        DataError: No way to read the sample is known.
    """

    def __init__(self, source: str, sample: Sequence[str], options: FileOptions) -> None:
        self._source = source
        self._length = 0
        filled = [cell for cell in sample if re.search(r"\d", cell)]
        if options.unit:
            ways: list[_Way] = [_Numbers(options.unit)]
        else:
            ways = [_Dates(one) for one in patterns(options.order)]
            ways += [] if options.order else [_Numbers("")]
            fits = [way.fits(filled) for way in ways]
            ways = [way for way, fit in zip(ways, fits, strict=True) if fit and fit >= 0.5 * max(fits)]
        if not ways or (filled and not ways[0].fits(filled)):
            raise self._unknown(filled, options)
        self._ways = ways

    def add(self, text: pa.Array) -> None:
        """Take the next rows; the array has no nulls."""
        for way in self._ways:
            way.add(text, self._length)
        self._length += len(text)
        # One that reads all beats one that does not, and need not be waited for.
        if len(self._ways) > 1 and any(not way.bad for way in self._ways):
            least = min(way.bad for way in self._ways)
            self._ways = [way for way in self._ways if way.bad == least]

    def finish(self) -> Stamps:
        """Return the column.

        Raises:
            DataError: Two ways read all rows, as different times: both are shown.
        """
        least = min(way.bad for way in self._ways)
        left = [way for way in self._ways if way.bad == least]
        best, parsed = left[0], left[0].finish()
        for other in left[1:]:
            local = other.finish().local
            if {best.order, other.order} != {"DMY", "MDY"}:
                continue
            if least:
                raise self._contradictory(best, other)
            if (differs := local != parsed.local).any():
                raise self._ambiguous(best, int(differs.argmax()), int(parsed.local[differs.argmax()]), other, local)
        zoned = parsed.offset != NAIVE
        shift = np.where(zoned, parsed.offset, 0).astype(np.int64) * 1_000_000_000
        read = parsed.local != BAD
        midnights = side_of_midnights(parsed.local[read], parsed.offset[read]) if zoned[read].all() else 0
        return Stamps(np.where(read, parsed.local - shift, BAD), zoned, best.texts, best.shown, midnights)

    def _unknown(self, filled: Sequence[str], options: FileOptions) -> DataError:
        seen = repr(filled[0]) if filled else "empty"
        known = "no date that is known"
        if any(re.fullmatch(r"\d([.,]\d+)?[Ee]\+\d+", cell) for cell in filled):
            repair = "A spreadsheet has rounded it, and what it was is lost: export the file anew."
        elif options.order or options.unit:
            known = "not of the date_format given"
            repair = "Give the date_format it has, or none."
        elif filled and (zone := re.fullmatch(r".*\d ([A-Z]\w+/[A-Za-z_/]+)", filled[0])):
            repair = f"Remove the name of the zone from the times and load again with timezone={zone[1]!r}."
        elif filled and all(re.fullmatch(r"[2-6]\d{4}([.,]\d+)?", cell) for cell in filled):
            repair = "If these are days as spreadsheets count them, load again with date_format='excel'."
        else:
            repair = (
                "Write it as 2024-12-31 15:30, or say the order with date_format='DD/MM/YYYY' or another. Years are "
                "those from 1678 to 2261, names of months English."
            )
        return DataError(
            f"{self._source}, row 1: the time is {seen}, which is {known}. {repair}",
            details={"field": "date_format", "row": 1, "value": filled[0] if filled else None},
        )

    def _contradictory(self, one: _Way, other: _Way) -> DataError:
        (first, text), (second, another) = (next(iter(way.texts.items())) for way in (other, one))
        return DataError(
            f"{self._source}: rows contradict each other: row {first + 1}, {text!r}, can only be {one.shown}, "
            f"and row {second + 1}, {another!r}, only {other.shown}. Write all dates in one way, best as YYYY-MM-DD.",
            details={"field": "date_format", "rows": sorted((first + 1, second + 1))},
        )

    def _ambiguous(self, one: _Way, at: int, first: int, other: _Way, local: NDArray[np.int64]) -> DataError:
        readings = {one.shown: format_stamp(first)[:10], other.shown: format_stamp(int(local[at]))[:10]}
        shown = " or ".join(f"{date} (date_format={title!r})" for title, date in readings.items())
        text = repr(one.example) if at == 0 else f"row {at + 1}"
        return DataError(
            f"{self._source}: no row settles whether the day or the month comes first: {text} is {shown}. "
            "Load again with the date_format that is right.",
            details={"field": "date_format", "value": one.example, "row": at + 1, "readings": readings},
        )


class _Way(ABC):
    """A way to read the column, and what it made of the rows so far."""

    title = ""
    order = ""

    def __init__(self) -> None:
        self.bad = 0
        self.texts: dict[int, str] = {}
        self.example = ""
        self._parts: list[Parsed] = []

    @property
    def shown(self) -> str:
        """Return the title with the mark that the file puts between the parts."""
        mark = re.search(r"\d([-./ ])", self.example)
        return re.sub("[-/]", mark[1], self.title) if mark else self.title

    @abstractmethod
    def fits(self, cells: Sequence[str]) -> float:
        """Return the share of cells that it can read."""

    @abstractmethod
    def read(self, text: pa.Array) -> Parsed:
        """Read a chunk of the column."""

    def add(self, text: pa.Array, first: int) -> None:
        self.example = self.example or text[0].as_py()
        parsed = self.read(text)
        bad = np.flatnonzero(parsed.local == BAD)
        self.bad += len(bad)
        for row in bad[: max(0, _EXAMPLES - len(self.texts))].tolist():
            self.texts[first + row] = text[row].as_py()
        self._parts.append(parsed)

    def finish(self) -> Parsed:
        local, offset = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        self._parts = [Parsed(local, offset)]
        return self._parts[0]


class _Dates(_Way):
    """Dates by a pattern."""

    def __init__(self, pattern: Pattern) -> None:
        super().__init__()
        self.title = pattern.title
        self.order = pattern.order
        self._regex = pattern.regex
        self._python = re.compile(pattern.regex, re.ASCII)
        self._iso = False

    def add(self, text: pa.Array, first: int) -> None:
        self._iso = self.title == "YYYY-MM-DD" and len(text) > 0 and text[0].as_py()[4:5] == "-"
        super().add(text, first)

    def fits(self, cells: Sequence[str]) -> float:
        good = self.read(pa.array([cell.strip() for cell in cells], pa.string())).local != BAD
        return float(good.mean()) if len(good) else 1.0

    def read(self, text: pa.Array) -> Parsed:
        if self._iso and (parsed := _iso(text)) is not None:
            return parsed
        return read_dates(text, self._regex, self._python)


class _Numbers(_Way):
    """Seconds, or thousandths and so on, since 1970; the unit follows from their size, unless it is given."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit
        self.title = {"": "counts since 1970", EXCEL: "days of a spreadsheet"}.get(unit, f"{unit} since 1970")

    def fits(self, cells: Sequence[str]) -> float:
        texts = [cell.strip() for cell in cells]
        good = self.read(pa.array(texts, pa.string())).local != BAD
        if not self._unit:
            good &= np.array(
                [bool(fit) and abs(float(cell)) >= 10**8 for fit, cell in zip(good, texts, strict=True)], bool
            )
        return float(good.mean()) if len(good) else 1.0

    def read(self, text: pa.Array) -> Parsed:
        whole = pc.replace_substring_regex(text, r"\.0*$", "")
        good = as_numpy(pc.match_substring_regex(whole, _NUMBER))
        fine = pc.fill_null(pc.find_substring(whole, "."), -1)
        if self._unit == EXCEL or (as_numpy(fine) >= 0).any():
            numbers = as_numpy(pc.cast(pc.if_else(pa.array(good), whole, "0"), pa.float64()))
            # To the microsecond; finer than that no source writes decimals. Those of days are cut off by whoever writes
            # them: 45293.39583 is 9:30:00, so these are taken to the second.
            days = self._unit == EXCEL
            microseconds = np.round((numbers - _EXCEL_DAYS) * 86_400) * 1e6 if days else np.round(numbers * 1e6)
            good = good & (np.abs(microseconds) <= _MOST_NS / 1000)
            local = np.where(good, microseconds, 0).astype(np.int64)
        else:
            try:
                local = as_numpy(pc.cast(pc.if_else(pa.array(good), whole, "0"), pa.int64())).copy()
            except pa.ArrowInvalid:
                good = good & as_numpy(pc.less(pc.utf8_length(whole), 19))
                local = as_numpy(pc.cast(pc.if_else(pa.array(good), whole, "0"), pa.int64())).copy()
        if self._unit in UNITS:
            good = good & (np.abs(local) <= _MOST_NS // UNITS[self._unit])
        local[~good] = BAD
        return Parsed(local, np.full(len(local), NAIVE if self._unit == EXCEL else 0, dtype=np.int32))

    def finish(self) -> Parsed:
        local, offset = super().finish()
        return Parsed(epochs(local, local != BAD, "us" if self._unit == EXCEL else self._unit), offset)


def epochs(numbers: NDArray[np.int64], good: NDArray[np.bool_], unit: str = "") -> NDArray[np.int64]:
    """Return numbers since 1970 as ns; `BAD` where they do not count, or lie outside the years 1678 to 2261.

    Args:
        numbers: Shape (n,).
        good: Which count.
        unit: s, ms, us or ns; "": by size, each for itself, since exchanges went from ms to us within a file.
    """
    if unit:
        return _scaled(numbers, good, np.full(len(numbers), UNITS[unit]))
    size = np.abs(np.where(good, numbers, 0))
    factor = np.select([size < _MOST_SECONDS, size < _MOST_MS, size < _MOST_US], [10**9, 10**6, 10**3], 1)
    # Small numbers among milliseconds or nanoseconds are early years, not seconds.
    least = 1 if (size >= _MOST_US).any() else 10**6 if (size >= _MOST_SECONDS).any() else 10**9
    return _scaled(numbers, good, np.minimum(factor, least))


def _scaled(numbers: NDArray[np.int64], good: NDArray[np.bool_], factor: NDArray[np.int64]) -> NDArray[np.int64]:
    # Judged before they are multiplied: the product of what is too large is a small number.
    kept = good & (numbers >= -(_MOST_NS // factor)) & (numbers <= _MOST_NS // factor)
    return np.where(kept, np.where(kept, numbers, 0) * factor, BAD)


def _iso(text: pa.Array) -> Parsed | None:
    """Return stamps as Arrow reads them, all without a zone or all with one; None: it cannot read one of them."""
    if not len(text):
        return None
    # A cast that fails costs forty times as much as one that does not: it is tried for what the first text suggests.
    zone, offset = ("UTC", 0) if _ZONED.search(text[0].as_py()) else (None, NAIVE)
    try:
        local = as_numpy(pc.cast(pc.cast(text, pa.timestamp("ns", zone)), pa.int64()))
        # Arrow forgets the offsets, by which daily bars tell that they are midnights: their clock is read by itself.
        if zone and all(_MIDNIGHT.match(text[row].as_py()) for row in (0, len(text) // 2, -1)):
            clock = pc.cast(pc.utf8_slice_codeunits(text, 0, 16), pa.timestamp("ns"))
            ahead = as_numpy(pc.cast(clock, pa.int64())) - local
            if not (ahead % 1_000_000_000).any():
                return Parsed(local + ahead, (ahead // 1_000_000_000).astype(np.int32))
    except pa.ArrowInvalid:
        return None
    return Parsed(local, np.full(len(local), offset, dtype=np.int32))
