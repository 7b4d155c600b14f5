"""What is found to draw, of operations in every state and place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.charts.drawing import kinds_of
from ktrdr_engine.charts.gathering import gather
from ktrdr_engine.charts.run import Scope
from ktrdr_engine.operations.bridge import ProgressBridge
from ktrdr_engine.operations.history import Bucket
from ktrdr_engine.operations.models import OperationType, Outcome
from ktrdr_engine.operations.service import OperationsService
from tests.charts.material import REQUEST
from tests.mcp.held import open_held
from tests.operations.work import Gate, ended

EMPTY = BarStore(())


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_running_backtest_shows_what_it_has_reached() -> None:
    async with open_held() as held:
        import anyio.to_thread

        from ktrdr_engine.backtesting.models import BacktestRequest

        request = BacktestRequest.parse(
            {
                "symbol": "HELD",
                "timeframe": "1h",
                "strategy_config_path": "strategies/x.yaml",
                "start_date": "2017-01-02",
                "end_date": "2017-12-29",
            }
        )
        operation_id = await held.backtesting.run_backtest(request)
        assert await anyio.to_thread.run_sync(held.backtesting.running.wait, 8)
        subject = await gather(held.operations, lambda: EMPTY, operation_id)
        assert subject.run is not None
        assert subject.run.scope is Scope.SO_FAR
        assert subject.run.equity.tolist() == [100_000 + bar * 1.5 for bar in range(0, 500, 50)]
        assert len(subject.run.trades) == 1
        assert "not on this side" in subject.run.remarks[0]
        assert kinds_of(subject) == ("overview", "monthly", "trades")
        held.backtesting.release.set()


async def _finished(service: OperationsService, outcome: Outcome, bridge: ProgressBridge | None = None) -> str:
    work = Gate(outcome)
    work.open()
    operation = await service.create_operation(OperationType.TRAINING, REQUEST)
    service.run_local(operation.operation_id, work, bridge or ProgressBridge(operation.operation_id))
    await ended(service, operation.operation_id)
    return operation.operation_id


async def test_tables_come_before_the_history_and_prices_beside_them(bar_store: BarStore) -> None:
    series = bar_store.load("EURUSD", "1h").between(100, 200)
    equity = {"timestamp": series.timestamp.view("datetime64[ns]"), "equity": np.full(100, 5.0)}
    held = float(series.close[-1] / series.open[0]) - 1
    async with OperationsService() as service:
        operation_id = await _finished(service, Outcome({"buy_and_hold_return": held}, {"equity": equity}))
        subject = await gather(service, lambda: bar_store, operation_id)
        assert subject.run is not None
        assert subject.run.prices is not None
        assert subject.run.prices.close.tolist() == series.close.tolist()
        assert subject.run.remarks == ()
        assert len(subject.run.trades) == 0


async def test_prices_that_have_changed_are_left_out_and_that_is_said(bar_store: BarStore) -> None:
    series = bar_store.load("EURUSD", "1h").between(100, 200)
    equity = {"timestamp": series.timestamp.view("datetime64[ns]"), "equity": np.full(100, 5.0)}
    async with OperationsService() as service:
        operation_id = await _finished(service, Outcome({"buy_and_hold_return": 0.5}, {"equity": equity}))
        subject = await gather(service, lambda: bar_store, operation_id)
        assert subject.run is not None
        assert subject.run.prices is None
        assert "has changed since the run" in subject.run.remarks[0]


async def test_a_run_without_a_bar_shows_nothing(tmp_path: Path) -> None:
    equity = {"timestamp": np.array([], "datetime64[ns]"), "equity": np.array([])}
    async with OperationsService() as service:
        operation_id = await _finished(service, Outcome({}, {"equity": equity}))
        assert kinds_of(await gather(service, lambda: EMPTY, operation_id)) == ()


class Trainer(ProgressBridge):
    """A bridge that records more epochs than one page of history holds."""

    def __init__(self, count: int) -> None:
        bucket = Bucket("epochs", {"epoch": "q", "train_loss": "d", "is_best": "?"}, limit=5_000)
        super().__init__("op_training_20250103_k3v9x2m7qa", events=(bucket,))
        for epoch in range(1, count + 1):
            self.record("epochs", epoch, 1 / epoch, epoch == 700)


async def test_epochs_are_gathered_over_all_pages() -> None:
    async with OperationsService() as service:
        operation_id = await _finished(service, Outcome({}), Trainer(1_200))
        subject = await gather(service, lambda: EMPTY, operation_id)
        assert subject.epochs is not None
        assert (len(subject.epochs.epoch), subject.epochs.best) == (1_200, 700)
        assert kinds_of(subject) == ("training",)
