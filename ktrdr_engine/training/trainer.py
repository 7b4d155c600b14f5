"""From a strategy and prices to a model: one pure function, the same weights every time.

It reads no file and no clock but the one it is given. Saving is `inference.bundle`'s matter, the operation around a
training is not known here.
"""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

import torch

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.errors import DataError
from ktrdr_engine.features.plan import FeaturePlan
from ktrdr_engine.inference.bundle import ModelBundle
from ktrdr_engine.inference.metadata import Architecture, ModelMetadata, Normalization, SplitMetrics, TimeRange
from ktrdr_engine.inference.network import build_network
from ktrdr_engine.strategy.library import Strategy
from ktrdr_engine.strategy.schema import Training
from ktrdr_engine.training.dataset import Rows, fit_normalization, parted_rows
from ktrdr_engine.training.fitting import Epoch, Examples, Fitted, Listener, fit
from ktrdr_engine.training.scoring import score, time_range

_LIBRARIES: Final = ("ktrdr", "numpy", "TA-Lib", "torch")


class _Learned(NamedTuple):
    """What a training was told and what came of it, but for the weights."""

    training: Training
    architecture: Architecture
    normalization: Normalization
    training_range: TimeRange
    scores: dict[str, SplitMetrics]
    fitted: Fitted


def train(
    strategy: Strategy,
    series: Sequence[BarSeries],
    *,
    seed: int | None = None,
    created_at: datetime | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> ModelBundle:
    """Train the strategy's network on prices.

    Rows are parted by time and purged by the reach of their labels; normalisation and weights see the training part
    alone, early stopping the validation part, nothing the test part. It runs in the calling thread only, and equal
    arguments give equal weights on the same machine, whatever else the process does.

    Args:
        strategy: What to train.
        series: Prices of one or more symbols in the strategy's timeframe.
        seed: Of the first weights, the order of rows and dropout; the strategy's own when None.
        created_at: Written into the model; now when None. It does not touch the weights.
        on_epoch: Called after each epoch.
        should_stop: Asked before each batch; True ends the training.

    Raises:
        DataError: A series has other bars than the strategy, or too few rows can be learned from.
        OperationCancelled: `should_stop` said so.
    """
    config, plan = strategy.config, strategy.config.feature_plan()
    _check(series, plan)
    training = config.training if seed is None else config.training.model_copy(update={"seed": seed})
    rows = parted_rows(config, plan, series)
    normalization = fit_normalization(plan, rows["train"].features)
    examples = {part: _examples(found, normalization) for part, found in rows.items()}
    architecture = Architecture(**config.model.model_dump()["architecture"])
    network = build_network(architecture, len(plan.names))
    fitted = fit(network, examples["train"], examples["validation"], training, Listener(on_epoch, should_stop))
    scores = {part: score(network, examples[part], rows[part].stamps) for part in examples}
    learned = _Learned(training, architecture, normalization, time_range(rows["train"].stamps), scores, fitted)
    return ModelBundle.of(_metadata(strategy, series, learned, created_at or datetime.now(UTC)), network)


def _metadata(
    strategy: Strategy, series: Sequence[BarSeries], learned: _Learned, created_at: datetime
) -> ModelMetadata:
    config, plan = strategy.config, strategy.config.feature_plan()
    return ModelMetadata(
        strategy=config.as_mapping(),
        strategy_name=config.name,
        strategy_sha256=strategy.sha256,
        feature_plan=plan,
        feature_names=plan.names,
        architecture=learned.architecture,
        normalization=learned.normalization,
        symbols=tuple(one.symbol for one in series),
        timeframes=(plan.timeframe,),
        training_range=learned.training_range,
        labels=learned.training.labels.model_dump(mode="json"),
        metrics=learned.scores,
        epochs_run=learned.fitted.epochs_run,
        best_epoch=learned.fitted.best_epoch,
        seed=learned.training.seed,
        versions=_versions(),
        created_at=f"{created_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    )


def _check(series: Sequence[BarSeries], plan: FeaturePlan) -> None:
    if not series:
        raise DataError("There are no prices to train on. Give at least one series.")
    for one in series:
        if one.timeframe != plan.timeframe:
            raise DataError(
                f"The strategy works on {plan.timeframe} bars, {one.symbol} was given in {one.timeframe}. "
                f"Give {plan.timeframe} bars.",
                details={"strategy_timeframe": plan.timeframe, "timeframe": str(one.timeframe)},
            )


def _examples(rows: Rows, normalization: Normalization) -> Examples:
    # In float32 and in this order, as the model will do it when it predicts.
    features = (torch.from_numpy(rows.features) - torch.tensor(normalization.shift)) * torch.tensor(normalization.scale)
    return Examples(features, torch.from_numpy(rows.labels))


def _versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in _LIBRARIES}
