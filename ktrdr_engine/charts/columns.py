"""Columns of result tables as arrays, whether they come from a file here or as plain values from a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.operations.models import Table


def stamps(table: Table, name: str) -> NDArray[np.int64]:
    """Return a column of instants, datetime64 or ISO-8601 UTC, as ns since 1970 (n,)."""
    column = table[name][:]
    if getattr(getattr(column, "dtype", None), "kind", "") != "M":
        column = np.array([str(value).removesuffix("Z") for value in column], "datetime64[ns]")
    return np.asarray(column, "datetime64[ns]").view(np.int64)


def numbers(table: Table, name: str) -> NDArray[np.float64]:
    """Return a column of numbers (n,); None becomes NaN."""
    return np.asarray(table[name][:], np.float64)


def words(table: Table, name: str) -> list[str]:
    """Return a column of text."""
    return [str(value) for value in table[name][:]]


def from_entries(entries: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the entries of a metrics bucket as columns, those of the first entry."""
    return {name: [entry.get(name) for entry in entries] for name in entries[0]} if entries else {}
