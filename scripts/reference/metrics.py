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
        currency. Daily returns are simple, of the equity at the last bar of each trading day of the dataset's
        `market`, beginning with the initial capital; `market_inferred` says that nobody has told it. A number that
        cannot be computed is null, and `notes` says why; it is never replaced by zero."""
    )
    yield from table(("name", "unit", "formula", "null when", "source"), _rows())
    yield ""
    yield from paragraph(
        """`model_relation` says what the model has seen of these bars: `none` (rules decide), `out_of_sample`,
        `in_sample` (training, or the choice of the epoch, read one of them, labels' reach included, under any name),
        `trained_after` or `other_symbol`. `model_beats_majority` says whether the model is better than always giving
        the most frequent label of its validation part. `notes` carries every reason and caveat; `provenance`
        the hashes of data, strategy and model, the versions and the seed: equal provenance and equal requests
        give equal bytes."""
    )


def _rows() -> Iterator[tuple[str, ...]]:
    for one in DEFINITIONS.values():
        better = f" ({one.better} is better)" if one.better else ""
        yield f"`{one.name}`", one.unit, one.formula + better, one.undefined or "never", one.source or "-"
