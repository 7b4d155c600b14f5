"""The source `resample`: longer bars out of shorter ones that are there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.bars.days import bar_spans
from ktrdr_engine.bars.resampling import resample
from ktrdr_engine.bars.timeframe import Timeframe, parse_timeframe
from ktrdr_engine.datasets.markets import known_market
from ktrdr_engine.datasets.models import LoadRequest
from ktrdr_engine.datasets.sources.local import LocalBars, LocalSource
from ktrdr_engine.errors import DataError

if TYPE_CHECKING:
    from ktrdr_engine.bars.market import Market
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
    market = known_market(request, timeframe, bars)
    return LocalSource(
        f"resample {symbol} {known[-1]}",
        lambda _: LocalBars(_finished(bars, symbol, known[-1], timeframe, market), (note,)),
    )


def _finished(
    bars: BarStore, symbol: str, shorter: Timeframe, timeframe: Timeframe, market: Market | None
) -> BarSeries:
    """Return the longer bars without a first or last one that more of the shorter bars would still change.

    Their days are those of `market`, else of the shorter bars' own; from then on that is a fact of the longer bars.
    """
    series = bars.load(symbol, shorter)
    series = replace(series, market=replace(market or series.market, inferred=False))
    longer = resample(series, timeframe)
    own, whole = (bar_spans(one.timestamp, one.timeframe, one.market) for one in (series, longer))
    begin, end = int(own.opens[0]), int(own.closes[-1])
    first = 0 if begin <= int(whole.opens[0]) else 1
    last = len(longer) if end >= int(whole.closes[-1]) else len(longer) - 1
    if first >= last:
        raise DataError(
            f"The {shorter} bars of {symbol}, {format_stamp(begin)} to {format_stamp(end)}, do not fill one "
            f"{timeframe} bar. Load more of them first.",
            details={"field": "source", "value": "resample"},
        )
    return longer.between(first, last)
