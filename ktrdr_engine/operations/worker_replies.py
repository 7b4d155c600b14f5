"""What a worker's replies must be, beyond their schema, before anything of them is believed, kept or stored.

A worker is another process, of another version perhaps, or something else that answers at its address. `proxy` asks
these questions of each reply; whatever is wrong makes the reply a defect of the worker.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, Final

from ktrdr_engine.operations.models import MetricsPage, NumberedPage, Operation, Progress, TablePage

MOST_BYTES: Final = 2_000_000
"""Of any reply but rows of a table."""
MOST_TABLE_BYTES: Final = 32_000_000
"""Of up to 10,000 rows of a table."""
MOST_BUCKETS: Final = 8
"""Of the metrics of one operation."""
MOST_ENTRY_BYTES: Final = 4_000
"""Of one entry of the metrics, as JSON."""
_MOST_TEXT: Final = 4_000
_MOST_TEXTS: Final = 200
_LARGEST: Final = 2**53  # what every reader of JSON counts to
_DEEPEST: Final = 20


def checked_operation(operation: Operation) -> Operation:
    """Return the operation, its texts no longer than anybody reads.

    Raises:
        ValueError: A number is not finite or too large to count with, or the notes are no list of texts.
    """
    _check_json(operation.progress.context)
    _check_json(operation.metadata)
    _check_json(operation.results)
    if not all(0 <= steps <= _LARGEST for steps in (operation.progress.current_step, operation.progress.total_steps)):
        raise ValueError("the steps cannot be counted")
    notes = (operation.results or {}).get("notes", ())
    if not isinstance(notes, list | tuple) or not all(isinstance(note, str) for note in notes):
        raise ValueError("the notes are no list of texts")
    error = operation.error
    if error is not None:
        _check_json(error.details)
        error = error.model_copy(update={"code": error.code[:100], "message": error.message[:_MOST_TEXT]})
    return operation.model_copy(
        update={
            "progress": _shortened(operation.progress),
            "warnings": tuple(warning[:_MOST_TEXT] for warning in operation.warnings[:_MOST_TEXTS]),
            "error": error,
        }
    )


def checked_metrics(page: MetricsPage, cursor: int, limit: int) -> MetricsPage:
    """Return the page that was asked for.

    Raises:
        ValueError: It does not go on from the cursor, or holds more, or other things, than a page does.
    """
    entries = sum(map(len, page.metrics.values()))
    if entries > limit:
        raise ValueError(f"{entries} entries where {limit} were asked for")
    if not cursor <= page.new_cursor <= _LARGEST or page.dropped < 0 or (page.has_more and page.new_cursor == cursor):
        raise ValueError(f"new_cursor {page.new_cursor} after {cursor}")
    if isinstance(page, NumberedPage):
        for numbers in page.numbers.values():
            bounds = (cursor, *numbers, page.new_cursor + 1)
            if any(one >= other for one, other in itertools.pairwise(bounds)):
                raise ValueError("the numbers of the entries do not rise from cursor to new_cursor")
    _check_json(page.metrics)
    return page


def checked_table(page: TablePage, offset: int, limit: int) -> TablePage:
    """Return the rows that were asked for.

    Raises:
        ValueError: They are others, not as many as is said, none though there are more, or not alike.
    """
    if page.offset != offset or page.returned != len(page.rows) or page.returned > limit:
        raise ValueError(f"{len(page.rows)} rows from {page.offset}, said to be {page.returned}")
    if page.total > _LARGEST or (page.rows and page.total < offset + page.returned):
        raise ValueError(f"{page.total} rows in all")
    if not page.rows and offset < page.total:
        raise ValueError(f"no rows from {offset} on, though there are {page.total}")
    if any(row.keys() != page.rows[0].keys() for row in page.rows):
        raise ValueError("rows of different columns")
    _check_json(page.rows)
    return page


def _shortened(progress: Progress) -> Progress:
    return progress.model_copy(update={"message": progress.message[:_MOST_TEXT]})


def _check_json(value: Any, depth: int = 0) -> None:
    """Refuse numbers that JSON has no word for, and nesting that recursion may not end in."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a number is not finite")
    elif isinstance(value, dict | list | tuple):
        if depth == _DEEPEST:
            raise ValueError("it is nested too deeply")
        for one in value.values() if isinstance(value, dict) else value:
            _check_json(one, depth + 1)
