"""Which datasets there are, and all that is known of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.bars.files import read_notes
from ktrdr_engine.catalog import row_or_problem
from ktrdr_engine.datasets.models import DatasetPage, DatasetRow
from ktrdr_engine.datasets.origin import Origin
from ktrdr_engine.datasets.results import gap_row

if TYPE_CHECKING:
    from ktrdr_engine.bars.store import BarStore

_GAPS = 20
_SPIKES = 20


def dataset_page(bars: BarStore, limit: int = 100, offset: int = 0) -> DatasetPage:
    """Return the datasets from `offset` on by symbol; a file that cannot be used is listed with its problem."""
    names = bars.datasets()
    unusable = bars.unusable()
    rows = [_row(bars, symbol, timeframe) for symbol, timeframe in names[offset : offset + limit]]
    # After the others: their names say nothing for sure of symbol and timeframe.
    rest = slice(max(0, offset - len(names)), max(0, offset + limit - len(names)))
    rows += [DatasetRow(symbol=odd.name, timeframe="", problem=odd.problem) for odd in unusable[rest]]
    return DatasetPage(datasets=tuple(rows), total=len(names) + len(unusable), returned=len(rows))


def dataset_row(bars: BarStore, symbol: str, timeframe: str) -> DatasetRow:
    """Return what a list says of a dataset.

    Raises:
        DataError: It is unknown, or its file breaks a rule.
    """
    summary = bars.summary(symbol, timeframe)
    gaps = bars.gaps(symbol, timeframe)
    return DatasetRow(
        symbol=summary.symbol,
        timeframe=timeframe,
        bars=summary.bars,
        first=format_stamp(summary.first),
        last=format_stamp(summary.last),
        gaps=len(gaps),
        longest_gap=gap_row(max(gaps, key=lambda gap: gap.bars)) if gaps else None,
        market=summary.market.name,
        market_inferred=summary.market.inferred,
        source=summary.source,
        loaded_from=", ".join(_origin(bars, symbol, timeframe).sources),
    )


def dataset_card(bars: BarStore, symbol: str, timeframe: str) -> dict[str, Any]:
    """Return all that is known of a dataset, JSON-ready: gaps, the longest first, spikes, and what each source covered.

    Raises:
        DataError: It is unknown, or its file breaks a rule.
    """
    series = bars.load(symbol, timeframe)
    gaps = sorted(bars.gaps(symbol, timeframe), key=lambda gap: -gap.bars)
    row = dataset_row(bars, symbol, timeframe).model_dump(mode="json", exclude={"problem"})
    return {
        **row,
        "sha256": series.sha256(),
        "missing_bars": sum(gap.bars for gap in gaps),
        "longest_gaps": [gap_row(gap).model_dump() for gap in gaps[:_GAPS]],
        "spikes": [spike.words for spike in bars.spikes(symbol, timeframe)[:_SPIKES]],
        "covered": {
            label: [[format_stamp(span.first), format_stamp(span.last)] for span in spans]
            for label, spans in _origin(bars, symbol, timeframe).covered.items()
        },
    }


def _row(bars: BarStore, symbol: str, timeframe: str) -> DatasetRow:
    return row_or_problem(
        lambda: dataset_row(bars, symbol, timeframe),
        lambda problem: DatasetRow(symbol=symbol, timeframe=timeframe, problem=problem),
    )


def _origin(bars: BarStore, symbol: str, timeframe: str) -> Origin:
    path = bars.path(symbol, timeframe)
    return Origin.from_notes(read_notes(path) if path.suffix == ".parquet" else {})
