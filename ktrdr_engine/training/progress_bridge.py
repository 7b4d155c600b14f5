"""What a running training leaves in memory for whoever asks: how far it is, the epochs so far, the best of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ktrdr_engine.number_format import decimal, typed
from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.history import Bucket
from ktrdr_engine.operations.phases import Phase

COLUMNS = (
    "epoch",
    "train_loss",
    "validation_loss",
    "train_accuracy",
    "validation_accuracy",
    "recall_buy",
    "recall_hold",
    "recall_sell",
    "learning_rate",
    "is_best",
)
"""Of an epoch, in the order in which `report_epoch` takes the values; recalls are those of the validation rows."""

_EPOCHS_KEPT = 2_000
FITTING = Phase("", 0.9)
_SCORING = {
    "train": Phase("Scoring the train rows,", 0.06, "rows"),
    "validation": Phase("Scoring the validation rows,", 0.02, "rows"),
    "test": Phase("Scoring the test rows,", 0.02, "rows"),
}


_EPOCHS = Bucket("epochs", {"epoch": "q", **dict.fromkeys(COLUMNS[1:-1], "d"), "is_best": "?"}, limit=_EPOCHS_KEPT)


class TrainingProgressBridge(ProgressBridge):
    """Progress of one training: written by its thread, formatted only when somebody reads.

    A step is a batch.

    Args:
        operation_id: The operation reported on.
        strategy: The name of what is trained.
        epochs: How many there are at most.
        batches: How many an epoch has.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        operation_id: str,
        strategy: str,
        epochs: int,
        batches: int,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(operation_id, samples=_EPOCHS, clock=clock)
        self.strategy = strategy
        self.epochs = epochs
        self.batches = batches
        self._total = epochs * batches
        self._done = 0
        self._newest: tuple[Any, ...] = ()
        self._best: tuple[int, float] | None = None
        self._epochs_seen = 0
        self._scored: str | None = None

    def report_batch(self) -> None:
        """Publish that one more batch was learned from."""
        self._done += 1
        self.advance(self._done, self._total, (self._newest, self._best))

    def report_epoch(self, *values: float) -> None:
        """Publish what an epoch gave: the values of `COLUMNS`, in that order."""
        epoch, validation_loss, is_best = int(values[0]), values[2], values[-1]
        self._done = epoch * self.batches
        if is_best:
            self._best = epoch, validation_loss
        self._newest = values
        self._epochs_seen = epoch
        self.record("epochs", *values)
        self.advance(self._done, self._total, (values, self._best))

    def report_examined(self, part: str, done: int, total: int) -> None:
        """Publish how many of a part's rows were classified: those of validation after an epoch."""
        epoch = min(self._epochs_seen + 1, self.epochs)
        self.announce(f"Training {self.strategy} epoch {epoch} of {self.epochs}: {part},", done, total, "rows")

    def report_scored(self, part: str, done: int, total: int) -> None:
        """Publish how many of a part's rows the trained network has classified, part after part."""
        if part != self._scored:
            self.enter(_SCORING[part])
            self._scored = part
        self.reach(done, total)

    def describe(self, step: int, total: int, fields: tuple[Any, ...]) -> tuple[str, dict[str, Any]]:
        """Return the message and context that clients see."""
        context: dict[str, Any] = {"strategy": self.strategy, "epochs": self.epochs}
        message = f"Training {self.strategy}"
        if not fields:
            return message, context
        newest, best = fields
        epoch = max(step - 1, 0) // self.batches + 1
        context["epoch"] = epoch
        message = f"{message} epoch {epoch} of {self.epochs}"
        if not newest:
            return message, context
        context |= {"finished_epochs": int(newest[0]), **dict(zip(COLUMNS[1:-1], newest[1:-1], strict=True))}
        if best is not None:
            context |= {"best_epoch": best[0], "best_validation_loss": best[1]}
        return f"{message}, validation loss {typed(decimal(newest[2], 3, 3))}", context
