"""The numbers of a backtest, from their definitions."""

from __future__ import annotations

from collections.abc import Iterator

from ktrdr_engine.metrics.definitions import DEFINITIONS
from scripts.reference.words import heading, paragraph, table


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield from heading("Numbers of a backtest")
    yield from paragraph(
        """In the order of the results. Fractions are written as such: 0.02 is 2 %. Money is in account
        currency. Daily returns are simple, of the equity at each day's last bar, beginning with the initial
        capital; where a market does not trade around the clock, weekend bars count to Monday. A number that
        cannot be computed is null, and `notes` says why; it is never replaced by zero."""
    )
    yield from table(("name", "unit", "formula", "null when", "source"), _rows())
    yield ""
    yield from paragraph(
        """`in_sample` is true when the range overlaps bars the model was trained on, or was chosen by. `notes`
        carries every reason and caveat; `provenance` the hashes of data, strategy and model, the versions
        and the seed: equal provenance and equal requests give equal bytes."""
    )


def _rows() -> Iterator[tuple[str, ...]]:
    for one in DEFINITIONS.values():
        better = f" ({one.better} is better)" if one.better else ""
        yield f"`{one.name}`", one.unit, one.formula + better, one.undefined or "never", one.source or "-"
