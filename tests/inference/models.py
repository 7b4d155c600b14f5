"""Small models for tests: a plan, its metadata, a network with weights drawn from a seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ktrdr_engine.features.matrix import FeatureMatrix
from ktrdr_engine.features.plan import FeaturePlan, FuzzyInput, IndicatorPlan, MembershipPlan, RawInput
from ktrdr_engine.inference.bundle import ModelBundle
from ktrdr_engine.inference.metadata import (
    CLASSES,
    Activation,
    Architecture,
    ModelMetadata,
    Normalization,
    SplitMetrics,
    TimeRange,
)
from ktrdr_engine.inference.network import build_network

PLAN = FeaturePlan(
    timeframe="1h",
    indicators=(IndicatorPlan("rsi_14", "rsi", (("period", 14),)),),
    inputs=(
        FuzzyInput(
            "zone",
            "rsi_14",
            None,
            (MembershipPlan("low", "triangular", (0, 20, 35)), MembershipPlan("high", "triangular", (65, 80, 100))),
        ),
        RawInput("rsi_14", None, "minmax"),
    ),
    lags=1,
)


def metadata(
    plan: FeaturePlan = PLAN, activation: Activation = "relu", layers: tuple[int, ...] = (8, 4), **changes: Any
) -> ModelMetadata:
    width = len(plan.names)
    split = SplitMetrics(
        rows=0, range=None, loss=None, accuracy=None, majority_baseline=None,
        recall=dict.fromkeys(CLASSES), confusion=((0, 0, 0),) * 3,
    )  # fmt: skip
    values: dict[str, Any] = {
        "strategy": {"name": "s"}, "strategy_name": "s", "strategy_sha256": "0" * 64,
        "feature_plan": plan, "feature_names": plan.names,
        "architecture": Architecture(hidden_layers=layers, activation=activation, dropout=0.2),
        "normalization": Normalization(shift=(0.0,) * width, scale=(1.0,) * width),
        "symbols": ("EURUSD",), "timeframes": ("1h",),
        "training_range": TimeRange(start="2017-01-01T00:00:00Z", end="2017-06-01T00:00:00Z"),
        "labels": {}, "metrics": {"train": split}, "epochs_run": 1, "best_epoch": 1, "seed": 1,
        "versions": {}, "created_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    return ModelMetadata(**(values | changes))


def bundle(seed: int = 0, **changes: Any) -> ModelBundle:
    described = metadata(**changes)
    network = build_network(described.architecture, len(described.feature_names), described.feature_plan.lags + 1)
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        parameter.data.normal_(generator=generator)
    return ModelBundle.of(described, network)


def matrix(rows: int, plan: FeaturePlan = PLAN, seed: int = 0) -> FeatureMatrix:
    values = np.random.default_rng(seed).random((rows, len(plan.base_names)), dtype=np.float32)
    return FeatureMatrix(plan.names, values, plan.lags)
