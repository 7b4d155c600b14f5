"""Pages of column tables: slices of arrays as rows that JSON can carry."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any, Final

from ktrdr_engine.errors import InvalidRequest
from ktrdr_engine.operations.models import Table, TablePage

MAX_OFFSET: Final = 2**63 - 1
"""The largest number that SQLite, Arrow and the worker's routes count to: past every row, as all larger ones are."""


def table_page(table: Table, offset: int, limit: int) -> TablePage:
    """Return rows `offset` .. `offset + limit` of equally long columns.

    Raises:
        InvalidRequest: The offset or the limit is out of range.
    """
    check_rows(offset, limit)
    total = min((len(column) for column in table.values()), default=0)
    columns = {name: plain_values(column[offset : offset + limit]) for name, column in table.items()}
    return rows_page(columns, total, offset)


def rows_page(columns: dict[str, list[Any]], total: int, offset: int) -> TablePage:
    """Return a page made of columns of plain values."""
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return TablePage(rows=rows, total=total, returned=len(rows), offset=offset)


def check_rows(offset: int, limit: int) -> None:
    """Return quietly if the page makes sense.

    Raises:
        InvalidRequest: It does not.
    """
    if offset < 0:
        raise InvalidRequest(
            f"offset={offset} is negative: the first row is 0.", details={"field": "offset", "value": offset}
        )
    if not 1 <= limit <= 10_000:
        raise InvalidRequest(
            f"limit={limit} is out of range: ask for 1 to 10000 rows.", details={"field": "limit", "value": limit}
        )


def plain_values(column: Any) -> list[Any]:
    """Return a numpy slice or a sequence as plain Python values: stamps as text, undefined numbers as None."""
    kind = getattr(getattr(column, "dtype", None), "kind", "")
    if kind == "M":
        return [iso_utc(stamp) for stamp in column.astype("datetime64[ns]").astype("int64").tolist()]
    values = column.tolist() if hasattr(column, "tolist") else list(column)
    return [None if isinstance(value, float) and not math.isfinite(value) else value for value in values]


def iso_utc(nanoseconds: int) -> str:
    """Return ns since 1970 as ISO-8601 UTC with Z, to the microsecond, without an idle fraction."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    stamp = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1_000)
    return stamp.isoformat().replace("+00:00", "Z")
