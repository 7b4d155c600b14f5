"""From what a load did to what clients read: counts, conflicts, gaps, and the notes that explain them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.bars.gaps import Gap, find_gaps
from ktrdr_engine.bars.spikes import find_spikes, spikes_note
from ktrdr_engine.datasets.models import Conflict, GapRow, LoadProvenance, LoadResults
from ktrdr_engine.datasets.spans import ALWAYS, Span

if TYPE_CHECKING:
    from ktrdr_engine.bars.series import BarSeries
    from ktrdr_engine.datasets.job import LoadJob
    from ktrdr_engine.datasets.merging import Merge

_SHOWN = 5
_WEEK = 7 * 86_400 * 1_000_000_000


@dataclass(slots=True)
class Tally:
    """What a load has done so far; `skipped`: an earlier one had loaded a part. Counts are of bars, or say of what.

    `left_out`: bars of another adjustment that were there and that this load does not bring; `brought`: from the first
    to the last bar that came.
    """

    sha256_before: str | None = None
    bars_before: int = 0
    was_shipped: bool = False
    is_written: bool = False
    is_kept: bool = False
    skipped: bool = False
    left_out: int = 0
    brought: Span | None = None
    segments: int = 0
    segments_done: int = 0
    new: int = 0
    replaced: int = 0
    conflicts: int = 0
    first_conflicts: tuple[Conflict, ...] = ()

    def begin(self, job: LoadJob, there: BarSeries) -> None:
        """Remember what there was before."""
        self.sha256_before, self.bars_before = there.sha256(), len(there)
        self.was_shipped = job.bars.summary(job.symbol, job.timeframe).source == "shipped"

    def add(self, merged: Merge | None, fresh: BarSeries | None, *, replaced: int) -> None:
        """Count a segment that is in."""
        self.segments_done += 1
        if fresh is not None:
            first, last = int(fresh.timestamp[0]), int(fresh.timestamp[-1])
            so_far = self.brought or Span(first, last)
            self.brought = Span(min(so_far.first, first), max(so_far.last, last))
        if merged is not None:
            self.new += merged.new
            self.replaced += replaced
            self.conflicts += merged.conflicts
            self.first_conflicts = (*self.first_conflicts, *merged.first_conflicts)[:_SHOWN]


def make_results(job: LoadJob, series: BarSeries | None, tally: Tally) -> LoadResults:
    """Return what a load brought, whole or up to where it stopped."""
    gaps = () if series is None else find_gaps(series)
    first, last = (None, None) if series is None else (int(series.timestamp[i]) for i in (0, -1))
    return LoadResults(
        symbol=job.symbol,
        timeframe=job.timeframe,
        source=job.request.source,
        path=job.request.path,
        bars=0 if series is None else len(series),
        new_bars=tally.new,
        replaced_bars=tally.replaced,
        first_bar=None if first is None else format_stamp(first),
        last_bar=None if last is None else format_stamp(last),
        market=None if series is None else series.market.name,
        market_inferred=series is None or series.market.inferred,
        conflicts=tally.conflicts,
        first_conflicts=tally.first_conflicts,
        gaps=len(gaps),
        missing_bars=sum(gap.bars for gap in gaps),
        longest_gaps=tuple(gap_row(gap) for gap in sorted(gaps, key=lambda gap: -gap.bars)[:_SHOWN]),
        segments=tally.segments,
        segments_done=tally.segments_done,
        notes=(*_spike_notes(series, tally), *_notes(job, first, last, tally)),
        provenance=LoadProvenance(
            sha256_before=tally.sha256_before, sha256_after=None if series is None else series.sha256()
        ),
    )


def gap_row(gap: Gap) -> GapRow:
    """Return a gap as clients read it."""
    return GapRow(first=format_stamp(gap.first), last=format_stamp(gap.last), bars=gap.bars)


def _spike_notes(series: BarSeries | None, tally: Tally) -> Iterator[str]:
    """Warn of jumps into, within and out of the bars this load has brought."""
    if series is None or tally.brought is None:
        return
    first, last = tally.brought
    after = int(np.searchsorted(series.timestamp, last, "right"))
    found = [spike for spike in find_spikes(series) if spike.timestamp >= first and spike.row <= after + 1]
    if note := spikes_note(found):
        yield note


def _notes(job: LoadJob, first: int | None, last: int | None, tally: Tally) -> Iterator[str]:
    if job.symbol != job.request.symbol:
        yield f"{job.request.symbol} is listed as {job.symbol}; both names mean these bars everywhere."
    if tally.was_shipped and tally.is_written:
        yield (
            f"The {tally.bars_before} shipped bars were taken over; your file, with the new ones, is now used in their "
            "place."
        )
    if tally.is_kept:
        name = f"{job.symbol}_{job.timeframe}"
        yield (
            f"The {tally.bars_before} bars that were there are in the trash: manage_library(action='restore', "
            f"kind='dataset', name={name!r}) or `ktrdr library restore dataset {name}` brings them back."
        )
    if tally.left_out:
        yield (
            f"{tally.left_out} bars that were there are of another adjustment and outside of what was loaded: they "
            "were left out. Load the whole range to have them again."
        )
    if job.market and first is not None and (told := job.source.market) and told != job.market:
        yield f"{job.source.label} says these bars are of {told.name}; they were kept as {job.market.name}."
    if tally.conflicts:
        yield _which_wins(job, tally.conflicts)
    if tally.skipped:
        yield "What an earlier load had from this source was not asked for again; on_conflict='replace' asks for all."
    if tally.segments_done < tally.segments:
        yield "Load again with the same arguments: it goes on from where this one stopped."
    if first is not None and last is not None:
        yield from _short_notes(job, first, last)
    yield from job.source.notes


def _which_wins(job: LoadJob, conflicts: int) -> str:
    if job.replace:
        return f"{conflicts} bars differed from those that were there and replaced them."
    return f"{conflicts} bars differ from those that were there, which were kept; on_conflict='replace' takes the new."


def _short_notes(job: LoadJob, first: int, last: int) -> Iterator[str]:
    """Say where the bars do not reach as far as was asked."""
    asked = job.asked
    if asked.first != ALWAYS.first and first > asked.first + _WEEK:
        yield f"There are no bars before {format_stamp(first)}, though earlier ones were asked for."
    if asked.last != ALWAYS.last and last < asked.last - _WEEK:
        yield f"There are no bars after {format_stamp(last)}, though later ones were asked for."
