"""The curve of a page is that of the run: whole when it has ended, from its history before."""

from __future__ import annotations

from ktrdr_engine.composition import open_application
from ktrdr_engine.settings import Settings
from ktrdr_mcp.dashboard.equity import equity_of
from tests.mcp.conftest import backtest_of
from tests.mcp.held import open_held


async def test_a_finished_run_shows_every_bar_from_its_capital_to_its_final_value(settings: Settings) -> None:
    async with open_application(settings) as application:
        arguments = backtest_of("EURUSD", start_date="2017-02-01", end_date="2017-02-10")
        operation = await application.start_routes[0].start(arguments, None)
        ended = await application.operations.get_operation(operation.operation_id, wait_seconds=20)
        assert ended.results is not None
        equity = await equity_of(application.operations, ended, {})
    assert len(equity) == ended.results["bars"]
    assert equity[-1].value == ended.results["final_value"] / ended.results["initial_capital"]
    assert equity[0].place < equity[-1].place


async def test_a_run_without_its_table_shows_what_its_history_tells() -> None:
    rows = [{"timestamp": "2017-01-02T00:00:00Z", "pnl": 0.0}, {"timestamp": "2017-01-02T01:00:00Z", "pnl": 500.0}]
    async with open_held() as application:
        operation = await application.start_routes[0].start(backtest_of("QUICK"), None)
        ended = await application.operations.get_operation(operation.operation_id, wait_seconds=20)
        equity = await equity_of(application.operations, ended, {"bars": rows})
        assert [point.value for point in equity] == [1.0, 1.005]
        assert await equity_of(application.operations, ended.model_copy(update={"metadata": {}}), {"bars": rows}) == []
