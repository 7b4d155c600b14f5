"""The tool that starts trainings. Defaults and ranges belong to the engine's request model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from mcp_types import CallToolResult

from ktrdr_engine.fields import FirstDate, LastDate, StrategyPath
from ktrdr_engine.operations.wire import StartedReply
from ktrdr_engine.training.models import ModelName, Seed, Symbols, Timeframes, TrainingRequest
from ktrdr_mcp.apps.operation import SHOWN_IN_APP
from ktrdr_mcp.arguments import StrictTool
from ktrdr_mcp.tools.starting import STARTS_WORK, IdempotencyKey, started

if TYPE_CHECKING:
    from ktrdr_engine.training.service import TrainingService

_EXAMPLE = (
    'start_training(strategy_config_path="strategies/rsi_mean_reversion.yaml", '
    'start_date="2017-01-02", end_date="2017-09-30")'
)


def training_tools(training: TrainingService) -> list[StrictTool]:
    """Return the tools over `training`."""

    async def start_training(
        *,
        strategy_config_path: StrategyPath,
        symbols: Symbols = None,
        timeframes: Timeframes = None,
        start_date: FirstDate,
        end_date: LastDate,
        model_name: ModelName = None,
        seed: Seed = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Annotated[CallToolResult, StartedReply]:
        """Starts the training of a strategy's network in the background and returns its `operation_id` at once.

        Use it for a strategy that has no model or has changed, and leave later bars for the backtest.
        Call `get_operation` next with wait_seconds=20, then `start_backtest` on later bars.
        """
        request = TrainingRequest.parse(
            {
                "strategy_config_path": strategy_config_path,
                "symbols": symbols,
                "timeframes": timeframes,
                "start_date": start_date,
                "end_date": end_date,
                "model_name": model_name,
                "seed": seed,
            }
        )
        operation = await training.start(request, idempotency_key=idempotency_key)
        return started(f"Training of {strategy_config_path}, {start_date} to {end_date}", operation)

    return [
        StrictTool.declare(
            start_training, title="Train a model", example=_EXAMPLE, annotations=STARTS_WORK, meta=SHOWN_IN_APP
        )
    ]
