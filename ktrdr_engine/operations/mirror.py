"""A worker's metrics history, copied as far as somebody asked for it, under the worker's own numbers.

Clients keep one kind of cursor from the first reply to the stored history, whatever becomes of the worker, and
whichever process makes the copy. A worker that tells no numbers is counted along: then a copy made anew may number
its entries otherwise.
"""

from __future__ import annotations

import bisect
import json

from ktrdr_engine.errors import WorkerDefect
from ktrdr_engine.operations.history import Entry, FinishedHistory, read_page
from ktrdr_engine.operations.models import MetricsPage, NumberedPage
from ktrdr_engine.operations.worker_replies import MOST_BUCKETS, MOST_ENTRY_BYTES

_KEPT = 5_000


class Mirror:
    """The newest entries of each bucket.

    Attributes:
        remote_cursor: Where the next page of the worker begins.
    """

    def __init__(self) -> None:
        self.remote_cursor = 0
        self._last = 0
        self._buckets: dict[str, _Copied] = {}

    @property
    def last(self) -> int:
        """The newest number."""
        return self._last

    def add(self, page: MetricsPage) -> None:
        """Take in the page at `remote_cursor`; entries the worker dropped use up numbers as well.

        Raises:
            WorkerDefect: It names ever more buckets, or has entries larger than any; nothing of it is taken.
        """
        texts = {name: [json.dumps(entry) for entry in entries] for name, entries in page.metrics.items()}
        if len(self._buckets.keys() | texts) > MOST_BUCKETS or any(
            len(text) > MOST_ENTRY_BYTES for bucket in texts.values() for text in bucket
        ):
            raise WorkerDefect(
                f"The worker sent more than {MOST_BUCKETS} series of metrics, or an entry of more than "
                f"{MOST_ENTRY_BYTES} bytes: run one of the same version."
            )
        numbers = page.numbers if isinstance(page, NumberedPage) else self._counted(page)
        for name, entries in texts.items():
            bucket = self._buckets.setdefault(name, _Copied())
            for number, text in zip(numbers.get(name, ()), entries, strict=True):
                bucket.append(number, text)
        self._last = page.new_cursor if isinstance(page, NumberedPage) else self._last
        self.remote_cursor = page.new_cursor

    def _counted(self, page: MetricsPage) -> dict[str, list[int]]:
        self._last += page.dropped
        numbers = {}
        for name, entries in page.metrics.items():
            numbers[name] = list(range(self._last + 1, self._last + 1 + len(entries)))
            self._last += len(entries)
        return numbers

    def page(self, cursor: int, limit: int) -> MetricsPage:
        """Return the entries after `cursor`.

        Raises:
            InvalidRequest: The cursor or the limit is out of range.
        """
        return read_page(self._buckets, self._last, cursor, limit)

    def history(self) -> FinishedHistory:
        """Return all that is kept."""
        return FinishedHistory(
            self._last, {name: bucket.after(0, self._last, _KEPT) for name, bucket in self._buckets.items()}
        )


class _Copied:
    """Numbered entries as compact text: a fifth of the memory of the dictionaries."""

    def __init__(self) -> None:
        self._numbered: list[tuple[int, str]] = []

    def append(self, number: int, text: str) -> None:
        self._numbered.append((number, text))
        if len(self._numbered) >= _KEPT:
            del self._numbered[: _KEPT // 8]

    def after(self, cursor: int, last: int, limit: int) -> list[tuple[int, Entry]]:
        first = bisect.bisect_right(self._numbered, cursor, key=lambda numbered: numbered[0])
        return [(number, json.loads(text)) for number, text in self._numbered[first : first + limit]]
