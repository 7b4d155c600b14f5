"""From a trained model to what clients read: how it classifies, what to think of that, and where it came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ktrdr_engine import __version__
from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.bars.gaps import gap_note
from ktrdr_engine.bars.spikes import jump_note
from ktrdr_engine.inference.metadata import CLASSES
from ktrdr_engine.number_format import plain
from ktrdr_engine.provenance import Provenance, library_version
from ktrdr_engine.training.models import Split, TrainingResults
from ktrdr_engine.training.progress_bridge import COLUMNS

if TYPE_CHECKING:
    from ktrdr_engine.inference.bundle import ModelBundle
    from ktrdr_engine.inference.metadata import SplitMetrics
    from ktrdr_engine.training.fitting import Epoch
    from ktrdr_engine.training.job import TrainingJob

_LIBRARIES = ("numpy", "TA-Lib", "torch")
_LONG_WEEKEND = 5 * 86_400_000_000_000  # ns: a market closed for so long has not run out of data
_NAMED = 5


def epoch_values(epoch: Epoch) -> tuple[float, ...]:
    """Return an epoch as `TrainingProgressBridge.report_epoch` takes it."""
    return (
        epoch.epoch,
        epoch.train_loss,
        epoch.validation_loss,
        epoch.train_accuracy,
        epoch.validation_accuracy,
        *epoch.recall,
        epoch.learning_rate,
        epoch.is_best,
    )


def make_results(
    job: TrainingJob, model: ModelBundle, model_path: str, epochs: Sequence[Epoch], remarks: Sequence[str] = ()
) -> TrainingResults:
    """Return the results of a training, whole or cut short; the model says which.

    Args:
        job: What was asked for.
        model: What came of it.
        model_path: Where it was saved.
        epochs: All that were run.
        remarks: Further notes.
    """
    metadata = model.metadata
    splits = {part: _split(metrics) for part, metrics in metadata.metrics.items()}
    figures: dict[str, Any] = {
        f"{part}_{name}": getattr(split, name)
        for part, split in splits.items()
        for name in ("accuracy", "majority_baseline", "rows")
    }
    return TrainingResults(
        model_path=model_path,
        strategy=metadata.strategy_name,
        symbols=", ".join(metadata.symbols),
        timeframes=", ".join(metadata.timeframes),
        **figures,
        epochs_run=metadata.epochs_run,
        best_epoch=metadata.best_epoch,
        seed=metadata.seed,
        splits=splits,
        notes=(*_notes_on_training(job, model), *_notes_on_splits(splits), *_notes_on_data(job), *remarks),
        provenance=Provenance(
            data_sha256=job.data_sha256,
            strategy_sha256=metadata.strategy_sha256,
            model_sha256=model.sha256,
            seed=metadata.seed,
            engine_version=__version__,
            library_versions={name: library_version(name) for name in _LIBRARIES},
        ),
        partial=metadata.partial,
        tables={"epochs": _columns(epochs)},
    )


def _split(metrics: SplitMetrics) -> Split:
    rows = [sum(row) for row in metrics.confusion]
    # Training refuses a part without rows, so none of these is absent.
    assert metrics.range is not None
    assert metrics.loss is not None
    assert metrics.accuracy is not None
    assert metrics.majority_baseline is not None
    return Split(
        rows=metrics.rows,
        first_bar=metrics.range.start,
        last_bar=metrics.range.end,
        loss=metrics.loss,
        accuracy=metrics.accuracy,
        majority=CLASSES[rows.index(max(rows))],
        majority_baseline=metrics.majority_baseline,
        labels=dict(zip(CLASSES, rows, strict=True)),
        recall=metrics.recall,
        confusion=metrics.confusion,
    )


def _columns(epochs: Sequence[Epoch]) -> dict[str, list[float]]:
    rows = [epoch_values(epoch) for epoch in epochs]
    return {name: [row[number] for row in rows] for number, name in enumerate(COLUMNS)}


def _notes_on_training(job: TrainingJob, model: ModelBundle) -> Iterator[str]:
    metadata, settings = model.metadata, job.material.training
    if metadata.partial:
        yield (
            f"Cancelled after {metadata.epochs_run} of {settings.epochs} epochs; the weights are those of epoch "
            f"{metadata.best_epoch}. A backtest uses this model only if its model_path names it."
        )
    elif settings.early_stopping and metadata.best_epoch == settings.epochs:
        yield f"The last epoch was the best: a higher training.epochs (now {settings.epochs}) may do better."


def _notes_on_splits(splits: dict[str, Split]) -> Iterator[str]:
    for part, split in splits.items():
        answers = [sum(row[code] for row in split.confusion) for code in range(len(CLASSES))]
        if max(answers) == split.rows:
            only = CLASSES[answers.index(split.rows)]
            yield f"It answers {only} to every row of {part}: it has learned no difference."
        elif split.accuracy <= split.majority_baseline:
            yield (
                f"No better than always {split.majority} on {part}: accuracy {plain(split.accuracy)}, "
                f"majority {plain(split.majority_baseline)}."
            )
        if absent := [name for name, rows in split.labels.items() if not rows]:
            yield f"No row of {part} has the label {' or '.join(absent)}."


def _notes_on_data(job: TrainingJob) -> Iterator[str]:
    first, last = job.request.range_ns()
    begins = [
        f"{one.symbol} {format_stamp(one.first)[:10]}" for one in job.available if first < one.first - _LONG_WEEKEND
    ]
    ends = [f"{one.symbol} {format_stamp(one.last)[:10]}" for one in job.available if last > one.last + _LONG_WEEKEND]
    if begins:
        yield f"The data begin after start_date: {_some(begins)}."
    for one in job.available:
        missing = gap_note(one.gaps, one.symbol, first, last, "indicators and labels go on")
        yield from filter(None, (missing, jump_note(one.spikes, one.symbol, first, last)))
    if job.higher:
        origins = [f"{frame.series.symbol} {frame.origin}" for frame in job.higher]
        yield f"Longer timeframes, seen from their close on: {_some(origins)}."
    if ends:
        yield f"The data end before end_date: {_some(ends)}."


def _some(items: Sequence[str]) -> str:
    more = f" and {len(items) - _NAMED} more" if len(items) > _NAMED else ""
    return ", ".join(items[:_NAMED]) + more
