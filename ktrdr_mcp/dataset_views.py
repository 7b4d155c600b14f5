"""Datasets as a few lines a model can read and act on; sizes as in `views`."""

from __future__ import annotations

from ktrdr_engine.datasets.models import DatasetPage, DatasetRow
from ktrdr_mcp.failures import bounded
from ktrdr_mcp.replies import Call
from ktrdr_mcp.views import text_of


def datasets_text(page: DatasetPage, following: Call | None) -> str:
    """Return a page of datasets, one a line; `following` reads the next one, if there is one."""
    lines = [f"{page.returned} of {page.total} datasets", *map(dataset_line, page.datasets)]
    more = f"{following} shows more; " if following else ""
    return text_of(lines, f"{more}load_data(...) brings others; start_backtest(symbol=..., timeframe=...) runs on one.")


def dataset_line(row: DatasetRow) -> str:
    """Return a dataset in one line."""
    if row.problem:
        return f"{row.symbol} {row.timeframe}: CANNOT BE USED: {bounded(row.problem, 100)}"
    market = f"{row.market}{', inferred' * row.market_inferred}; "
    origin = f", from {bounded(row.loaded_from, 60)}" if row.loaded_from else ""
    return (
        f"{row.symbol} {row.timeframe} ({market}{row.source}{origin}): {row.bars} bars, {_short(row.first)} to "
        f"{_short(row.last)}{_gaps(row)}"
    )


def _gaps(row: DatasetRow) -> str:
    worst = row.longest_gap
    if worst is None:
        return ""
    bars = f"{worst.bars} bar{'s' * (worst.bars != 1)} {_short(worst.first)} to {_short(worst.last)}"
    return f", 1 gap of {bars}" if row.gaps == 1 else f", {row.gaps} gaps, longest {bars}"


def _short(stamp: str) -> str:
    return stamp[:10] if stamp.endswith("T00:00:00Z") else stamp[:16]
