"""What every generated page begins with, and cells of tables."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator


def heading(title: str) -> Iterator[str]:
    """Yield the title and where the page comes from."""
    yield from (f"# {title}", "", "<!-- Made by scripts/build_reference.py from the code; edit that instead. -->", "")


def table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """Yield a table with an empty line before it; `|` in cells is escaped."""
    names = list(columns)
    yield from ("", f"| {' | '.join(names)} |", f"|{'---|' * len(names)}")
    for row in rows:
        yield f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |"


def paragraph(text: str) -> Iterator[str]:
    """Yield a text in lines of at most 120 characters."""
    yield from textwrap.wrap(" ".join(text.split()), 120, break_long_words=False, break_on_hyphens=False)
