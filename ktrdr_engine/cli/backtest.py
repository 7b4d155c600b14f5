"""`ktrdr backtest`: one backtest in this process, watched until it ends."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ktrdr_engine.backtesting.models import BacktestRequest, BacktestStarted
from ktrdr_engine.cli.visible import visible
from ktrdr_engine.cli.watching import run_watched

if TYPE_CHECKING:
    from ktrdr_engine.composition import Application
    from ktrdr_engine.settings import Settings


def run_backtest(settings: Settings, arguments: Mapping[str, Any], *, as_json: bool) -> int:
    """Run the backtest, watched, and return the exit code.

    Raises:
        KtrdrError: It could not be started.
    """
    request = BacktestRequest.parse(arguments)

    async def start(application: Application) -> str:
        operation = await application.backtesting.start(request)
        if remark := BacktestStarted.remark(operation.metadata):
            print(visible(remark), file=sys.stderr)
        return operation.operation_id

    return run_watched(settings, start, as_json=as_json)
