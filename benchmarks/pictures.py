"""How long a picture or a report of a long run takes, once matplotlib is loaded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

from benchmarks.report import Measurement
from ktrdr_engine.charts.drawing import draw, kinds_of
from ktrdr_engine.charts.gathering import Subject
from ktrdr_engine.charts.run import Prices, Run, Scope, Trades
from ktrdr_engine.operations.models import Operation, OperationStatus, OperationType, utc_now
from ktrdr_engine.reports.gathering import Material
from ktrdr_engine.reports.origins import ModelPart, StrategyPart
from ktrdr_engine.reports.page import render

ResultT = TypeVar("ResultT")

_BARS = 1_000_000
_TRADES = 20_000
_MINUTE = 60_000_000_000
_START = 1_483_315_200_000_000_000
_CAPITAL = 100_000.0
_TIMES = 3


def pictures() -> Iterator[Measurement]:
    """Draw each kind of chart of a million bars, and write their report."""
    subject = Subject(_operation(), _run())
    for kind in kinds_of(subject):
        seconds, chart = _best(lambda kind=kind: draw(subject, kind, "dark"))  # type: ignore[misc]  # a lambda with a default
        yield Measurement(f"{kind} of 1M bars", seconds, "s", 1.0)
        yield Measurement(f"{kind}, size", len(chart.png) / 1_000, "KB", 200)
    seconds, page = _best(lambda: render(Material(subject, StrategyPart(), ModelPart())))
    yield Measurement("report of 1M bars", seconds, "s", 3.0)
    yield Measurement("report, size", len(page.encode()) / 1e6, "MB", 8)


def _best(work: Callable[[], ResultT]) -> tuple[float, ResultT]:
    """Return the shortest time after one that loads what is needed, and the result."""
    result, seconds = work(), []
    for _ in range(_TIMES):
        began = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - began)
    return min(seconds), result


def _operation() -> Operation:
    return Operation(
        operation_id="op_backtest_20250103_k3v9x2m7qa",
        operation_type=OperationType.BACKTESTING,
        status=OperationStatus.COMPLETED,
        metadata={"symbol": "EURUSD", "timeframe": "1m", "strategy_config_path": "strategies/long.yaml"},
        results={"total_trades": _TRADES},
        created_at=utc_now(),
        updated_at=utc_now(),
    )


def _run() -> Run:
    random = np.random.default_rng(1)
    stamps = _START + np.arange(_BARS, dtype=np.int64) * _MINUTE
    equity = np.asarray(_CAPITAL * np.cumprod(1 + random.normal(0, 0.0005, _BARS)), np.float64)
    close = np.asarray(1.1 * np.cumprod(1 + random.normal(0, 0.0005, _BARS)), np.float64)
    entries = np.sort(random.integers(0, _BARS - 1, _TRADES))
    gain = random.normal(0, 0.01, _TRADES)
    trades = Trades(
        side=np.where(gain > 0.005, -1, 1),
        entry_time=stamps[entries],
        exit_time=stamps[entries + 1],
        entry_price=close[entries],
        exit_price=close[entries] * (1 + gain),
        quantity=np.ones(_TRADES),
        pnl=gain * _CAPITAL,
        gain=gain,
        exit_reason=["signal"] * _TRADES,
        mae=np.abs(gain),
        mfe=np.abs(gain),
        bars_held=np.ones(_TRADES),
    )
    return Run(_operation(), Scope.WHOLE, stamps, equity, _CAPITAL, trades, Prices(stamps, close, float(close[0])))
