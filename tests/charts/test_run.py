"""From tables and histories to arrays."""

from __future__ import annotations

import numpy as np
import pytest

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.charts.columns import from_entries
from ktrdr_engine.charts.run import Prices, Scope, Trades, finished_run, is_of_run, run_so_far
from ktrdr_engine.operations.models import OperationStatus, Table
from tests.charts.material import HOUR, START, operation, run, stamps

TRADE = {
    "trade_type": "SHORT",
    "entry_time": "2017-01-02T00:00:00Z",
    "exit_time": "2017-01-02T01:00:00Z",
    "entry_price": 1.1,
    "exit_price": 1.2,
    "quantity": -10.0,
    "pnl": None,
    "return": -0.1,
    "exit_reason": "signal",
}


def test_rows_from_a_worker_and_columns_from_a_file_are_the_same() -> None:
    near: Table = {"timestamp": np.array([START, START + HOUR], "datetime64[ns]"), "equity": np.array([1.0, np.nan])}
    far: Table = {"timestamp": ["2017-01-02T00:00:00Z", "2017-01-02T01:00:00Z"], "equity": [1.0, None]}
    for table in (near, far):
        made = finished_run(operation(), table, {})
        assert made is not None
        assert made.stamps.tolist() == [START, START + HOUR]
        assert made.equity[0] == 1.0
        assert np.isnan(made.equity[1])


def test_a_trade_keeps_its_side_and_what_is_undefined() -> None:
    made = Trades.from_table(from_entries([TRADE]))
    assert (made.side.tolist(), made.quantity.tolist(), made.exit_reason) == ([-1], [10.0], ["signal"])
    assert np.isnan(made.pnl[0])
    assert made.mae is None


def test_a_run_that_never_reached_a_bar_is_none() -> None:
    assert finished_run(operation(), {"timestamp": np.array([], "datetime64[ns]"), "equity": []}, {}) is None


def test_partial_results_are_a_partial_run() -> None:
    table: Table = {"timestamp": np.array([START], "datetime64[ns]"), "equity": [1.0]}
    made = finished_run(operation(results={"partial": True, "initial_capital": 5.0}), table, {})
    assert made is not None
    assert (made.scope, made.initial_capital) == (Scope.PARTIAL, 5.0)


def test_a_history_becomes_the_equity_so_far() -> None:
    bars = from_entries([{"timestamp": "2017-01-02T00:00:00Z", "pnl": -50.0}])
    made = run_so_far(operation(OperationStatus.RUNNING), bars, from_entries([TRADE]))
    assert (made.scope, made.equity.tolist(), len(made.trades)) == (Scope.SO_FAR, [99_950.0], 1)


def test_a_run_is_named_by_its_strategy_and_market() -> None:
    assert run().name == "rsi_mean_reversion on EURUSD 1h"


def series(count: int) -> BarSeries:
    close = np.linspace(1.0, 2.0, count)
    columns = {"timestamp": stamps(count), "open": close, "high": close, "low": close, "close": close, "volume": close}
    return BarSeries.from_columns("EURUSD", Timeframe.H1, columns)


def test_prices_are_those_between_the_first_and_the_last_bar() -> None:
    found = Prices.between(series(10), START + 2 * HOUR, START + 4 * HOUR)
    assert found is not None
    assert found.stamps.tolist() == [START + hour * HOUR for hour in (2, 3, 4)]
    assert found.growth[0] == 1.0
    later = Prices.between(series(10), START + 2 * HOUR, START + 4 * HOUR, START + 3 * HOUR)
    assert later is not None
    assert later.growth.tolist() == [1.0, 1.0, later.close[2] / later.close[1]]
    assert Prices.between(series(3), START + 99 * HOUR, START + 100 * HOUR) is None


@pytest.mark.parametrize(("claimed", "same"), [(None, True), (0.0, False)])
def test_prices_with_another_return_are_not_those_of_the_run(claimed: float | None, same: bool) -> None:
    made = run(made=operation(results={"buy_and_hold_return": claimed}))
    assert made.prices is not None
    assert is_of_run(made.prices, made) is same


def test_prices_with_other_stamps_are_not_those_of_the_run() -> None:
    made = run(100)
    assert made.prices is not None
    shifted = Prices(made.prices.stamps + 1, made.prices.close, made.prices.first_open)
    assert not is_of_run(shifted, made)
    assert is_of_run(shifted, run(100, scope=Scope.SO_FAR))
