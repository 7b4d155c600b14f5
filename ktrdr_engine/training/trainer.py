"""From a strategy and prices to a model: one pure function, the same weights every time.

It reads no file and no clock but the one it is given. Saving is `inference.bundle`'s matter, the operation around a
training is not known here.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final, NamedTuple

import numpy as np
import torch

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.errors import OperationCancelled
from ktrdr_engine.inference.bundle import ModelBundle
from ktrdr_engine.inference.digest import make_digest
from ktrdr_engine.inference.metadata import (
    AnyArchitecture,
    Architecture,
    ModelMetadata,
    Normalization,
    ReadBars,
    RecurrentArchitecture,
    SplitMetrics,
)
from ktrdr_engine.inference.network import build_network
from ktrdr_engine.provenance import library_version
from ktrdr_engine.strategy.library import Strategy
from ktrdr_engine.strategy.schema import Model, Training
from ktrdr_engine.training.dataset import Rows, fit_normalization, parted_rows
from ktrdr_engine.training.fitting import Examples, Fitted, Listener, fit
from ktrdr_engine.training.markets import Market, markets
from ktrdr_engine.training.scoring import score, time_range

_LIBRARIES: Final = ("ktrdr", "numpy", "TA-Lib", "torch")


class Material(NamedTuple):
    """What a training learns from: all that can be wrong with it was found, only the fitting is left.

    Attributes:
        training: The strategy's settings, with the seed that is used.
        rows: By part: train, validation, test; features before normalisation.
        read_bars: What setting and choosing the weights reads.
    """

    strategy: Strategy
    training: Training
    symbols: tuple[str, ...]
    rows: dict[str, Rows]
    read_bars: tuple[ReadBars, ...]


class _Learned(NamedTuple):
    """What a training was told and what came of it, but for the weights."""

    material: Material
    architecture: AnyArchitecture
    normalization: Normalization
    scores: dict[str, SplitMetrics]
    fitted: Fitted
    partial: bool


def gather(
    strategy: Strategy, series: Sequence[BarSeries], *, since: int | None = None, seed: int | None = None
) -> Material:
    """Compute features and labels, and part them by time.

    Args:
        strategy: What to train.
        series: Prices of one or more symbols, each in every timeframe of the strategy.
        since: The first bar to learn from, ns UTC; those before only settle the indicators. None: the first there is.
        seed: Instead of the strategy's own.

    Raises:
        DataError: A series has other bars than the strategy, bars of a timeframe are missing, or too few rows can be
            learned from.
    """
    config, plan = strategy.config, strategy.config.feature_plan()
    training = config.training if seed is None else config.training.model_copy(update={"seed": seed})
    rows = parted_rows(config, plan, series, since)
    by_symbol = markets(plan, series, since)
    read = tuple(_read_bars(by_symbol, rows, training))
    return Material(strategy, training, tuple(market.base.symbol for market in by_symbol), rows, read)


def _read_bars(by_symbol: Sequence[Market], rows: dict[str, Rows], training: Training) -> Iterator[ReadBars]:
    """Yield the bars that make the weights what they are; the test part only examines them.

    From the first bar given on, since all of them settle the indicators, to the last that a label depends on.
    """
    parts = [rows["train"], *([rows["validation"]] if training.early_stopping else [])]
    for place, (base, higher) in enumerate(by_symbol):
        known = [part.known[part.market == place] for part in parts]
        last = max((int(one.max()) for one in known if len(one)), default=None)
        if last is None:
            continue
        first = min(int(one.timestamp[0]) for one in (base, *higher))
        count = int(np.searchsorted(base.timestamp, last, side="right"))
        digest = make_digest(base.timestamp[:count], base.close[:count])
        yield ReadBars(symbol=base.symbol, start=format_stamp(first), end=format_stamp(last), digest=digest)


def train(
    strategy: Strategy,
    series: Sequence[BarSeries],
    *,
    seed: int | None = None,
    created_at: datetime | None = None,
    listener: Listener | None = None,
) -> ModelBundle:
    """Train the strategy's network on prices: `gather`, then `train_on`.

    Args:
        strategy: What to train.
        series: Prices of one or more symbols, each in every timeframe of the strategy.
        seed: Of the first weights, the order of rows and dropout; the strategy's own when None.
        created_at: As in `train_on`.
        listener: As in `train_on`.

    Raises:
        DataError: As `gather`.
        EngineError: As `train_on`.
        OperationCancelled: As `train_on`.
    """
    return train_on(gather(strategy, series, seed=seed), created_at=created_at, listener=listener)


def train_on(
    material: Material, *, created_at: datetime | None = None, listener: Listener | None = None
) -> ModelBundle:
    """Train the strategy's network.

    Rows are parted by time and purged by the reach of their labels; normalisation and weights see the training part
    alone, early stopping the validation part, nothing the test part. It runs in the calling thread only, and equal
    arguments give equal weights on the same machine, whatever else the process does.

    Args:
        material: What to learn from.
        created_at: Written into the model; now when None. It does not touch the weights.
        listener: Hears of epochs and batches, and may end the training before any batch.

    Raises:
        EngineError: The training diverged.
        OperationCancelled: The listener said so. `partial` is the model as of the last whole epoch, marked partial;
            None when there was no whole epoch.
    """
    heard = listener or Listener()
    config, plan = material.strategy.config, material.strategy.config.feature_plan()
    normalization = fit_normalization(plan, material.rows["train"].features)
    examples = {part: _examples(found, normalization) for part, found in material.rows.items()}
    architecture = _architecture(config.model)
    network = build_network(architecture, len(plan.names), plan.lags + 1)

    def bundle(fitted: Fitted, *, is_partial: bool) -> ModelBundle:
        told = heard.examined if is_partial else heard.scored
        scores = {
            part: score(network, rows, material.rows[part].stamps, partial(told, part))
            for part, rows in examples.items()
        }
        learned = _Learned(material, architecture, normalization, scores, fitted, is_partial)
        return ModelBundle.of(_metadata(learned, created_at or datetime.now(UTC)), network)

    try:
        fitted = fit(network, examples["train"], examples["validation"], material.training, heard)
    except OperationCancelled as stop:
        done = bundle(stop.partial, is_partial=True) if isinstance(stop.partial, Fitted) else None
        raise OperationCancelled(stop.message, partial=done) from None
    return bundle(fitted, is_partial=False)


def _architecture(model: Model) -> AnyArchitecture:
    fields = model.model_dump()["architecture"]
    return Architecture(**fields) if model.type == "mlp" else RecurrentArchitecture(type=model.type, **fields)


def _metadata(learned: _Learned, created_at: datetime) -> ModelMetadata:
    material = learned.material
    config, plan = material.strategy.config, material.strategy.config.feature_plan()
    return ModelMetadata(
        strategy=config.as_mapping(),
        strategy_name=config.name,
        strategy_sha256=material.strategy.sha256,
        feature_plan=plan,
        feature_names=plan.names,
        architecture=learned.architecture,
        normalization=learned.normalization,
        symbols=material.symbols,
        timeframes=plan.timeframes,
        training_range=time_range(material.rows["train"].stamps),
        read_bars=material.read_bars,
        labels=material.training.labels.model_dump(mode="json"),
        metrics=learned.scores,
        epochs_run=learned.fitted.epochs_run,
        best_epoch=learned.fitted.best_epoch,
        seed=material.training.seed,
        partial=learned.partial,
        versions=_versions(),
        created_at=format_stamp(int(created_at.timestamp()) * 10**9 + created_at.microsecond * 1000),
    )


def _examples(rows: Rows, normalization: Normalization) -> Examples:
    # In float32 and in this order, as the model will do it when it predicts.
    features = (torch.from_numpy(rows.features) - torch.tensor(normalization.shift)) * torch.tensor(normalization.scale)
    return Examples(features, torch.from_numpy(rows.labels))


def _versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: library_version(name) for name in _LIBRARIES}
