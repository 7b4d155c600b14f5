"""Columns of numbers, as text: decimal points or commas, thousands, currencies, nothing at all.

As with stamps, both marks are kept where the file's beginning fits both, until a row has settled which is right.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ktrdr_engine.datasets.importing.arrays import as_numpy
from ktrdr_engine.errors import DataError
from ktrdr_engine.number_format import exact

_EXAMPLES = 20
_SPACES = "\u00a0\u202f\u2009"
_GROUPS = re.compile(r"[1-9]\d{0,2}(\.\d{3})+")
_UNGROUPED = re.compile(r"\d{4,}")
_EMPTY = ("", "null", "nan", "none", "n/a", "na", "#n/a", "-", "--", "nat", "<na>", ".")
_SUFFIXES = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_CURRENCY = r"[$€£¥]? ?"


def _pattern(mark: str) -> str:
    groups, point = ("[,' ]", r"\.") if mark == "." else ("[.' ]", ",")
    # India groups all but the last three digits by twos.
    whole = rf"(?:[1-9]\d{{0,2}}(?:{groups}\d{{3}})+|[1-9]\d?(?:{groups}\d\d)+{groups}\d{{3}}|\d+)"
    return rf"^[+-]?{_CURRENCY}(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)? ?[KkMmBbTt]?[$€£¥]?$"


_PATTERNS = {mark: _pattern(mark) for mark in (".", ",")}


class Numbers(NamedTuple):
    """A column read.

    Attributes:
        values: NaN where there is nothing, or nothing that is a number.
        bad: Which cells hold something else than a number.
        texts: Of the first of these, by position.
    """

    values: NDArray[np.float64]
    bad: NDArray[np.bool_]
    texts: dict[int, str]


class NumberColumn:
    """Takes one column of text in parts.

    Args:
        marks: The decimal marks that come into question.
    """

    def __init__(self, marks: Sequence[str]) -> None:
        self.example = ""
        self._length = 0
        self._values: dict[str, list[NDArray[np.float64]]] = {mark: [] for mark in marks}
        self._bad: dict[str, list[NDArray[np.int64]]] = {mark: [] for mark in marks}
        self._texts: dict[str, dict[int, str]] = {mark: {} for mark in marks}

    def add(self, text: pa.Array) -> None:
        """Take the next rows; the array has no nulls."""
        for mark in self._values:
            values, bad = _read(text, mark)
            self._values[mark].append(values)
            self._bad[mark].append(bad + self._length)
            texts = self._texts[mark]
            for row in bad[: max(0, _EXAMPLES - len(texts))].tolist():
                texts[self._length + row] = text[row].as_py()
        if len(self._values) > 1 and not self.example:
            marked = as_numpy(pc.match_substring_regex(text, "[.,]"))
            self.example = text[int(marked.argmax())].as_py() if marked.any() else ""
        self._length += len(text)

    def bad(self, mark: str) -> int:
        """Return how many cells are no numbers with that mark."""
        return sum(len(rows) for rows in self._bad[mark])

    def finish(self, mark: str) -> Numbers:
        """Return the column, read with that mark."""
        bad = np.zeros(self._length, dtype=bool)
        bad[np.concatenate(self._bad[mark])] = True
        return Numbers(np.concatenate(self._values[mark]), bad, self._texts[mark])


def find_marks(cells: Sequence[str], given: str, separator: str = ",") -> tuple[str, ...]:
    """Return the decimal marks that come into question for numbers such as `cells`, the likelier first.

    Args:
        cells: From the beginning of all columns that are read.
        given: The mark, from the request; "": it was not said.
        separator: Between cells. Semicolons are used where commas are decimal marks, and points group thousands.
    """
    if given:
        return (given,)
    points = [cell for cell in cells if "." in cell]
    grouped = points and all(_GROUPS.fullmatch(cell) for cell in points)
    if separator == ";" and grouped and not any("," in cell or _UNGROUPED.fullmatch(cell) for cell in cells):
        return (".", ",")
    commas = [cell for cell in (_cleaned(cell) for cell in cells) if "," in cell]
    if not commas:
        # Whole numbers so far may go on either way.
        return (".",) if any("." in cell for cell in cells) else (".", ",")
    misfits = {mark: sum(re.match(_PATTERNS[mark], cell) is None for cell in commas) for mark in (".", ",")}
    if misfits["."] == misfits[","]:
        return (".", ",")
    return (min(misfits, key=lambda mark: misfits[mark]),)


def settle_mark(columns: Sequence[NumberColumn], marks: Sequence[str], source: str) -> str:
    """Return the mark that all columns fit.

    Raises:
        DataError: Both fit, and give different numbers.
    """
    bad = {mark: sum(column.bad(mark) for column in columns) for mark in marks}
    best = min(bad, key=lambda mark: bad[mark])
    if len(marks) == 1 or len(set(bad.values())) > 1:
        return best
    for column in columns:
        one, other = (column.finish(mark).values for mark in marks)
        if column.example and not np.array_equal(one, other, equal_nan=True):
            text = column.example
            point, comma = (float(_read(pa.array([text]), mark)[0][0]) for mark in marks)
            raise DataError(
                f"{source}: no row settles which mark is that of decimals: {text!r} is {exact(point)} "
                f"(format='decimal_point') or {exact(comma)} (format='decimal_comma'). Load again with the right "
                "format.",
                details={
                    "field": "format",
                    "value": text,
                    "readings": {"decimal_point": point, "decimal_comma": comma},
                },
            )
    return best


def _cleaned(cell: str) -> str:
    return re.sub(f"[{_SPACES}]", " ", cell).replace("\u2019", "'").strip()


def _read(text: pa.Array, mark: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the numbers, and the positions of what is none; NaN for these and where there is nothing."""
    plain = text if mark == "." else pc.replace_substring(text, ",", ".")
    none = np.empty(0, dtype=np.int64)
    if mark == "." or not _has_points(text):
        try:
            return as_numpy(pc.cast(plain, pa.float64())), none
        except pa.ArrowInvalid:
            pass
    clean = pc.utf8_trim_whitespace(pc.replace_substring_regex(text, f"[{_SPACES}]", " "))
    clean = pc.replace_substring(pc.replace_substring(clean, "\u2019", "'"), "\u2212", "-")
    empty = pc.is_in(pc.utf8_lower(clean), pa.array(_EMPTY))
    good = pc.and_not(pc.match_substring_regex(clean, _PATTERNS[mark]), empty)
    suffix = pc.utf8_lower(pc.utf8_slice_codeunits(pc.utf8_rtrim(clean, "$€£¥"), -1, 2**31 - 1))
    bare = pc.replace_substring_regex(clean, "[$€£¥ 'KkMmBbTt" + ("," if mark == "." else ".") + "]", "")
    bare = bare if mark == "." else pc.replace_substring(bare, ",", ".")
    values = as_numpy(pc.cast(pc.if_else(good, bare, "nan"), pa.float64())).copy()
    for letter, factor in _SUFFIXES.items():
        scaled = as_numpy(pc.equal(suffix, letter)) & as_numpy(good)
        # Through the nearest decimal, so that 1.1M is 1100000 and not 1100000.0000000002.
        values[scaled] = np.round(values[scaled] * factor, 6)
    bad = as_numpy(pc.and_not(pc.invert(good), empty))
    return values, np.flatnonzero(bad)


def _has_points(text: pa.Array) -> bool:
    return bool(pc.any(pc.match_substring(text, ".")).as_py())
