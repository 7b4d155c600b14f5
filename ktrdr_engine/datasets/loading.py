"""One load: segment after segment is fetched, merged and on disk before the next one is asked for.

It runs in whatever thread calls it and knows no operation: a bridge and a token are all it shares with the outside.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ktrdr_engine.bars.market import infer_market
from ktrdr_engine.datasets.adjustments import Rescaled, find_rescaled
from ktrdr_engine.datasets.merging import Merge, merge
from ktrdr_engine.datasets.origin import Origin
from ktrdr_engine.datasets.results import Tally, make_results
from ktrdr_engine.datasets.spans import Span, uncovered
from ktrdr_engine.errors import DataError, KtrdrError
from ktrdr_engine.number_format import exact

if TYPE_CHECKING:
    from ktrdr_engine.bars.series import BarSeries
    from ktrdr_engine.datasets.job import LoadJob
    from ktrdr_engine.datasets.models import LoadResults
    from ktrdr_engine.datasets.progress_bridge import LoadProgressBridge
    from ktrdr_engine.operations.cancellation import CancellationToken


class Load:
    """One run of one job.

    Args:
        job: What `prepare` found.
        bridge: Takes each segment.
        token: Read before each segment, and before each request over a network.
    """

    def __init__(self, job: LoadJob, bridge: LoadProgressBridge, token: CancellationToken) -> None:
        self._job = job
        self._bridge = bridge
        self._token = token
        self._series: BarSeries | None = None
        self._origin = Origin()
        self._tally = Tally()

    def run(self) -> LoadResults:
        """Load every segment and return what came.

        Raises:
            OperationCancelled: The token was cancelled; `partial` holds the `LoadResults` of the segments that are in.
            KtrdrError: A segment could not be had, merged or written; `partial` as above. What is in stays in.
        """
        try:
            with self._job.file.locked():
                self._begin()
                self._load()
        except KtrdrError as stop:
            stop.partial = make_results(self._job, self._series, self._tally) if self._tally.segments_done else None
            raise
        finally:
            self._job.source.close()
        if self._series is None:
            raise DataError(
                " ".join(
                    (
                        f"{self._job.source.label} has no {self._job.timeframe} bars in that range. Check symbol and "
                        "dates.",
                        *self._job.source.notes,
                    )
                ),
                details={"field": "start_date", "value": self._job.request.start_date},
            )
        return make_results(self._job, self._series, self._tally)

    def _begin(self) -> None:
        job, tally = self._job, self._tally
        if job.is_known:
            self._series = job.bars.load(job.symbol, job.timeframe)
            self._origin = job.file.origin()
            tally.begin(job, self._series)

    def _load(self) -> None:
        segments = self._plan()
        self._tally.segments = len(segments)
        if segments and not self._job.source.by_time:
            # All of them are at hand: nothing is written of bars that do not go together.
            whole = Span(segments[0].first, segments[-1].last)
            self._check_adjustment(whole, self._job.source.fetch(whole, self._heed))
        for number, segment in enumerate(segments, 1):
            fresh = self._job.source.fetch(segment, self._heed)
            if self._job.source.by_time:
                self._check_adjustment(segment, fresh)
            merged = self._merged(fresh)
            self._keep(segment, merged)
            self._report(number, segment, fresh, merged)
        if self._set_market():
            self._write(self._origin)

    def _plan(self) -> list[Span]:
        """Return the segments; what an earlier load had from this source is not asked for again."""
        source, asked = self._job.source, self._job.asked
        if not source.by_time:
            return source.plan(asked, self._heed)
        covered = () if self._job.replace else self._origin.covered.get(source.label, ())
        pieces = list(uncovered(asked, covered)) if asked.first <= asked.last else []
        self._tally.skipped = pieces != [asked]
        return [segment for piece in pieces for segment in source.plan(self._overlapping(piece), self._heed)]

    def _overlapping(self, piece: Span) -> Span:
        """Begin with a bar that is there, so that it shows if the source has rewritten its prices since."""
        if not self._job.source.adjusts or self._series is None:
            return piece
        before = int(np.searchsorted(self._series.timestamp, piece.first, "right")) - 1
        return Span(int(self._series.timestamp[before]), piece.last) if before >= 0 else piece

    def _check_adjustment(self, span: Span, fresh: BarSeries | None) -> None:
        """Refuse bars of another adjustment than those there, or with `replace` leave out what stays of those.

        Raises:
            DataError: They differ by a factor, and what is there shall be kept.
        """
        if fresh is None or self._series is None or (found := find_rescaled(self._series, fresh)) is None:
            return
        if not self._job.replace:
            raise self._two_adjustments(found)
        stamps, asked = self._series.timestamp, self._job.asked
        stays = np.isin(stamps, fresh.timestamp)
        if self._job.source.by_time:
            outside = (stamps < span.first) | (stamps > span.last)
            stays |= outside & (stamps >= asked.first) & (stamps <= asked.last)
        if stays.all():
            return
        self._keep_previous()
        self._tally.left_out += int((~stays).sum())
        prices = np.ascontiguousarray(self._series.prices[:, stays])
        self._series = replace(self._series, timestamp=stamps[stays], prices=prices)
        self._origin = Origin(self._origin.sources)

    def _merged(self, fresh: BarSeries | None) -> Merge | None:
        if fresh is None:
            return None
        merged = merge(self._series, fresh, replace=self._job.replace)
        if merged.conflicts and self._job.source.adjusts and not self._job.replace:
            # Also where no factor shows: one bar, of which Yahoo has told the volume anew.
            raise self._rewritten(merged)
        return merged

    def _keep(self, segment: Span, merged: Merge | None) -> None:
        """Write the bars with what is known of them; unless neither has changed."""
        source = self._job.source
        changed = merged is not None and merged.series is not self._series
        if merged is not None:
            self._series = merged.series
        origin = self._origin.after(source.label, segment if source.by_time else None)
        is_new = self._set_market()
        if changed:
            self._keep_previous()
        if changed or is_new or (source.by_time and origin != self._origin):
            self._write(origin)

    def _write(self, origin: Origin) -> None:
        if self._series is not None:
            self._job.file.write(self._series, origin)
            self._origin = origin
            self._tally.is_written = True

    def _keep_previous(self) -> None:
        """Keep what was there in the trash, once, unless this goes on with bars of the same source and adds to them."""
        job, tally = self._job, self._tally
        goes_on = job.source.by_time and job.source.label in self._origin.sources and not job.replace
        if tally.bars_before and not tally.is_kept and not goes_on:
            path = job.bars.path(job.symbol, job.timeframe)
            tally.is_kept = job.file.keep(path, why=f"replaced by a load from {job.source.label}") is not None

    def _set_market(self) -> bool:
        """Give the bars their market, as far as it is known by now; return whether it was said and is new."""
        if self._series is None:
            return False
        before = self._series.market
        said = self._job.market or self._job.source.market
        market = said or infer_market(self._series.timestamp, self._series.timeframe)
        self._series = replace(self._series, market=market)
        return said is not None and (before != said or before.inferred)

    def _report(self, number: int, segment: Span, fresh: BarSeries | None, merged: Merge | None) -> None:
        first, last = (int(fresh.timestamp[0]), int(fresh.timestamp[-1])) if fresh is not None else segment
        new, conflicts = (merged.new, merged.conflicts) if merged else (0, 0)
        self._tally.add(merged, fresh, replaced=conflicts if self._job.replace else 0)
        status = "empty" if fresh is None else "merged" if new or (conflicts and self._job.replace) else "nothing new"
        self._bridge.report_segment(
            number,
            self._tally.segments,
            first=first,
            last=last,
            bars=0 if fresh is None else len(fresh),
            new=new,
            conflicts=conflicts,
            status=status,
        )

    def _heed(self, message: str, done: int = 0, total: int = 0, unit: str = "") -> None:
        self._token.raise_if_cancelled()
        self._bridge.announce(message, done, total, unit)

    def _two_adjustments(self, found: Rescaled) -> DataError:
        name = f"{self._job.symbol}_{self._job.timeframe}"
        return DataError(
            f"{self._job.source.label}: {found.words}. Bars of two adjustments do not mix: load the whole range again "
            f"with on_conflict='replace' (the bars of {name} that are there then go to the trash).",
            details={"field": "on_conflict", "value": "keep", "conflicts": found.bars, "factor": found.factor},
        )

    def _rewritten(self, merged: Merge) -> DataError:
        one = merged.first_conflicts[0]
        return DataError(
            f"{self._job.source.label} tells {merged.conflicts} bars otherwise than they are there, the first of "
            f"{one.timestamp}: {one.field} {exact(one.offered)}, yours {exact(one.there)}. It adjusts old prices after "
            "splits and dividends, and bars of two adjustments do not mix: load the whole range again with "
            "on_conflict='replace'.",
            details={"field": "on_conflict", "value": "keep", "conflicts": merged.conflicts},
        )
