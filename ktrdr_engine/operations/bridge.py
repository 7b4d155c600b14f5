"""The only object a worker thread and the event loop share.

The worker writes numbers; whoever reads turns them into text. A kind subclasses `ProgressBridge`, names its
buckets and says how a sample reads. Not where cancellation travels (`cancellation`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from ktrdr_engine.operations.history import Bucket, FinishedHistory, Series, plain, read_page
from ktrdr_engine.operations.models import NumberedPage, Progress
from ktrdr_engine.operations.phases import Phase, Stretch

HISTORY = Bucket("history", {"step": "q", "total": "q"})
"""The samples of a kind that names no bucket of its own."""


class BridgeStatus(NamedTuple):
    """What a reader sees: the newest sample as progress, and for how long there was none newer."""

    progress: Progress
    idle_seconds: float


class ProgressBridge:
    """Publish progress and metrics from one worker thread; read them from any other.

    Guarantees:
        - Exactly one thread writes (`update`, `record`, `skip`, `enter`, `reach`, `announce`); any number may read at
          the same time.
        - No lock on either side. A write rebinds one attribute to an immutable tuple, so a reader sees the old
          sample or the new one, never a mix.
        - Every entry of the history has a number from one rising counter. An entry is complete before its number
          is published, so a reader that goes on from `new_cursor` meets each entry that is still kept exactly once.
        - Memory is bounded by the buckets' limits, however long the work runs.
        - The percentage never falls: phases are entered in order, each begins where the one before it would end.

    It relies on the interpreter lock: single bytecode-level operations on attributes and bytearrays are atomic.

    Args:
        operation_id: The operation reported on.
        samples: The bucket that takes every update: the values `(step, total, *fields)`.
        events: Further buckets for `record`.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        operation_id: str,
        *,
        samples: Bucket = HISTORY,
        events: tuple[Bucket, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.operation_id = operation_id
        self._clock = clock
        # The phase that samples belong to, and where the next one begins; the writer's alone.
        self._stretch = Stretch()
        self._next_base = 0.0
        self._sample: tuple[float, int, int, tuple[Any, ...], Stretch] = (clock(), 0, 0, (), self._stretch)
        self._sequence = 0
        self._series = {bucket.name: Series(bucket) for bucket in (samples, *events)}
        self._samples = self._series[samples.name]

    def update(self, step: int, total: int, *fields: float) -> None:
        """Publish a sample; `fields` are numbers, in the order of the sample bucket's further columns."""
        self.publish(step, total, fields)

    def publish(self, step: int, total: int, fields: tuple[float, ...]) -> None:
        """Do what `update` does, for a subclass that has the fields in a tuple."""
        sequence = self._sequence + 1
        self._sample = (self._clock(), step, total, fields, self._stretch)
        series = self._samples
        # Series.append by hand: a call saved on the path that runs every few bars.
        if series.seen % series.stride == 0:
            series.buffer += series.pack(sequence, step, total, *fields)
            if len(series.buffer) >= series.limit_bytes:
                series.make_room()
        series.seen += 1
        self._sequence = sequence

    def advance(self, step: int, total: int, fields: tuple[Any, ...]) -> None:
        """Publish a sample that leaves nothing in the history."""
        self._sample = (self._clock(), step, total, fields, self._stretch)

    def record(self, bucket: str, *values: float) -> None:
        """Add an entry to one of the `events` buckets; the values follow the bucket's columns."""
        sequence = self._sequence + 1
        self._series[bucket].append(sequence, values)
        self._sequence = sequence

    def record_packed(self, bucket: str, records: bytes) -> None:
        """Add entries to one of the `events` buckets that keep the latest, readable together.

        Each is packed as `struct` packs its number and the bucket's columns, little-endian and unpadded; the numbers
        count on from `last_number`.
        """
        series = self._series[bucket]
        series.extend(records)
        self._sequence += len(records) // series.record_size

    @property
    def last_number(self) -> int:
        """The number of the newest entry; for the writer, who alone knows that it stays so."""
        return self._sequence

    @property
    def to_skip(self) -> int:
        """How many of the next samples the history would not keep; a writer who makes many may `skip` them."""
        series = self._samples
        return -series.seen % series.stride

    def skip(self, samples: int) -> None:
        """Count samples as passed over by the history that were not made at all; call it before the next `update`."""
        self._samples.seen += samples
        self._sequence += samples

    def enter(self, phase: Phase) -> None:
        """Begin a phase of the run; a run without phases is one that its samples count."""
        at, span = self._clock(), 100.0 * phase.share
        self._stretch = Stretch(phase.words, phase.unit, self._next_base, span, at)
        self._next_base += span
        self._show(at, self._stretch)

    def reach(self, done: int, total: int) -> None:
        """Say that `done` of `total` units of the phase are done: after each chunk, since only that is progress."""
        self._stretch = self._stretch._replace(done=done, total=total)
        self._show(self._clock(), self._stretch)

    def announce(self, message: str, done: int = 0, total: int = 0, unit: str = "") -> None:
        """Say what happens before, between or beside samples; counts as progress, shown until the next sample.

        Args:
            message: What; the same for all chunks of one thing.
            done: Chunks or units of it that are done.
            total: How many there are; 0: it has none.
            unit: What they are.
        """
        at = self._clock()
        _, step, steps, _, shown = self._sample
        began = shown.began if shown.words == message and shown.span == 0.0 else at
        self._show(at, Stretch(message, unit, shown.percentage(step, steps), 0.0, began, total, done))

    def _show(self, at: float, stretch: Stretch) -> None:
        _, step, total, fields, _ = self._sample
        self._sample = (at, step, total, fields, stretch)

    def touch(self) -> None:
        """Count idle time from now: the work begins."""
        self._sample = (self._clock(), *self._sample[1:])

    def get_status(self) -> BridgeStatus:
        """Return the newest sample as text and numbers."""
        at, raw_step, raw_total, fields, stretch = self._sample
        step, total = int(raw_step), int(raw_total)
        message, context = self.describe(step, total, fields)
        progress = Progress(
            percentage=stretch.percentage(step, total),
            message=stretch.told(at) or message,
            current_step=step,
            total_steps=total,
            context={name: plain(value) for name, value in context.items()},
        )
        return BridgeStatus(progress, max(0.0, self._clock() - at))

    def get_metrics(self, cursor: int = 0, limit: int = 50) -> NumberedPage:
        """Return history after `cursor`.

        Raises:
            InvalidRequest: The cursor or the limit is out of range.
        """
        return read_page(self._series, self._sequence, cursor, limit)

    def history(self) -> FinishedHistory:
        """Return all that is kept, once nothing more will be written."""
        last = self._sequence
        return FinishedHistory(
            last, {name: series.after(0, last, series.bucket.limit) for name, series in self._series.items()}
        )

    def describe(self, step: int, total: int, fields: tuple[Any, ...]) -> tuple[str, dict[str, Any]]:
        """Return message and context of a sample; `fields` is empty before the first. Override in a subclass.

        Numbers may be numpy's; those that are not finite reach clients as null.
        """
        return (f"Step {step} of {total}" if total else ""), {}
