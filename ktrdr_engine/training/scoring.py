"""How a network classifies the rows of a part, beside what a constant answer would reach."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.inference.metadata import CLASSES, SplitMetrics, TimeRange
from ktrdr_engine.inference.network import logits
from ktrdr_engine.training.fitting import Examples


def score(
    network: nn.Sequential,
    rows: Examples,
    stamps: NDArray[np.int64],
    on_chunk: Callable[[int, int], None] | None = None,
) -> SplitMetrics:
    """Return loss, accuracy, recall, confusion and the majority baseline of at least one row.

    Args:
        network: In any mode; it is asked in evaluation mode.
        rows: Normalised features and labels.
        stamps: int64 ns UTC, shape (n_rows,).
        on_chunk: Called after each group of rows with how many are done, and all there are.
    """
    network.eval()
    with torch.inference_mode():
        answers = logits(network, rows.features, on_chunk)
        loss = float(nn.functional.cross_entropy(answers, rows.labels))
        chosen = answers.argmax(dim=1).numpy()
    labels = rows.labels.numpy()
    confusion = np.zeros((len(CLASSES), len(CLASSES)), dtype=np.int64)
    np.add.at(confusion, (labels, chosen), 1)
    occurring = confusion.sum(axis=1)
    return SplitMetrics(
        rows=len(labels),
        range=time_range(stamps),
        loss=loss,
        accuracy=float(np.trace(confusion) / len(labels)),
        majority_baseline=float(occurring.max() / len(labels)),
        recall={
            name: float(confusion[i, i] / occurring[i]) if occurring[i] else None for i, name in enumerate(CLASSES)
        },
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
    )


def time_range(stamps: NDArray[np.int64]) -> TimeRange:
    """Return the first and the last of some stamps, in any order."""
    return TimeRange(start=format_stamp(int(stamps.min())), end=format_stamp(int(stamps.max())))
