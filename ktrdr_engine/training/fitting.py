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

from ktrdr_engine.errors import OperationCancelled
from ktrdr_engine.inference.metadata import CLASSES
from ktrdr_engine.inference.network import Dropout
from ktrdr_engine.strategy.schema import EarlyStopping, Training


class Epoch(NamedTuple):
    """What one pass over the training rows gave; losses are class-weighted, accuracies are fractions."""

    epoch: int
    epochs: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
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
    """Who hears of the epochs and may end the fitting between two batches."""

    on_epoch: Callable[[Epoch], None] | None = None
    should_stop: Callable[[], bool] | None = None


def fit(
    network: nn.Sequential, train: Examples, validation: Examples, settings: Training, listener: Listener
) -> Fitted:
    """Draw the first weights of `network` from `settings.seed`, and train them in place.

    With early stopping the weights of the lowest validation loss are kept, otherwise the last ones.

    Raises:
        OperationCancelled: The listener asked to stop.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    _draw_weights(network, generator)
    criterion = nn.CrossEntropyLoss(weight=class_weights(train.labels))
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    watch = _Watch(network, settings.early_stopping)
    number = 0
    for number in range(1, settings.epochs + 1):
        losses = [
            _step(network, criterion, optimizer, Examples(train.features[batch], train.labels[batch]))
            for batch in _batches(len(train.labels), settings.batch_size, generator, listener)
        ]
        loss, accuracy = _examine(network, criterion, validation)
        is_best = watch.look(number, loss)
        if listener.on_epoch is not None:
            listener.on_epoch(Epoch(number, settings.epochs, math.fsum(losses) / len(losses), loss, accuracy, is_best))
        if watch.is_over:
            break
    return Fitted(number, watch.restore(number))


def class_weights(labels: Tensor) -> Tensor:
    """Return one weight a class, such that each class that occurs weighs the same in all.

    Without them a network learns to answer HOLD, which is right most of the time and useless.
    """
    counts = torch.bincount(labels, minlength=len(CLASSES)).to(torch.float32)
    present = int((counts > 0).sum())
    return torch.where(counts > 0, len(labels) / (present * counts.clamp(min=1)), torch.zeros_like(counts))


def _draw_weights(network: nn.Sequential, generator: torch.Generator) -> None:
    for layer in network:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            nn.init.zeros_(layer.bias)
        elif isinstance(layer, Dropout):
            layer.generator = generator


def _batches(rows: int, size: int, generator: torch.Generator, listener: Listener) -> Iterator[Tensor]:
    order = torch.randperm(rows, generator=generator)
    for first in range(0, rows, size):
        if listener.should_stop is not None and listener.should_stop():
            raise OperationCancelled("The training was cancelled.")
        yield order[first : first + size]


def _step(
    network: nn.Sequential, criterion: nn.CrossEntropyLoss, optimizer: torch.optim.Optimizer, batch: Examples
) -> float:
    network.train()
    optimizer.zero_grad()
    loss: Tensor = criterion(network(batch.features), batch.labels)
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    optimizer.step()
    return loss.item()


def _examine(network: nn.Sequential, criterion: nn.CrossEntropyLoss, rows: Examples) -> tuple[float, float]:
    network.eval()
    with torch.inference_mode():
        logits = network(rows.features)
        accuracy = (logits.argmax(dim=1) == rows.labels).to(torch.float64).mean()
        return float(criterion(logits, rows.labels)), float(accuracy)


class _Watch:
    """Looks at each epoch's validation loss, keeps the best weights, and says when patience is at its end."""

    def __init__(self, network: nn.Sequential, rule: EarlyStopping | None) -> None:
        self._network = network
        self._rule = rule
        self._lowest = self._reference = math.inf
        self._waited = 0
        self._best: tuple[int, dict[str, Tensor]] | None = None

    @property
    def is_over(self) -> bool:
        return self._rule is not None and self._waited >= self._rule.patience

    def look(self, epoch: int, loss: float) -> bool:
        """Take note of an epoch; return whether it is the best so far."""
        if self._rule is None:
            return False
        if loss < self._reference - self._rule.min_delta:
            self._reference, self._waited = loss, 0
        else:
            self._waited += 1
        is_best = loss < self._lowest
        if is_best:
            self._lowest = loss
            self._best = epoch, {name: value.clone() for name, value in self._network.state_dict().items()}
        return is_best

    def restore(self, last: int) -> int:
        """Put the best weights back and return their epoch; the last one without early stopping."""
        if self._best is None:
            return last
        epoch, weights = self._best
        self._network.load_state_dict(weights)
        return epoch
