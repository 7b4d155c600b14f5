"""What a model has to do with the bars of a run: whether training read them, under this name or another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from ktrdr_engine.backtesting.models import ModelRelation
from ktrdr_engine.bars.dates import format_stamp, parse_stamp
from ktrdr_engine.inference.digest import recognised

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ktrdr_engine.bars.series import BarSeries
    from ktrdr_engine.inference.metadata import ModelMetadata

_NAMED = 5


class Relation(NamedTuple):
    """What a model has to do with the bars of a run; `notes` say it with the dates."""

    kind: ModelRelation
    notes: tuple[str, ...] = ()


RULES: Final = Relation(ModelRelation.NONE)
"""Of rules: they were not made from bars, as far as anybody can tell."""


class Run(NamedTuple):
    """The bars of a run: all there are of its symbol, and the first and last that are traded, ns UTC.

    `before` is how many earlier bars the strategy's indicators are given to settle.
    """

    series: BarSeries
    first: int
    last: int
    before: int

    @property
    def symbol(self) -> str:
        """Return the name of what is traded."""
        return self.series.symbol


class _Read(NamedTuple):
    """What training read of a symbol: its first and last bar, ns UTC; without a digest, where the model is old."""

    symbol: str
    first: int
    last: int
    digest: str | None

    @property
    def words(self) -> str:
        return f"{self.symbol} bars from {format_stamp(self.first)} to {format_stamp(self.last)}"


def relate(metadata: ModelMetadata, run: Run) -> Relation:
    """Say whether a model has seen the bars of a run.

    What applies first counts:

    1. `in_sample`: a bar of the run was read by training or by the choice of the epoch: to settle indicators, as a
       row, or as the reach of a label; under the same name, or as a copy.
    2. `trained_after`: training ended after the run began on its own symbol, or began after it ended on any.
    3. `other_symbol`: none of the model's symbols is the run's.
    4. `out_of_sample`: the run is later than all that training read.
    """
    read = _read(metadata, run)
    first, last = min(one.first for one in read), max(one.last for one in read)
    is_own = run.symbol in metadata.symbols
    if seen := next((note for one in read if (note := _seen(one, run))), None):
        return Relation(ModelRelation.IN_SAMPLE, (seen,))
    if run.last < first or (is_own and run.first <= last):
        after = (
            f"Trained after these bars: training read {_some(read)}; this run goes from {format_stamp(run.first)} to "
            f"{format_stamp(run.last)}. Nobody could have had the model then."
        )
        return Relation(ModelRelation.TRAINED_AFTER, (after, *_notes_on_name(metadata, read, run)))
    if not is_own:
        notes = _notes_on_name(metadata, read, run)
        return Relation(ModelRelation.OTHER_SYMBOL, tuple(notes))
    until = f"Out of sample: training and the choice of the epoch read bars up to {format_stamp(last)}."
    return Relation(ModelRelation.OUT_OF_SAMPLE, (until,))


def _notes_on_name(metadata: ModelMetadata, read: Sequence[_Read], run: Run) -> Iterator[str]:
    """Say which symbols the model knows, where the run's is none of them."""
    if run.symbol in metadata.symbols:
        return
    late = run.first <= max(one.last for one in read) and run.last >= min(one.first for one in read)
    yield f"The model was trained on {', '.join(metadata.symbols)}, not on {run.symbol}: it read {_some(read)}." + (
        " That is later than the first bar of this run: nobody could have had the model then." if late else ""
    )
    if not metadata.read_bars:
        yield (
            "The model file is of an earlier version, without digests of prices: a copy of its bars under another "
            "symbol cannot be recognised."
        )


def _seen(read: _Read, run: Run) -> str | None:
    """Say that a run shares bars with what training read of a symbol, and how many; None where it does not."""
    if read.symbol == run.symbol:
        shift: int | None = 0
    elif read.digest is None:
        return None
    else:
        shift = recognised(read.digest, run.series.timestamp, run.series.close, run.first, run.last)
    if shift is None:
        return None
    stamps = run.series.timestamp
    first, last = max(run.first, read.first + shift), min(run.last, read.last + shift)
    count = int(np.searchsorted(stamps, last, "right") - np.searchsorted(stamps, first, "left"))
    if count <= 0:
        return None
    bars = int(np.searchsorted(stamps, run.last, "right") - np.searchsorted(stamps, run.first, "left"))
    name = "" if read.symbol == run.symbol else f"{run.symbol} holds prices that move as those of {read.symbol}; "
    return (
        f"In sample: {name}training and the choice of the epoch read {read.words}, labels included, and so {count} of "
        f"the {bars} bars of this run."
    )


def _read(metadata: ModelMetadata, run: Run) -> list[_Read]:
    """Return what training read, from the file or, where it does not say so, from what follows from the file."""
    if metadata.read_bars:
        return [_Read(one.symbol, _ns(one.start), _ns(one.end), one.digest) for one in metadata.read_bars]
    return [
        _Read(symbol, _first_read(metadata, run, symbol), _last_read(metadata, run, symbol), None)
        for symbol in metadata.symbols
    ]


def _first_read(metadata: ModelMetadata, run: Run, symbol: str) -> int:
    """Return the first bar that settled the indicators before the first row."""
    first = _ns(metadata.training_range.start)
    if symbol != run.symbol:
        return first
    stamps = run.series.timestamp
    place = max(0, int(np.searchsorted(stamps, first)) - run.before)
    return min(first, int(stamps[min(place, len(stamps) - 1)]))


def _last_read(metadata: ModelMetadata, run: Run, symbol: str) -> int:
    """Return the last bar that a label can have reached.

    The parts of a training were purged: no label reaches into the next one. Where that is not known, as many bars as
    the labels look ahead.
    """
    validation, training = metadata.metrics.get("validation"), metadata.strategy.get("training")
    is_chosen = isinstance(training, dict) and training.get("early_stopping") is not None
    by_validation = validation is not None and validation.range is not None and is_chosen
    last = _ns(metadata.training_range.end)
    if by_validation and validation is not None and validation.range is not None:
        last = max(last, _ns(validation.range.end))
    following = metadata.metrics.get("test" if by_validation else "validation")
    if following is not None and following.range is not None:
        return max(last, _ns(following.range.start) - run.series.timeframe.nanoseconds)
    lookahead = metadata.labels.get("lookahead")
    bars = lookahead if isinstance(lookahead, int) else 0
    if symbol != run.symbol:
        return last + bars * run.series.timeframe.nanoseconds
    stamps = run.series.timestamp
    place = int(np.searchsorted(stamps, last, side="right")) - 1 + bars
    return max(last, int(stamps[max(0, min(place, len(stamps) - 1))]))


def _some(read: Sequence[_Read]) -> str:
    more = f" and of {len(read) - _NAMED} more" if len(read) > _NAMED else ""
    return ", ".join(one.words for one in read[:_NAMED]) + more


def _ns(text: str) -> int:
    return parse_stamp(text)[0]
