"""Prompts: the two jobs a person asks for most, as steps that lead a fresh model through the tools.

They say what a careful researcher does, not how a tool is called: descriptions do that. Neighbours: `completions`
finishes the arguments.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Generic, TypeVar

from mcp import MCPError
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import INVALID_PARAMS, CallToolResult, GetPromptResult, InputRequiredResult, Prompt
from pydantic import Field

from ktrdr_engine.errors import did_you_mean
from ktrdr_engine.vocabulary import unknown_tool
from ktrdr_mcp.failures import bounded

StateT = TypeVar("StateT")

RESEARCH = """\
Research a trading idea with ktrdr and report honestly whether it holds.

Market: {symbol}, {timeframe} bars
Idea: {idea}

1. Data. `list_datasets` shows the prices there are; `load_data` brings what is missing. Note the first and last bar.
2. Split before you look. Set the last fifth of the bars aside: nothing is trained, tuned or chosen on it.
3. Write. `list_strategies` and `get_strategy` give a pattern, `describe_indicators` the types and their ranges. Few
   inputs, fuzzy sets that cover the range. If the idea is a rule, use model type fuzzy_rules: it needs no training.
4. Check. `validate_strategy` until there is no mistake left, then `save_strategy`.
5. Train, unless rules decide. `start_training` on the bars before those set aside, then `get_operation`. An accuracy on
   the test part no better than always giving the most frequent answer means that nothing was learnt: say so.
6. Backtest with `start_backtest`, once on the bars it was trained on and once on those set aside, at the same costs.
   Commission and slippage are fractions of each fill: take them as they really are, never lower to make an idea work.
7. Compare both with `compare_operations` and read its warnings. Trust only what model_relation calls out of
   sample, or none (rules). Hold it against buy_and_hold_return, max_drawdown and total_trades: fewer than 30 trades say
   little.
8. Count your tries. Each variant judged on the same bars makes the best one look better by luck alone. Confirm a last
   choice on bars, or a symbol, that no choice has used.

Report: what was tested, on which bars, at what costs, in how many tries; the numbers out of sample beside buy and hold;
what speaks against the idea; what to try next. "It does not hold" is a good answer."""

EXPLAIN = """\
Explain the backtest {operation_id} to a trader who has not seen it.

1. `get_operation` gives the request (metadata), the results and their notes; `get_strategy` tells its strategy in plain
   words; `get_metrics` pages through the trades; `plot_operation` draws it.
2. Say what was tested: market, range, strategy, costs.
3. Say how it did beside buy_and_hold_return, how deep and how long the drawdown was, and how that came about: many
   small trades or a few large ones, long or short, which exits, how much the costs took.
4. Say what weakens it, before anyone believes it: a model_relation other than out of sample or none, few
   trades, notes, a partial run, one market and one range only, how many variants were tried before this one
   (`list_operations` shows them).
5. Say what would settle it: which bars or symbols it has not seen, which change to try, and compare with
   `compare_operations`.

Ratios are fractions: 0.02 is 2 %. Do not promise that the past repeats."""

_IDEA_BYTES = 2_000
_WORD_BYTES = 100


class PromptingServer(MCPServer[StateT], Generic[StateT]):
    """A server that names what was probably meant by a prompt or a tool there is not, and words mistakes as we do."""

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[StateT, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool.

        Raises:
            ToolError: No tool has this name, or as the tool says.
        """
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            if str(error) != f"Unknown tool: {name}":
                raise
        known = [tool.name for tool in await self.list_tools()]
        short = bounded(name, _WORD_BYTES)
        raise ToolError(f"There is no tool {short!r}. {unknown_tool(short, known)}")

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[StateT, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        """Return a prompt with its arguments filled in.

        Raises:
            MCPError: No prompt has this name, or an argument is missing or unknown; all mistakes are named.
        """
        if mistakes := " ".join(_mistakes(await self.list_prompts(), name, arguments or {})):
            raise MCPError(INVALID_PARAMS, bounded(mistakes, _IDEA_BYTES))
        return await super().get_prompt(name, arguments, context)


def _mistakes(prompts: list[Prompt], name: str, arguments: dict[str, Any]) -> Iterator[str]:
    known = {prompt.name: [one.name for one in prompt.arguments or ()] for prompt in prompts}
    if name not in known:
        short = bounded(name, _WORD_BYTES)
        yield f"There is no prompt {short!r}.{did_you_mean(short, known)}"
        return
    if missing := [one for one in known[name] if one not in arguments]:
        yield f"{name} lacks {', '.join(missing)}: give each of {', '.join(known[name])}."
    for unknown in (bounded(one, _WORD_BYTES) for one in arguments if one not in known[name]):
        yield f"{name} takes no {unknown!r}.{did_you_mean(unknown, known[name])}"


def add_prompts(server: MCPServer[Any]) -> None:
    """Register both prompts."""

    @server.prompt(title="Research a strategy")
    def research_strategy(
        symbol: Annotated[str, Field(description="What to trade, as list_datasets shows it: EURUSD")],
        timeframe: Annotated[str, Field(description="Bar length: 1h, 4h, 1d")],
        idea: Annotated[str, Field(description="What should pay, in your own words")],
    ) -> str:
        """Take an idea from prices to an honest verdict: load, write, check, train, backtest out of sample, compare."""
        return RESEARCH.format(
            symbol=bounded(symbol, _WORD_BYTES),
            timeframe=bounded(timeframe, _WORD_BYTES),
            idea=bounded(idea, _IDEA_BYTES),
        )

    @server.prompt(title="Explain a backtest")
    def explain_backtest(
        operation_id: Annotated[str, Field(description="Of a finished backtest, as list_operations shows it")],
    ) -> str:
        """Tell a trader what a backtest shows, how it came about and what weakens it."""
        return EXPLAIN.format(operation_id=bounded(operation_id, _WORD_BYTES))
