"""Listings that fit their terminal: columns that say nothing go, then, while there is no room, those to be spared.

A column cut to three letters tells less than a line that names it as left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ktrdr_engine.cli.tables import listing

_GAP: Final = 2
_ROOM_FOR_PROSE: Final = 20  # cells that the last column, which may be broken into lines, has to have


def print_fitted(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, spare: Sequence[str]) -> None:
    """Print a listing on stdout, as wide as the terminal.

    Args:
        title: Above it.
        columns: Names of the columns; the last is broken into lines.
        rows: A text for each column.
        spare: The columns that may be left out, the first one first.
    """
    console = Console()
    console.print(fitted(title, columns, list(rows), spare=spare, width=console.width))


def fitted(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, spare: Sequence[str], width: int
) -> Table:
    """Return the listing with the columns that fit into `width`; a line below names those that do not."""
    kept = [name for index, name in enumerate(columns) if not rows or any(row[index] for row in rows)]
    widths = {name: max(map(len, (name, *(row[index] for row in rows)))) for index, name in enumerate(columns)}
    left_out = []
    for name in spare:
        if _needed([widths[one] for one in kept]) <= width:
            break
        if name in kept:
            kept.remove(name)
            left_out.append(name)
    places = [columns.index(name) for name in kept]
    table = listing(title, kept, ([row[place] for place in places] for row in rows))
    if left_out:
        table.caption = Text(f"No room here for: {', '.join(left_out)}.")
        table.caption_justify = "left"
    return table


def needed(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Return the cells that a listing with all of these columns needs."""
    return _needed([max(map(len, (name, *(row[index] for row in rows)))) for index, name in enumerate(columns)])


def _needed(widths: Sequence[int]) -> int:
    return sum(widths[:-1]) + min(widths[-1], _ROOM_FOR_PROSE) + _GAP * len(widths)
