"""The source `resample`: longer bars out of shorter ones that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.bars.resampling import resample
from ktrdr_engine.bars.timeframe import Timeframe, parse_timeframe
from ktrdr_engine.datasets.models import LoadRequest
from ktrdr_engine.datasets.sources.local import LocalBars, LocalSource
from ktrdr_engine.errors import DataError

if TYPE_CHECKING:
    from ktrdr_engine.bars.series import BarSeries
    from ktrdr_engine.bars.store import BarStore


def resampled_source(request: LoadRequest, timeframe: Timeframe, asked: str, bars: BarStore) -> LocalSource:
    """Return the source over the longest shorter timeframe there is, or over the one `asked` names.

    Raises:
        DataError: There is no shorter timeframe of the symbol, or not the one named.
    """
    symbol = request.stored_symbol
    shorter = [length for length in Timeframe if length.nanoseconds < timeframe.nanoseconds]
    known = [length for length in shorter if (symbol, length) in bars.datasets()]
    if asked:
        known = [length for length in known if length is parse_timeframe(asked)]
    if not known:
        there = [length for name, length in bars.datasets() if name == symbol]
        raise DataError(
            f"No shorter bars of {symbol} to make {timeframe} bars; there is {', '.join(there) or 'nothing'} of it. "
            f"Load one of {', '.join(shorter) or '(nothing is shorter)'} first.",
            details={"field": "source", "value": request.source, "known": there},
        )
    note = f"A first or last {timeframe} bar that the shorter bars do not reach the end of is left out."
    return LocalSource(
        f"resample {symbol} {known[-1]}",
        lambda heed: LocalBars(_finished(bars, symbol, known[-1], timeframe), (note,)),
    )


def _finished(bars: BarStore, symbol: str, shorter: Timeframe, timeframe: Timeframe) -> BarSeries:
    """Return the longer bars without a first or last one that more of the shorter bars would still change."""
    series = bars.load(symbol, shorter)
    longer = resample(series, timeframe)
    begin, end = int(series.timestamp[0]), int(series.timestamp[-1]) + shorter.nanoseconds
    first = 0 if begin == int(longer.timestamp[0]) else 1
    last = len(longer) if end >= int(longer.timestamp[-1]) + timeframe.nanoseconds else len(longer) - 1
    if first >= last:
        raise DataError(
            f"The {shorter} bars of {symbol}, {format_stamp(begin)} to {format_stamp(end)}, do not fill one "
            f"{timeframe} bar. Load more of them first.",
            details={"field": "source", "value": "resample"},
        )
    return longer.between(first, last)
