"""Moving the weights: Adam on class-weighted cross entropy, stopped early, best weights kept.

Everything random comes from one generator of its own seed: the global random state of torch is neither read nor
moved, so the same rows and seed give the same weights beside any other work in the process.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ktrdr_engine.errors import EngineError, OperationCancelled
from ktrdr_engine.inference.dropout import Dropout
from ktrdr_engine.inference.metadata import CLASSES
from ktrdr_engine.inference.network import logits
from ktrdr_engine.number_format import plain
from ktrdr_engine.strategy.schema import EarlyStopping, Training
from ktrdr_engine.training.adam import Adam


class Epoch(NamedTuple):
    """What one pass over the training rows gave; losses are class-weighted, accuracies are fractions.

    Attributes:
        epoch: Counted from 1.
        epochs: How many there are at most.
        train_loss: Over the batches as they were learned from, dropout included.
        validation_loss: After the epoch, without dropout.
        train_accuracy: As `train_loss`.
        validation_accuracy: As `validation_loss`.
        recall: Of the validation rows of each class, the share that was recognised; NaN for a class without rows.
        learning_rate: With which the weights were moved.
        is_best: Whether no earlier epoch had so low a validation loss.
    """

    epoch: int
    epochs: int
    train_loss: float
    validation_loss: float
    train_accuracy: float
    validation_accuracy: float
    recall: tuple[float, ...]
    learning_rate: float
    is_best: bool


class Examples(NamedTuple):
    """Normalised features, float32 (n_rows, n_features), and labels, int64 (n_rows,)."""

    features: Tensor
    labels: Tensor


class Fitted(NamedTuple):
    """How the fitting went; both are counted from 1."""

    epochs_run: int
    best_epoch: int


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears of the epochs, the batches and the examined rows, and may end the fitting between two of them.

    Attributes:
        on_epoch: Called with what each epoch gave.
        on_batch: Called after each batch.
        on_examined: Called with the part (train, validation, test), how many of its rows were classified without
            learning, and how many there are: the validation part after each epoch, all parts after a cancellation.
        on_scored: The same for the parts in the end.
        should_stop: Asked before each batch and each group of examined rows.
    """

    on_epoch: Callable[[Epoch], None] | None = None
    on_batch: Callable[[], None] | None = None
    on_examined: Callable[[str, int, int], None] | None = None
    on_scored: Callable[[str, int, int], None] | None = None
    should_stop: Callable[[], bool] | None = None

    def examined(self, part: str, done: int, total: int) -> None:
        """Tell of examined rows."""
        if self.on_examined is not None:
            self.on_examined(part, done, total)

    def scored(self, part: str, done: int, total: int) -> None:
        """Tell of rows that the trained network has classified."""
        if self.on_scored is not None:
            self.on_scored(part, done, total)

    def heed(self) -> None:
        """Raise OperationCancelled if the fitting shall stop."""
        if self.should_stop is not None and self.should_stop():
            raise OperationCancelled("The training was cancelled.")


def fit(
    network: nn.Sequential, train: Examples, validation: Examples, settings: Training, listener: Listener
) -> Fitted:
    """Draw the first weights of `network` from `settings.seed`, and train them in place.

    With early stopping the weights of the lowest validation loss are kept, otherwise the last ones.

    Raises:
        EngineError: The loss is no longer a number.
        OperationCancelled: The listener asked to stop. `partial` is what was fitted, the network as it would be had
            the last whole epoch been the last of all; None when there was no whole epoch.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    _draw_weights(network, generator)
    learner = _Learner(
        network,
        nn.CrossEntropyLoss(weight=class_weights(train.labels)),
        Adam(network, settings.learning_rate),
    )
    watch = _Watch(network, settings.early_stopping)
    try:
        for number in range(1, settings.epochs + 1):
            learned = learner.learn(train, _batches(len(train.labels), settings.batch_size, generator), listener)
            seen = learner.examine(validation, listener)
            _require_finite(seen.loss, number, settings)
            is_best = watch.look(number, seen.loss)
            if listener.on_epoch is not None:
                listener.on_epoch(_epoch(number, settings, learned, seen, is_best=is_best))
            if watch.is_over:
                break
    except OperationCancelled as stop:
        raise OperationCancelled(stop.message, partial=watch.restore()) from None
    finally:
        learner.adam.release()
    fitted = watch.restore()
    assert fitted is not None  # a strategy has at least one epoch
    return fitted


def class_weights(labels: Tensor) -> Tensor:
    """Return one weight a class, such that each class that occurs weighs the same in all.

    Without them a network learns to answer HOLD, which is right most of the time and useless.
    """
    counts = torch.bincount(labels, minlength=len(CLASSES)).to(torch.float32)
    present = int((counts > 0).sum())
    return torch.where(counts > 0, len(labels) / (present * counts.clamp(min=1)), torch.zeros_like(counts))


def _draw_weights(network: nn.Sequential, generator: torch.Generator) -> None:
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.RNNBase):
            # As torch does it itself, but for the generator.
            for weight in layer.parameters():
                nn.init.uniform_(weight, -(layer.hidden_size**-0.5), layer.hidden_size**-0.5, generator=generator)
        elif isinstance(layer, Dropout):
            layer.generator = generator


def _batches(rows: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    order = torch.randperm(rows, generator=generator)
    for first in range(0, rows, size):
        yield order[first : first + size]


class _Learned(NamedTuple):
    loss: float
    accuracy: float


class _Seen(NamedTuple):
    loss: float
    accuracy: float
    recall: tuple[float, ...]


class _Learner(NamedTuple):
    network: nn.Sequential
    criterion: nn.CrossEntropyLoss
    adam: Adam

    def learn(self, rows: Examples, batches: Iterator[Tensor], listener: Listener) -> _Learned:
        """Move the weights by each batch; raise OperationCancelled when the listener says so."""
        losses: list[Tensor] = []
        right: list[Tensor] = []
        self.network.train()
        for batch in batches:
            listener.heed()
            labels = rows.labels[batch]
            answers: Tensor = self.network(rows.features[batch])
            loss: Tensor = self.criterion(answers, labels)
            self.adam.step(loss)
            # Kept as tensors: turning them into Python's numbers is left to the end of the epoch.
            losses.append(loss.detach())
            right.append((answers.detach().argmax(dim=1) == labels).sum())
            if listener.on_batch is not None:
                listener.on_batch()
        told: list[float] = torch.stack(losses).tolist()
        return _Learned(math.fsum(told) / len(told), int(torch.stack(right).sum()) / len(rows.labels))

    def examine(self, rows: Examples, listener: Listener) -> _Seen:
        """Classify the validation rows; raise OperationCancelled when the listener says so."""

        def on_chunk(done: int, total: int) -> None:
            listener.heed()
            listener.examined("validation", done, total)

        self.network.eval()
        with torch.inference_mode():
            answers = logits(self.network, rows.features, on_chunk)
            right = answers.argmax(dim=1) == rows.labels
            found = torch.bincount(rows.labels[right], minlength=len(CLASSES)).to(torch.float64)
            recall: list[float] = (found / torch.bincount(rows.labels, minlength=len(CLASSES))).tolist()
            return _Seen(float(self.criterion(answers, rows.labels)), int(right.sum()) / len(right), tuple(recall))


def _require_finite(loss: float, epoch: int, settings: Training) -> None:
    if not math.isfinite(loss):
        raise EngineError(
            f"The training diverged in epoch {epoch}: the validation loss is not a number. "
            f"Lower training.learning_rate (now {plain(settings.learning_rate)}) and start it again.",
            details={"epoch": epoch, "learning_rate": settings.learning_rate},
        )


def _epoch(number: int, settings: Training, learned: _Learned, seen: _Seen, *, is_best: bool) -> Epoch:
    return Epoch(
        epoch=number,
        epochs=settings.epochs,
        train_loss=learned.loss,
        validation_loss=seen.loss,
        train_accuracy=learned.accuracy,
        validation_accuracy=seen.accuracy,
        recall=seen.recall,
        learning_rate=settings.learning_rate,
        is_best=is_best,
    )


class _Watch:
    """Looks at each epoch's validation loss, keeps the weights to end with, and says when patience is at its end."""

    def __init__(self, network: nn.Sequential, rule: EarlyStopping | None) -> None:
        self._network = network
        self._rule = rule
        self._lowest = self._reference = math.inf
        self._waited = self._epoch = 0
        self._kept: tuple[int, dict[str, Tensor]] | None = None

    @property
    def is_over(self) -> bool:
        return self._rule is not None and self._waited >= self._rule.patience

    def look(self, epoch: int, loss: float) -> bool:
        """Take note of an epoch; return whether it is the best so far."""
        self._epoch = epoch
        is_best = loss < self._lowest
        self._lowest = min(loss, self._lowest)
        if self._rule is not None and loss < self._reference - self._rule.min_delta:
            self._reference, self._waited = loss, 0
        else:
            self._waited += 1
        if is_best or self._rule is None or self._kept is None:
            self._kept = epoch, {name: value.clone() for name, value in self._network.state_dict().items()}
        return is_best

    def restore(self) -> Fitted | None:
        """Put the kept weights back and say what they are; None before the first epoch has ended."""
        if self._kept is None:
            return None
        epoch, weights = self._kept
        self._network.load_state_dict(weights)
        return Fitted(self._epoch, epoch)
