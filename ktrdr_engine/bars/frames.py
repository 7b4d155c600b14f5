"""The longer timeframes beside a series: from a file of their own where there is one, else made from its bars."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from ktrdr_engine.bars.alignment import check_fresh, newest_closed
from ktrdr_engine.bars.resampling import resample
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.bars.timeframe import parse_timeframe
from ktrdr_engine.bars.window import BarWindow


class Frame(NamedTuple):
    """Bars of a longer timeframe than those decided on.

    Attributes:
        made_from: The timeframe they were made from; None: they have a file of their own.
    """

    series: BarSeries
    made_from: str | None

    @property
    def origin(self) -> str:
        """Say which bars they are and where they come from."""
        source = f"made from the {self.made_from} bars" if self.made_from else "from a file of its own"
        return f"{self.series.timeframe} {source}"


def frames(
    store: BarStore, base: BarSeries, timeframes: Iterable[str], wanted: BarWindow, before: int
) -> tuple[Frame, ...]:
    """Return of each longer timeframe the bars that a range of `base` can know.

    Args:
        store: Where the files are.
        base: All bars of the shortest timeframe: a cut one would make incomplete bars at the cut.
        timeframes: The longer ones.
        wanted: The part of `base` that is looked at.
        before: How many bars that have closed when the first one of `wanted` does to return as well, where there are
            so many; one at least.

    Raises:
        DataError: A file breaks a rule, bars cannot be made from those of `base` or aligned with them, or they stop
            inside the range.
    """
    return tuple(_known(_all(store, base, timeframe), wanted, before) for timeframe in timeframes)


def _all(store: BarStore, base: BarSeries, timeframe: str) -> Frame:
    if (base.symbol, timeframe) in store.datasets():
        own = store.load(base.symbol, timeframe)
        # One symbol, one market: what was only inferred of the longer bars is better known of the shorter ones.
        return Frame(replace(own, market=base.market) if own.market.inferred else own, made_from=None)
    return Frame(resample(base, parse_timeframe(timeframe)), made_from=base.timeframe.value)


def _known(frame: Frame, wanted: BarWindow, before: int) -> Frame:
    if frame.made_from is None:
        check_fresh(wanted.series, frame.series, wanted.start)
    seen = newest_closed(wanted.series, frame.series)
    first, last = int(seen[0]) + 1, int(seen[-1]) + 1
    return frame._replace(series=frame.series.between(max(0, first - before), max(1, last)))
