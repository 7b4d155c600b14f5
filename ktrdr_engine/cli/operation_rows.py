"""Operations as rows for a terminal: a table where there is room for one, else a few lines for each.

Neighbours: `operations` lists them once, `watch` again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from ktrdr_engine.cli.fitting import fitted, needed
from ktrdr_engine.cli.visible import visible
from ktrdr_engine.operations.models import OperationSummary

_INDENT: Final = (0, 0, 0, 2)
_LONGEST_RESULT: Final = 200
"""Characters of an error in a list; `operations show` has all of it."""


def operation_rows(
    title: str,
    rows: Sequence[OperationSummary],
    *,
    moment: tuple[str, Callable[[OperationSummary], str]],
    width: int,
) -> RenderableType:
    """Return the operations with what each is about and what came of it.

    Args:
        title: Above them.
        rows: In the order to show.
        moment: Name of the column about time, and its text.
        width: Of the terminal, in cells.
    """
    name, moment_of = moment
    columns = ("operation", "status", name, "what", "result")
    cells = [(row.operation_id, _status(row), moment_of(row), row.subject, _result(row)) for row in rows]
    if needed(columns, cells) <= width:
        return fitted(title, columns, cells, spare=(), width=width)
    return Group(_text(title, "italic"), *(line for row in cells for line in _stacked(row)))


def _stacked(row: Sequence[str]) -> list[RenderableType]:
    *head, about, result = row
    below = [Padding(_text(text), _INDENT) for text in (about, result) if text]
    return [_text("  ".join(head), "bold"), *below]


def _status(row: OperationSummary) -> str:
    far = f" {row.percentage:.0f} %" if row.percentage and not row.status.is_final else ""
    return f"{row.status}{far}"


def _result(row: OperationSummary) -> str:
    text = " ".join((row.headline or row.message).split())
    return text if len(text) <= _LONGEST_RESULT else f"{text[: _LONGEST_RESULT - 4]} ..."


def _text(text: str, style: str = "") -> Text:
    return Text(visible(text), style=style, overflow="fold")
