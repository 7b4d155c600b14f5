"""The server object: the tools, the resources and the instructions over one application.

It serves every transport and both protocol eras; who owns the process is `main`'s business.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from mcp.server import MCPServer

from ktrdr_engine import __version__
from ktrdr_mcp.apps.operation import operation_app
from ktrdr_mcp.arguments import StrictTool
from ktrdr_mcp.completions import add_completions
from ktrdr_mcp.prompts import PromptingServer, add_prompts
from ktrdr_mcp.resources import add_resources
from ktrdr_mcp.tools.backtesting import backtesting_tools
from ktrdr_mcp.tools.charts import chart_tools
from ktrdr_mcp.tools.comparison import comparison_tools
from ktrdr_mcp.tools.datasets import dataset_tools
from ktrdr_mcp.tools.indicators import indicator_tools
from ktrdr_mcp.tools.library import library_tools
from ktrdr_mcp.tools.models import model_tools
from ktrdr_mcp.tools.operations import operations_tools
from ktrdr_mcp.tools.strategies import strategy_tools
from ktrdr_mcp.tools.training import training_tools

if TYPE_CHECKING:
    from ktrdr_engine.composition import Application

INSTRUCTIONS = """\
ktrdr tests trading strategies on real prices: fuzzy sets read by a neural network, or by rules. Long work runs in the
background as operations.
1. list_strategies, get_strategy, list_models, list_datasets show what there is; load_data brings prices.
2. describe_indicators, validate_strategy, save_strategy: write one. start_training gives it a model; rules need none.
3. start_backtest answers at once with operation_id; get_operation(operation_id, wait_seconds=20) answers when it ends,
   repeat while its status is RUNNING. COMPLETED: the results are in that reply. get_metrics pages through bars and
   trades, plot_operation draws.
4. compare_operations. Trust only runs whose model_relation is out_of_sample (rules: none), at real costs; count tries.
Ready to run: strategies/rsi_mean_reversion.yaml on EURUSD 1h, 2017-01-02 to 2017-12-29.
Ratios are fractions: 0.02 is 2 %. cancel stops an operation, list_operations finds earlier ones, manage_library
deletes to a trash and restores. Errors say what to repair: correct the call and repeat it."""


def server_tools(application: Application) -> list[StrictTool]:
    """Return every tool, in the order in which an agent meets them."""
    return [
        *backtesting_tools(application.backtesting),
        *operations_tools(application.operations),
        *training_tools(application.training),
        *dataset_tools(application),
        *strategy_tools(lambda: application.shelves),
        *model_tools(lambda: application.shelves),
        *library_tools(application),
        *indicator_tools(),
        *comparison_tools(application.operations),
        *chart_tools(application),
    ]


def create_server(
    application: Application, *, on_disconnect: Callable[[], None] = lambda: None
) -> MCPServer[Application]:
    """Return the MCP server over an open application.

    Args:
        application: Whose operations it shows; it belongs to the process, not to a connection.
        on_disconnect: Called when a connection ends, for whatever reason.
    """

    @asynccontextmanager
    async def connection(_: MCPServer[Application]) -> AsyncIterator[Application]:
        try:
            yield application
        finally:
            on_disconnect()

    server = PromptingServer(
        "ktrdr",
        title="ktrdr backtesting lab",
        version=__version__,
        instructions=INSTRUCTIONS,
        tools=[*server_tools(application)],
        log_level="WARNING",
        extensions=[operation_app()],
        lifespan=connection,
        # Nothing here ever changes while connected, so no change notifications are promised.
        subscriptions=False,
    )
    add_resources(server, application)
    add_prompts(server)
    add_completions(server, application)
    return server
