"""The commands and their options, nothing else: what a command does lives in the module it imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from ktrdr_engine import __version__
from ktrdr_engine.backtesting.models import DEFAULT_CAPITAL, DEFAULT_COMMISSION, DEFAULT_SLIPPAGE
from ktrdr_engine.cli.completing import model_paths, operation_ids, strategy_paths
from ktrdr_engine.cli.library import Json, data, library, models, strategies
from ktrdr_engine.cli.running import note_command, running, show_tracebacks
from ktrdr_engine.cli.unknown_options import StartCommand

app = typer.Typer(
    help="Backtest neural strategies on real prices, from the shell or from an agent.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
operations = typer.Typer(help="Look at operations of this and of earlier sessions.", no_args_is_help=True)
app.add_typer(operations, name="operations")
app.add_typer(strategies, name="strategies")
app.add_typer(models, name="models")
app.add_typer(data, name="data")
app.add_typer(library, name="library")

# -P: from where this command was imported, not from whatever lies in the folder it is run in.
_FROM_HERE = ("-P", "-m")

OperationId = Annotated[
    str,
    typer.Argument(help="As `operations list` shows it.", metavar="OPERATION_ID", autocompletion=operation_ids),
]
StrategyPath = Annotated[
    str,
    typer.Option(help="Strategy file, for example strategies/rsi_mean_reversion.yaml.", autocompletion=strategy_paths),
]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ktrdr {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    show_tracebacks(debug)
    note_command(context.invoked_subcommand)


@app.command()
def demo(json: Json = False) -> None:
    """See what an agent sees: start the MCP server, drive it with a client, show the results."""
    # A process of its own: the engine must not import the MCP package.
    command = [sys.executable, *_FROM_HERE, "ktrdr_mcp.demo", *(["--json"] if json else [])]
    raise typer.Exit(subprocess.run(command, check=False).returncode)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def mcp(context: typer.Context) -> None:
    """Serve MCP, as `ktrdr-mcp` does with the same options; for hosts that know one command a package."""
    command = [sys.executable, *_FROM_HERE, "ktrdr_mcp.main", *context.args]
    if sys.platform == "win32":
        # There a replaced process would look ended to the host.
        raise typer.Exit(subprocess.run(command, check=False).returncode)
    os.execv(sys.executable, command)


@app.command(cls=StartCommand)
def backtest(
    *,
    symbol: Annotated[str, typer.Option(help="Instrument, for example EURUSD.")],
    timeframe: Annotated[str, typer.Option(help="Bar length: 1m 5m 15m 30m 1h 4h 1d 1w.")],
    strategy: StrategyPath,
    model: Annotated[
        str | None,
        typer.Option(
            help="Model file; without it the newest on this symbol that ends before --start.",
            autocompletion=model_paths,
        ),
    ] = None,
    start: Annotated[str, typer.Option(help="First day or time, ISO-8601, UTC.")],
    end: Annotated[str, typer.Option(help="Last day or time; a bare date includes its whole day.")],
    capital: Annotated[float, typer.Option(help="Initial capital.")] = DEFAULT_CAPITAL,
    commission: Annotated[float, typer.Option(help="Fraction per fill: 0.001 is 0.1 %.")] = DEFAULT_COMMISSION,
    slippage: Annotated[float, typer.Option(help="Fraction per fill: 0.001 is 0.1 %.")] = DEFAULT_SLIPPAGE,
    json: Json = False,
) -> None:
    """Run one backtest and show its results; Ctrl-C cancels it."""
    from ktrdr_engine.cli.backtest import run_backtest

    arguments = {
        "symbol": symbol,
        "timeframe": timeframe,
        "strategy_config_path": strategy,
        "model_path": model,
        "start_date": start,
        "end_date": end,
        "initial_capital": capital,
        "commission": commission,
        "slippage": slippage,
    }
    with running() as settings:
        raise typer.Exit(run_backtest(settings, arguments, as_json=json))


@app.command()
def report(
    operation_id: OperationId,
    output: Annotated[Path | None, typer.Option(help="File to write; without it OPERATION_ID.html, here.")] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Write an operation as one HTML file: numbers, curves, trades, strategy, model."""
    from ktrdr_engine.cli.report import write_report

    with running() as settings:
        write_report(settings, operation_id, output=output, show=show)


@app.command(cls=StartCommand)
def train(
    *,
    strategy: StrategyPath,
    start: Annotated[str, typer.Option(help="First day or time, ISO-8601, UTC.")],
    end: Annotated[str, typer.Option(help="Last day or time; a bare date includes its whole day.")],
    symbol: Annotated[
        list[str] | None, typer.Option(help="Instrument to learn from; may be repeated. Without it the strategy's own.")
    ] = None,
    timeframe: Annotated[
        list[str] | None, typer.Option(help="Must be the strategy's; may be repeated, or left out.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Begin of the model's file name; without it the strategy's name.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Without it the strategy's own.")] = None,
    json: Json = False,
) -> None:
    """Train a strategy's network and save the model; Ctrl-C cancels it and keeps the best so far."""
    from ktrdr_engine.cli.train import run_training

    arguments = {
        "strategy_config_path": strategy,
        "symbols": tuple(symbol) if symbol else None,
        "timeframes": tuple(timeframe) if timeframe else None,
        "start_date": start,
        "end_date": end,
        "model_name": name,
        "seed": seed,
    }
    with running() as settings:
        raise typer.Exit(run_training(settings, arguments, as_json=json))


@app.command()
def watch(
    limit: Annotated[int, typer.Option(help="Most rows to show.", min=1, max=100)] = 20,
    once: Annotated[bool, typer.Option("--once", help="Show them once and leave.")] = False,
) -> None:
    """Watch the operations of all sessions of this home, the newest first; Ctrl-C leaves."""
    from ktrdr_engine.cli.watch import watch

    with running() as settings:
        raise typer.Exit(watch(settings, limit=limit, once=once))


@operations.command("list")
def list_operations(
    status: Annotated[str | None, typer.Option(help="Only these: RUNNING, COMPLETED, ...")] = None,
    operation_type: Annotated[str | None, typer.Option("--type", help="Only these: BACKTESTING, ...")] = None,
    limit: Annotated[int, typer.Option(help="Most rows to show.", min=1, max=500)] = 20,
    offset: Annotated[int, typer.Option(help="Rows to skip.", min=0)] = 0,
    json: Json = False,
) -> None:
    """List operations, newest first."""
    from ktrdr_engine.cli.operations import show_list

    with running() as settings:
        show_list(settings, status=status, operation_type=operation_type, limit=limit, offset=offset, as_json=json)


@operations.command("show")
def show_operation(operation_id: OperationId, json: Json = False) -> None:
    """Show one operation with its results."""
    from ktrdr_engine.cli.operations import show_one

    with running() as settings:
        show_one(settings, operation_id, as_json=json)


@operations.command("cancel")
def cancel_operation(
    operation_id: OperationId,
    reason: Annotated[str | None, typer.Option(help="Kept with the operation.")] = None,
    json: Json = False,
) -> None:
    """Cancel an operation, also one that another process of yours runs."""
    from ktrdr_engine.cli.operations import cancel_one

    with running() as settings:
        cancel_one(settings, operation_id, reason=reason, as_json=json)
