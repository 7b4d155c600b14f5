"""Operations, runs and trainings made up for tests: random walks with a seed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.charts.epochs import Epochs, epochs_of
from ktrdr_engine.charts.gathering import Subject
from ktrdr_engine.charts.run import Prices, Run, Scope, Trades
from ktrdr_engine.operations.models import Operation, OperationStatus, OperationType

HOUR = 3_600_000_000_000
START = int(np.datetime64("2017-01-02", "ns").astype(np.int64))
NOW = datetime(2025, 1, 3, tzinfo=UTC)
REQUEST = {
    "symbol": "EURUSD",
    "timeframe": "1h",
    "strategy_config_path": "strategies/rsi_mean_reversion.yaml",
    "initial_capital": 100_000.0,
}
Floats = NDArray[np.float64]


def operation(
    status: OperationStatus = OperationStatus.COMPLETED,
    kind: OperationType = OperationType.BACKTESTING,
    results: dict[str, Any] | None = None,
    **metadata: Any,
) -> Operation:
    return Operation(
        operation_id="op_backtest_20250103_k3v9x2m7qa",
        operation_type=kind,
        status=status,
        metadata={**REQUEST, **metadata},
        results=results,
        created_at=NOW,
        updated_at=NOW,
    )


def walk(bars: int, seed: int = 1, *, first: float = 100_000.0, step: float = 0.002) -> Floats:
    return np.asarray(first * np.cumprod(1 + np.random.default_rng(seed).normal(0, step, bars)), np.float64)


def stamps(bars: int) -> NDArray[np.int64]:
    return START + np.arange(bars, dtype=np.int64) * HOUR


def trades(count: int, bars: int, seed: int = 2) -> Trades:
    random = np.random.default_rng(seed)
    gain = random.normal(0, 0.01, count)
    entry = np.sort(random.integers(0, bars - 1, count))
    return Trades(
        side=np.where(random.random(count) < 0.3, -1, 1),
        entry_time=START + entry * HOUR,
        exit_time=START + (entry + 1) * HOUR,
        entry_price=np.full(count, 1.1),
        exit_price=1.1 * (1 + gain),
        quantity=np.full(count, 1_000.0),
        pnl=gain * 1_100,
        gain=gain,
        exit_reason=[("signal", "stop_loss")[index % 2] for index in range(count)],
        mae=np.abs(gain) + 0.001,
        mfe=np.abs(gain) + 0.002,
        bars_held=np.ones(count),
    )


def prices(bars: int) -> Prices:
    close = walk(bars, 3, first=1.1)
    return Prices(stamps(bars), close, float(close[0]))


def run(
    bars: int = 2_000,
    count: int = 40,
    *,
    scope: Scope = Scope.WHOLE,
    made: Operation | None = None,
    with_prices: bool = True,
) -> Run:
    return Run(
        made or operation(),
        scope,
        stamps(bars),
        walk(bars),
        100_000.0,
        trades(count, bars) if count else Trades.from_table({}),
        prices(bars) if with_prices else None,
    )


def epoch_entries(count: int) -> list[dict[str, Any]]:
    return [
        {
            "epoch": epoch,
            "train_loss": 1 / epoch,
            "validation_loss": 1.1 / epoch,
            "train_accuracy": 1 - 0.5 / epoch,
            "validation_accuracy": None if epoch == 1 else 1 - 0.6 / epoch,
            "note": "text",
            "is_best": epoch == 3,
        }
        for epoch in range(1, count + 1)
    ]


def epochs(count: int = 8) -> Epochs:
    return epochs_of(operation(kind=OperationType.TRAINING), epoch_entries(count))


def training() -> Subject:
    made = operation(kind=OperationType.TRAINING, results={"best_epoch": 3, "test_accuracy": 0.5, "seed": 7})
    return Subject(made, epochs=epochs_of(made, epoch_entries(50)))
