"""`ktrdr demo`: a client that drives the server as an agent would, and shows what an agent sees.

It starts `ktrdr-mcp` as a process of its own over stdio, in a folder that is thrown away afterwards, so the user's own
operations stay untouched; the picture alone is kept, in the system's folder for temporary files. Prices, strategy and
model are the shipped ones; one backtest, over the shipped year many times repeated, is only there to be cancelled.
"""

from __future__ import annotations

import base64
import os
import sys
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, MCPError, StdioServerParameters
from mcp_types import CallToolResult, ImageContent, TextContent, TextResourceContents
from rich.console import Console

from ktrdr_engine.backtesting.models import ModelRelation, relation_of
from ktrdr_engine.cli.running import print_json
from ktrdr_engine.cli.streams import end_quietly, first_of, prepare_stdout
from ktrdr_engine.cli.tables import results_table
from ktrdr_engine.number_format import change, decimal, typed
from ktrdr_mcp.demo_prices import LAST_DAY, SYMBOL, write_long_prices

BACKTEST = {
    "symbol": "EURUSD",
    "timeframe": "1h",
    "strategy_config_path": "strategies/rsi_mean_reversion.yaml",
    "model_path": "models/rsi_mlp_v1.0.0.pt",
    "start_date": "2017-01-02",
    "end_date": "2017-12-29",
}
_WAIT_SECONDS = 20
_MAX_WAITS = 6
_SHOWN_LINES = 14
_LINE_LENGTH = 320
_COLUMNS = 80
_NEXT = """\
What to do next:
  ktrdr backtest --symbol SPX --timeframe 1d --strategy long_short_swing \\
    --start 2016-02-01 --end 2018-12-31       bars that its model has not seen
  ktrdr report OPERATION_ID --open            any run as one page
  ktrdr strategies                            what there is to try
  claude mcp add ktrdr -- ktrdr-mcp           other hosts: docs/how-to-hosts.md
"""
_FAILED = 1
_INTERRUPTED = 130


class DemoError(Exception):
    """The session did not go as it must; the message says where."""


def main(arguments: Sequence[str] = ()) -> int:
    """Run the session and return an exit code: 0 when everything went as it must.

    With `--json` the session is shown on stderr, and stdout gets the finished operation alone.
    """
    as_json = "--json" in arguments
    prepare_stdout()
    console = Console(highlight=False, soft_wrap=True, stderr=as_json)
    code = 0
    with tempfile.TemporaryDirectory(prefix="ktrdr-demo-") as home:
        write_long_prices(Path(home))
        try:
            operation = anyio.run(_session, console, home)
            if as_json:
                print_json(operation)
        except* (DemoError, MCPError) as failed:
            console.print(f"The demo failed: {first_of(failed)}", style="red", markup=False)
            code = _FAILED
        except* KeyboardInterrupt:
            code = _INTERRUPTED
        except* (OSError, SystemExit) as failed:  # SystemExit: rich's answer to a closed stdout
            first = first_of(failed)
            code = end_quietly(first if isinstance(first, OSError) else BrokenPipeError())
    return code


async def _session(console: Console, home: str) -> dict[str, Any]:
    # A worker would not know the prices that the demo makes in its own home.
    environment = {**os.environ, "KTRDR_HOME": home, "USE_REMOTE_BACKTEST_SERVICE": "false"}
    server = StdioServerParameters(command=sys.executable, args=["-P", "-m", "ktrdr_mcp.main"], env=environment)
    console.print("Starting ktrdr-mcp as a subprocess and connecting over stdio ...")
    async with Client(server) as client:
        return await _Agent(client, console).work()


class _Agent:
    """What an agent does with the tools, each call and its answer printed."""

    def __init__(self, client: Client, console: Console) -> None:
        self._client = client
        self._console = console

    async def work(self) -> dict[str, Any]:
        """List the tools, cancel one backtest, run another, read metrics and trades, show the results; return it."""
        await self._list_tools()
        mistaken = await self._start(symbol=SYMBOL, end_date=LAST_DAY)
        await self._call("cancel", operation_id=mistaken, reason="wrong symbol")
        self._must(await self._end_of(mistaken), "CANCELLED")
        wanted = await self._start()
        operation = await self._end_of(wanted)
        self._must(operation, "COMPLETED")
        await self._call("get_metrics", operation_id=wanted, limit=200)
        await self._read(f"ktrdr://operations/{wanted}/trades?limit=2")
        await self._call("list_operations")
        picture = await self._plot(wanted)
        title = "EURUSD 1h, 2017, strategies/rsi_mean_reversion.yaml"
        self._console.print()
        self._console.print(results_table(operation["results"], title))
        self._tell(f"\n{_verdict(operation['results'])}", style="bold")
        # A path is of use in one piece only.
        self._console.print(f"\nPicture: {picture}\n\n{_NEXT}", markup=False, end="")
        return operation

    async def _list_tools(self) -> None:
        tools = (await self._client.list_tools()).tools
        self._say(f"tools/list ({self._client.protocol_version})")
        width = max(len(tool.name) for tool in tools)
        self._answer("\n".join(f"{tool.name:{width}}  {(tool.description or '').split('. ')[0]}." for tool in tools))

    async def _start(self, **changes: Any) -> str:
        started = await self._call("start_backtest", **BACKTEST | changes)
        return str(started["operation_id"])

    async def _end_of(self, operation_id: str) -> dict[str, Any]:
        for _ in range(_MAX_WAITS):
            operation = await self._call("get_operation", operation_id=operation_id, wait_seconds=_WAIT_SECONDS)
            if operation["status"] not in ("PENDING", "RUNNING", "CANCELLING"):
                break
        return operation

    async def _call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        self._say(f"{tool}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})")
        result: CallToolResult = await self._client.call_tool(tool, arguments)
        text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
        self._answer(text)
        if result.is_error or result.structured_content is None:
            raise DemoError(text)
        return dict(result.structured_content)

    async def _plot(self, operation_id: str) -> Path:
        """Draw the overview and keep it; the folder of the session is about to go."""
        self._say(f"plot_operation(operation_id={operation_id!r})")
        result = await self._client.call_tool("plot_operation", {"operation_id": operation_id})
        text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
        self._answer(text)
        images = [block for block in result.content if isinstance(block, ImageContent)]
        if result.is_error or not images:
            raise DemoError(text)
        return _kept(images[0])

    async def _read(self, uri: str) -> None:
        self._say(f"resources/read {uri}")
        contents = (await self._client.read_resource(uri)).contents
        self._answer("\n".join(item.text for item in contents if isinstance(item, TextResourceContents)))

    def _say(self, line: str) -> None:
        self._tell(f"\n> {line}", style="bold cyan")

    def _answer(self, text: str) -> None:
        lines = [line if len(line) <= _LINE_LENGTH else f"{line[:_LINE_LENGTH]} ..." for line in text.splitlines()]
        self._tell("\n".join(lines[:_SHOWN_LINES]))
        if len(lines) > _SHOWN_LINES:
            self._console.print(f"... {len(lines) - _SHOWN_LINES} more lines", style="dim")

    def _tell(self, text: str, style: str = "") -> None:
        """Print lines, the long ones broken so that the narrowest terminal and a README show them whole."""
        lines = [part for line in text.splitlines() for part in _folded(line)]
        self._console.print("\n".join(lines), style=style, markup=False)

    def _must(self, operation: dict[str, Any], status: str) -> None:
        if operation["status"] != status:
            raise DemoError(f"{operation['operation_id']} must be {status} and is {operation['status']}")


def _kept(image: ImageContent) -> Path:
    """Write a picture where it stays, and return where."""
    path = Path(tempfile.mkdtemp(prefix="ktrdr-demo-"), "overview.png")
    path.write_bytes(base64.b64decode(image.data))
    return path


def _folded(line: str) -> list[str]:
    """Return a line as lines of 80 columns, words whole where they can be."""
    wrapper = textwrap.TextWrapper(_COLUMNS, subsequent_indent="  ", replace_whitespace=False, break_on_hyphens=False)
    return wrapper.wrap(line) or [""]


def _verdict(results: Mapping[str, Any]) -> str:
    """Return what the numbers of the backtest say, in plain words."""
    gained, held, sharpe = (results[name] for name in ("total_return", "buy_and_hold_return", "sharpe_ratio"))
    better = "no better" if gained <= held else "better"
    words = (
        f"Verdict: {change(gained)} after costs in {results['total_trades']} trades, Sharpe ratio "
        f"{decimal(sharpe, 2, 3)}; buy and hold made {change(held)}. The strategy did {better} than that"
    )
    if relation_of(results) is ModelRelation.IN_SAMPLE:
        words = f"{words}, on bars that its model was trained on: expect less of others"
    return typed(f"{words}.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
