from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ktrdr_engine.backtesting.job import BacktestJob, prepare
from ktrdr_engine.backtesting.models import BacktestRequest
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.inference.library import ModelLibrary
from ktrdr_engine.strategy.library import StrategyLibrary

MAIN_JOB: dict[str, Any] = {
    "symbol": "EURUSD",
    "timeframe": "1h",
    "strategy_config_path": "strategies/rsi_mean_reversion.yaml",
    "model_path": "models/rsi_mlp_v1.0.0.pt",
    "start_date": "2017-01-02",
    "end_date": "2017-12-29",
}
SWING: dict[str, Any] = {
    "symbol": "SPX",
    "timeframe": "1d",
    "strategy_config_path": "long_short_swing",
    "start_date": "2001-01-01",
    "end_date": "2018-12-31",
}
TREND: dict[str, Any] = {
    "symbol": "AAPL",
    "timeframe": "1d",
    "strategy_config_path": "trend_following",
    "start_date": "2001-01-01",
    "end_date": "2013-01-31",
}
RULES: dict[str, Any] = TREND | {"strategy_config_path": "trend_rules"}

JobMaker = Callable[[dict[str, Any]], BacktestJob]


@pytest.fixture
def job_of(strategies: StrategyLibrary, models: ModelLibrary, bar_store: BarStore) -> JobMaker:
    def make(arguments: dict[str, Any]) -> BacktestJob:
        return prepare(BacktestRequest.parse(arguments), strategies, models, bar_store)

    return make
