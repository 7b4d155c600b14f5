"""Datasets as a few lines a model can read and act on; sizes as in `views`."""

from __future__ import annotations

from ktrdr_engine.datasets.models import DatasetPage, DatasetRow
from ktrdr_mcp.failures import bounded
from ktrdr_mcp.views import text_of

_ROWS = 14


def datasets_text(page: DatasetPage, offset: int) -> str:
    """Return a page of datasets, one a line."""
    lines = [f"{page.returned} of {page.total} datasets", *map(_line, page.datasets[:_ROWS])]
    if page.returned > _ROWS:
        lines.append(f"... {page.returned - _ROWS} more in the structured content")
    after = offset + page.returned
    more = f"list_datasets(offset={after}) shows more; " if after < page.total else ""
    return text_of(lines, f"{more}load_data(...) brings others; start_backtest(symbol=..., timeframe=...) runs on one.")


def _line(row: DatasetRow) -> str:
    if row.problem:
        return f"{row.symbol} {row.timeframe}: CANNOT BE USED: {bounded(row.problem, 100)}"
    worst = row.longest_gap
    gaps = (
        f", {row.gaps} gaps, longest {worst.bars} bars {_short(worst.first)} to {_short(worst.last)}" if worst else ""
    )
    market = f"{row.market}{', inferred' * row.market_inferred}; "
    origin = f", from {bounded(row.loaded_from, 60)}" if row.loaded_from else ""
    return (
        f"{row.symbol} {row.timeframe} ({market}{row.source}{origin}): {row.bars} bars, {_short(row.first)} to "
        f"{_short(row.last)}{gaps}"
    )


def _short(stamp: str) -> str:
    return stamp[:10] if stamp.endswith("T00:00:00Z") else stamp[:16]
