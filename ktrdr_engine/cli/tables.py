"""Tables for people: results, operations, listings. `--json` never comes this way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ktrdr_engine.cli.visible import visible
from ktrdr_engine.metrics.wording import number
from ktrdr_engine.number_format import typed

_MISSING: Final = "-"
_GAP: Final = (0, 2, 0, 0)


def results_table(results: Mapping[str, Any], title: str) -> Table:
    """Return the results of any operation as two columns; nested values are left out."""
    table = Table(title=_shown(title), show_header=False, title_justify="left", box=None, padding=_GAP)
    table.add_column(style="bold")
    table.add_column(justify="right")
    for name, value in results.items():
        if not isinstance(value, dict | list | tuple):
            table.add_row(_shown(name.replace("_", " ")), _shown(figure(name, value)))
    return table


def print_notes(console: Console, results: Mapping[str, Any]) -> None:
    """Print the notes of results, which say what the numbers cannot."""
    for note in results.get("notes", ()):
        console.print(f"note: {visible(note)}", markup=False, highlight=False)


def listing(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Return a plain table; only its last column is broken into lines, within a word where it must."""
    table = Table(title=_shown(title), title_justify="left", box=None, padding=_GAP)
    for index, name in enumerate(columns):
        table.add_column(_shown(name), no_wrap=index < len(columns) - 1, overflow="fold")
    for row in rows:
        table.add_row(*map(_shown, row))
    return table


def _shown(text: str) -> Text:
    return Text(visible(text))


def figure(name: str, value: object) -> str:
    """Return a number with its unit; what is undefined is a dash, anything else as it is."""
    if value is None:
        return _MISSING
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return typed(number(name, value))
