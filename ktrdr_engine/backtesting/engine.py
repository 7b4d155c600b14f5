"""The engine of one backtest: features, predictions, decisions, event loop, numbers. Arrays all the way.

It runs in whatever thread calls it and knows no operation: a bridge and a token are all it shares with the outside.
"""

from __future__ import annotations

import importlib.metadata
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from ktrdr_engine import __version__
from ktrdr_engine.backtesting.models import BacktestResults, Provenance
from ktrdr_engine.errors import OperationCancelled
from ktrdr_engine.features.matrix import build_features
from ktrdr_engine.metrics.performance import summarise
from ktrdr_engine.simulation.decisions import Decisions, decide
from ktrdr_engine.simulation.models import SimulationRules
from ktrdr_engine.simulation.simulator import Simulation, simulate

if TYPE_CHECKING:
    from ktrdr_engine.backtesting.job import BacktestJob
    from ktrdr_engine.backtesting.progress_bridge import BacktestProgressBridge
    from ktrdr_engine.operations.cancellation import CancellationToken

_LIBRARIES = ("numba", "numpy", "pandas", "TA-Lib", "torch")
