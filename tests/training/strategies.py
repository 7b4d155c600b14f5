"""A strategy small enough to be trained within a test."""

from __future__ import annotations

import hashlib
from typing import Any

from ktrdr_engine.strategy.library import Strategy
from ktrdr_engine.strategy.loader import check_mapping


def tiny(training: dict[str, Any] | None = None, **sections: Any) -> Strategy:
    root: dict[str, Any] = {
        "name": "tiny",
        "training_data": {
            "symbols": {"mode": "single", "symbol": "WAVE"},
            "timeframes": {"mode": "single", "timeframe": "1h"},
        },
        "indicators": {"rsi_5": {"type": "rsi", "period": 5}, "roc_3": {"type": "roc", "period": 3}},
        "fuzzy_sets": {"zone": {"indicator": "rsi_5", "low": [0, 0, 30, 50], "high": [50, 70, 100, 100]}},
        "nn_inputs": [
            {"fuzzy_set": "zone"},
            {"raw_indicator": "rsi_5", "normalization": "minmax"},
            {"raw_indicator": "roc_3", "normalization": "zscore"},
        ],
        "model": {
            "type": "mlp",
            "architecture": {"hidden_layers": [6], "activation": "tanh", "dropout": 0.1},
            "features": {"lookback_periods": 1},
        },
        "training": {
            "labels": {"source": "forward_return", "threshold": 0.01, "lookahead": 5},
            "epochs": 4,
            "learning_rate": 0.01,
            "seed": 3,
        }
        | (training or {}),
    }
    config = check_mapping(root | sections, "tiny.yaml")
    return Strategy(config, "", hashlib.sha256(b"").hexdigest(), "tiny.yaml")
