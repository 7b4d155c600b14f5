"""`ktrdr backtest`: one backtest in this process, watched until it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ktrdr_engine.backtesting.models import BacktestRequest
from ktrdr_engine.cli.watching import run_watched

if TYPE_CHECKING:
    from ktrdr_engine.settings import Settings


def run_backtest(settings: Settings, arguments: Mapping[str, Any], *, as_json: bool) -> int:
    """Run the backtest, watched, and return the exit code.

    Raises:
        KtrdrError: It could not be started.
    """
    request = BacktestRequest.parse(arguments)
    return run_watched(settings, lambda application: application.backtesting.run_backtest(request), as_json=as_json)
