"""A strategy that uses every section and every kind of value the schema has."""

from __future__ import annotations

import copy
from typing import Any

import pytest

COMPLETE: dict[str, Any] = {
    "name": "complete",
    "version": "1.0.0",
    "description": "Every section.",
    "training_data": {
        "symbols": {"mode": "single", "symbol": "EURUSD"},
        "timeframes": {"mode": "single", "timeframe": "1h"},
        "history_required": 200,
    },
    "indicators": {
        "rsi_14": {"type": "rsi", "period": 14},
        "macd": {"type": "macd", "fast_period": 12, "slow_period": 26, "signal_period": 9},
    },
    "fuzzy_sets": {
        "rsi_zone": {
            "indicator": "rsi_14",
            "oversold": [0, 20, 35],
            "neutral": [30, 45, 55, 70],
            "overbought": {"type": "triangular", "parameters": [65, 80, 100]},
        },
        "macd_trend": {
            "indicator": "macd.histogram",
            "falling": {"type": "gaussian", "parameters": [-0.002, 0.002]},
            "rising": {"type": "sigmoid", "parameters": [0.0, 1000]},
        },
    },
    "nn_inputs": [
        {"fuzzy_set": "rsi_zone", "timeframes": "all"},
        {"fuzzy_set": "macd_trend", "timeframes": ["1h"]},
        {"raw_indicator": "rsi_14", "normalization": "minmax"},
        {"raw_indicator": "macd.line", "normalization": "zscore"},
    ],
    "model": {
        "type": "mlp",
        "architecture": {"hidden_layers": [50, 25], "activation": "relu", "dropout": 0.2},
        "features": {"lookback_periods": 2},
    },
    "decisions": {
        "output_format": "classification",
        "confidence_threshold": 0.6,
        "position_awareness": True,
        "allow_short_from_flat": False,
        "filters": {"min_signal_separation": 4},
    },
    "execution": {
        "position_fraction": 1.0,
        "fractional_units": True,
        "stop_loss": 0.02,
        "take_profit": None,
        "trailing_stop": None,
    },
    "training": {
        "labels": {"source": "zigzag", "threshold": 0.03, "lookahead": 20},
        "epochs": 100,
        "learning_rate": 0.001,
        "batch_size": 32,
        "data_split": {"train": 0.7, "validation": 0.15, "test": 0.15},
        "early_stopping": {"patience": 15, "min_delta": 0.001},
        "seed": 7,
    },
}


@pytest.fixture
def complete() -> dict[str, Any]:
    return copy.deepcopy(COMPLETE)
