"""Everything that is wrong with a file, told at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.errors import DataError

_NAMED = 20


class Problems:
    """Rows that cannot be used, and why; rows are counted from 1 below the header, empty lines not counted.

    Args:
        source: The file's name.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._rows: list[NDArray[np.int64]] = []
        self._texts: dict[int, str] = {}
        self._repairs: dict[int, str] = {}
        self._field: str | None = None

    def add(
        self, rows: NDArray[np.int64], describe: Callable[[int], str], repair: str, *, field: str | None = None
    ) -> None:
        """Add a kind of problem.

        Args:
            rows: The numbers of the rows, in order.
            describe: Returns what is wrong in the n-th of `rows`, perhaps with its time in brackets before it; called
                for the first few.
            repair: What mends them.
            field: The argument that does.
        """
        if len(rows):
            self._field = self._field or field
        self._rows.append(rows)
        for position, row in enumerate(rows[:_NAMED].tolist()):
            if row not in self._texts:  # what is wrong with a row first explains what follows
                self._texts[row] = describe(position)
                self._repairs[row] = repair

    def raise_if_any(self) -> None:
        """Refuse the file if there is a problem.

        Raises:
            DataError: Naming the first twenty rows and counting the others.
        """
        rows = np.unique(np.concatenate(self._rows)) if self._rows else np.empty(0, dtype=np.int64)
        if not len(rows):
            return
        named = sorted(self._texts)[:_NAMED]
        repairs = " ".join(dict.fromkeys(f"{self._repairs[row]}." for row in named))
        details: dict[str, Any] = {"row": named[0], "rows": named, "bad_rows": len(rows)}
        if self._field:
            details["field"] = self._field
        if len(rows) == 1:
            raise DataError(f"{self._source}, {self._told(named[0])}. {repairs}", details=details)
        told = "; ".join(map(self._told, named))
        more = f"; and {len(rows) - len(named):,} more rows" if len(rows) > len(named) else ""
        raise DataError(
            f"{self._source}: {len(rows):,} rows cannot be used. {told}{more}. {repairs} "
            "(Rows are counted from 1 below the header.)",
            details=details,
        )

    def _told(self, row: int) -> str:
        text = self._texts[row]
        return f"row {row} {text}" if text.startswith("(") else f"row {row}: {text}"
