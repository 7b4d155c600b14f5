"""From a request to everything a load needs: what can be wrong without asking a network is found here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ktrdr_engine.bars.dates import format_stamp, parse_bound
from ktrdr_engine.datasets.file import DatasetFile
from ktrdr_engine.datasets.spans import ALWAYS, Span
from ktrdr_engine.errors import InvalidRequest

if TYPE_CHECKING:
    from ktrdr_engine.bars.market import Market
    from ktrdr_engine.bars.store import BarStore
    from ktrdr_engine.bars.timeframe import Timeframe
    from ktrdr_engine.datasets.models import LoadRequest
    from ktrdr_engine.datasets.sources.finding import Sources
    from ktrdr_engine.datasets.sources.source import Source


@dataclass(frozen=True, slots=True)
class LoadJob:
    """A request whose source was found; `asked` holds the bars it may bring, by their opens.

    `symbol` is the one the bars are kept under.
    """

    request: LoadRequest
    symbol: str
    timeframe: Timeframe
    source: Source
    asked: Span
    file: DatasetFile
    bars: BarStore
    market: Market | None = None

    @property
    def replace(self) -> bool:
        """Whether bars that differ are overwritten."""
        return self.request.on_conflict == "replace"

    @property
    def is_known(self) -> bool:
        """Whether there are such bars, shipped or the user's own."""
        return (self.symbol, self.timeframe) in self.bars.datasets()


def prepare(request: LoadRequest, sources: Sources, bars: BarStore, home: Path, now: Callable[[], int]) -> LoadJob:
    """Find and check what the request names.

    Args:
        request: What was asked.
        sources: Where bars can come from.
        bars: The bars there are.
        home: Where they go.
        now: Nanoseconds since 1970 UTC.

    Raises:
        InvalidRequest: The source or a date makes no sense, a date is missing, or the bars are of another market.
        DataError: The timeframe, the market or the file is unknown.
        SourceNotInstalled: The source needs a package more.
        DatasetBusy: Another load writes the same bars.
        StorageError: The folder cannot be written.
    """
    from ktrdr_engine.bars.timeframe import parse_timeframe
    from ktrdr_engine.datasets.markets import known_market

    timeframe = parse_timeframe(request.timeframe)
    symbol = bars.name_of(request.symbol, timeframe)
    market = known_market(request, timeframe, bars)
    source = sources.find(request, timeframe)
    file = DatasetFile(home, symbol, timeframe)
    with file.locked():
        pass
    job = LoadJob(request, symbol, timeframe, source, _given(request), file, bars, market)
    return replace(job, asked=_closed(job, now() - timeframe.nanoseconds)) if source.by_time else job


def _given(request: LoadRequest) -> Span:
    first = ALWAYS.first if request.start_date is None else parse_bound(request.start_date, end=False)
    last = ALWAYS.last if request.end_date is None else parse_bound(request.end_date, end=True)
    if first > last:
        raise InvalidRequest(
            f"end_date {request.end_date!r} is before start_date {request.start_date!r}: swap them.",
            details={"field": "end_date", "value": request.end_date, "start_date": request.start_date},
        )
    return Span(first, last)


def _closed(job: LoadJob, newest: int) -> Span:
    """Return what to ask a network for: from a date, or from the last bar there is, to the last bar that has closed."""
    first, last = job.asked
    if first == ALWAYS.first:
        if not job.is_known:
            raise InvalidRequest(
                f"start_date is missing: there are no {job.symbol} {job.timeframe} bars to go on from. Give the first "
                "day wanted, such as 2020-01-01.",
                details={"field": "start_date", "value": None},
            )
        first = int(job.bars.load(job.symbol, job.timeframe).timestamp[-1])
    if first > newest and job.request.start_date is not None:
        raise InvalidRequest(
            f"start_date {job.request.start_date!r}: no {job.timeframe} bar that opens there has closed yet. The "
            f"newest that has opened at {format_stamp(newest)} or before.",
            details={"field": "start_date", "value": job.request.start_date},
        )
    return Span(first, min(last, newest))
