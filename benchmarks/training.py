"""How fast a training is against the plainest loop of torch on the same network and rows."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import nn

from benchmarks.report import Measurement
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.inference.metadata import CLASSES, Architecture
from ktrdr_engine.inference.network import build_network
from ktrdr_engine.strategy.library import StrategyLibrary
from ktrdr_engine.strategy.schema import Training
from ktrdr_engine.training.fitting import Examples, Listener, class_weights, fit
from ktrdr_engine.training.progress_bridge import TrainingProgressBridge
from ktrdr_engine.training.trainer import gather

_EPOCHS = 4
_PAIRS = 12


def throughput() -> Iterator[Measurement]:
    """Time the fitting of the shipped RSI strategy, with progress and cancellation, and a plain loop, in turns."""
    roots = (shipped_root(),)
    strategy = StrategyLibrary(roots).load("rsi_mean_reversion")
    material = gather(strategy, [BarStore(roots).load("EURUSD", "1h")])
    settings = material.training.model_copy(update={"epochs": _EPOCHS, "early_stopping": None})
    train, validation = (
        Examples(torch.from_numpy(rows.features), torch.from_numpy(rows.labels))
        for rows in (material.rows["train"], material.rows["validation"])
    )
    architecture = Architecture(**strategy.config.model.model_dump()["architecture"])
    ours = partial(_fitted, architecture, train, validation, settings)
    seconds, ratio = _in_turns(ours, partial(_plainly_fitted, architecture, train, validation, settings))
    rows = _EPOCHS * len(train.labels) / seconds
    yield Measurement(
        "training, rows learned a second", 1e-3 * rows, "k rows/s", note=f"batches of {settings.batch_size}"
    )
    note = "the same network with torch's own Dropout and Adam; median of pairs, run in turns"
    yield Measurement("training over a plain torch loop, rows a second", ratio, "x", 0.8, True, note)


def _in_turns(ours: Callable[[], None], plain: Callable[[], None]) -> tuple[float, float]:
    """Return the median seconds of `ours`, and the median of how many times faster than `plain` it was."""
    ours()
    plain()  # torch imports its compiler with the first step of its Adam
    samples: list[float] = []
    ratios: list[float] = []
    for _ in range(_PAIRS):
        begun = time.perf_counter()
        ours()
        between = time.perf_counter()
        plain()
        samples.append(between - begun)
        ratios.append((time.perf_counter() - between) / samples[-1])
    return statistics.median(samples), statistics.median(ratios)


def _fitted(architecture: Architecture, train: Examples, validation: Examples, settings: Training) -> None:
    bridge = TrainingProgressBridge("op_training_20250101_aaaaaaaaaa", "X", settings.epochs, len(train.labels))
    network = build_network(architecture, train.features.shape[1])
    fit(network, train, validation, settings, Listener(on_batch=bridge.report_batch, should_stop=lambda: False))


def _plainly_fitted(architecture: Architecture, train: Examples, validation: Examples, settings: Training) -> None:
    network = _plain_network(architecture, train.features.shape[1])
    criterion = nn.CrossEntropyLoss(weight=class_weights(train.labels))
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    for _ in range(settings.epochs):
        network.train()
        for batch in torch.split(torch.randperm(len(train.labels)), settings.batch_size):
            optimizer.zero_grad()
            criterion(network(train.features[batch]), train.labels[batch]).backward()
            optimizer.step()
        network.eval()
        with torch.inference_mode():
            criterion(network(validation.features), validation.labels).item()


def _plain_network(architecture: Architecture, n_features: int) -> nn.Sequential:
    widths = [n_features, *architecture.hidden_layers]
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU(), nn.Dropout(architecture.dropout)]
    return nn.Sequential(*layers, nn.Linear(widths[-1], len(CLASSES)))
