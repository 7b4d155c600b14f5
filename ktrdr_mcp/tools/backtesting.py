"""The tool that starts backtests. Defaults and ranges belong to the engine's request model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from mcp_types import CallToolResult, ToolAnnotations
from pydantic import BeforeValidator, Field

from ktrdr_engine.backtesting.models import (
    DEFAULT_CAPITAL,
    DEFAULT_COMMISSION,
    DEFAULT_SLIPPAGE,
    BacktestRequest,
    Capital,
    CostRate,
    FirstDate,
    LastDate,
    ModelPath,
    StrategyPath,
    Symbol,
    TimeframeName,
)
from ktrdr_engine.operations.wire import StartedReply
from ktrdr_mcp.arguments import StrictTool, refuse_booleans
from ktrdr_mcp.views import reply

if TYPE_CHECKING:
    from ktrdr_engine.backtesting.service import BacktestingService

_EXAMPLE = (
    'start_backtest(symbol="EURUSD", timeframe="1h", strategy_config_path="strategies/rsi_mean_reversion.yaml", '
    'start_date="2017-01-02", end_date="2017-12-29")'
)

IdempotencyKey = Annotated[
    str | None,
    Field(min_length=1, max_length=200, description="Any text; a repeat with the same key starts nothing new"),
]


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
        initial_capital: Annotated[Capital, BeforeValidator(refuse_booleans)] = DEFAULT_CAPITAL,
        commission: Annotated[CostRate, BeforeValidator(refuse_booleans)] = DEFAULT_COMMISSION,
        slippage: Annotated[CostRate, BeforeValidator(refuse_booleans)] = DEFAULT_SLIPPAGE,
        idempotency_key: IdempotencyKey = None,
    ) -> Annotated[CallToolResult, StartedReply]:
        """Checks the request, starts a backtest in the background and returns its `operation_id` at once.

        Use it to see how a neural strategy would have traded a symbol over a range of dates, costs included.
        Call `get_operation` next, with that `operation_id` and wait_seconds=20, until its status is COMPLETED.
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
        operation_id = await backtesting.run_backtest(request, idempotency_key=idempotency_key)
        what = f"Backtest of {strategy_config_path} on {symbol} {timeframe}, {start_date} to {end_date}, started"
        way_on = f"Next: get_operation(operation_id={operation_id!r}, wait_seconds=20) waits for the result."
        message = f"{what}: {operation_id}\n{way_on}"
        return reply(message, StartedReply(operation_id=operation_id, message=message))

    return [
        StrictTool.declare(
            start_backtest,
            title="Start a backtest",
            example=_EXAMPLE,
            annotations=ToolAnnotations(
                read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
            ),
        )
    ]
