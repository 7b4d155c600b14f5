"""The tool that starts backtests. Defaults and ranges belong to the engine's request model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from mcp_types import CallToolResult

from ktrdr_engine.backtesting.models import (
    DEFAULT_CAPITAL,
    DEFAULT_COMMISSION,
    DEFAULT_SLIPPAGE,
    BacktestRequest,
    BacktestStarted,
    Capital,
    CostRate,
)
from ktrdr_engine.fields import FirstDate, LastDate, ModelPath, StrategyPath, Symbol, TimeframeName
from ktrdr_mcp.apps.operation import SHOWN_IN_APP
from ktrdr_mcp.arguments import StrictTool
from ktrdr_mcp.tools.starting import STARTS_WORK, IdempotencyKey, started

if TYPE_CHECKING:
    from ktrdr_engine.backtesting.service import BacktestingService

_EXAMPLE = (
    'start_backtest(symbol="EURUSD", timeframe="1h", strategy_config_path="strategies/rsi_mean_reversion.yaml", '
    'start_date="2017-01-02", end_date="2017-12-29")'
)


def backtesting_tools(backtesting: BacktestingService) -> list[StrictTool]:
    """Return the tools over `backtesting`."""

    async def start_backtest(
        *,
        symbol: Symbol,
        timeframe: TimeframeName,
        strategy_config_path: StrategyPath,
        model_path: ModelPath = None,
        start_date: FirstDate,
        end_date: LastDate,
        initial_capital: Capital = DEFAULT_CAPITAL,
        commission: CostRate = DEFAULT_COMMISSION,
        slippage: CostRate = DEFAULT_SLIPPAGE,
        idempotency_key: IdempotencyKey = None,
    ) -> Annotated[CallToolResult, BacktestStarted]:
        """Checks the request, starts a backtest and returns its `operation_id` at once.

        Use it to see how a strategy would have traded; `model_relation`: whether its model has seen these bars.
        Call `get_operation` next with wait_seconds=20, until its status is COMPLETED.
        """
        request = BacktestRequest.parse(
            {
                "symbol": symbol,
                "timeframe": timeframe,
                "strategy_config_path": strategy_config_path,
                "model_path": model_path,
                "start_date": start_date,
                "end_date": end_date,
                "initial_capital": initial_capital,
                "commission": commission,
                "slippage": slippage,
            }
        )
        operation = await backtesting.start(request, idempotency_key=idempotency_key)
        what = f"Backtest of {strategy_config_path} on {symbol} {timeframe}, {start_date} to {end_date}"
        return started(what, operation, BacktestStarted)

    return [
        StrictTool.declare(
            start_backtest, title="Start a backtest", example=_EXAMPLE, annotations=STARTS_WORK, meta=SHOWN_IN_APP
        )
    ]
