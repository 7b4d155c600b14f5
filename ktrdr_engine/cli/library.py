"""`ktrdr strategies`, `models`, `data` and `library`: the commands and their options.

What they do is in `shelves`, `data` and `trash`. Without a command each lists what there is.
"""

from __future__ import annotations

from typing import Annotated

import typer

from ktrdr_engine.cli.completing import kinds, own_names
from ktrdr_engine.cli.running import running
from ktrdr_engine.cli.unknown_options import StartCommand

strategies = typer.Typer(help="List, show, check and begin strategies.")
models = typer.Typer(help="List and show trained models.")
data = typer.Typer(help="List, show and load prices.")
library = typer.Typer(help="Delete strategies, models and prices to a trash, and bring them back.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]
Kind = Annotated[str, typer.Argument(help="strategy, model or dataset.", metavar="KIND", autocompletion=kinds)]
KindOrAll = Annotated[
    str | None, typer.Argument(help="strategy, model or dataset; without it all.", metavar="KIND", autocompletion=kinds)
]
AnyName = Annotated[
    str, typer.Argument(help="As its list shows it; a dataset as EURUSD_1h.", metavar="NAME", autocompletion=own_names)
]
_MARKET_HELP = "us_equity, fx, crypto, utc or equity:<IANA zone>, such as equity:Asia/Tokyo."
Name = Annotated[str, typer.Argument(help="As the list shows it.", metavar="NAME")]


@strategies.callback(invoke_without_command=True)
def strategies_alone(context: typer.Context, json: Json = False) -> None:
    """List the strategies, unless a command says otherwise."""
    if context.invoked_subcommand is None:
        list_strategies(json)


@strategies.command("list")
def list_strategies(json: Json = False) -> None:
    """List the strategies, yours and the shipped ones."""
    from ktrdr_engine.cli.shelves import show_strategies

    with running() as settings:
        show_strategies(settings, as_json=json)


@strategies.command("show")
def show_strategy(
    name: Name,
    version: Annotated[str | None, typer.Option(help="First letters of the sha256 of an earlier text.")] = None,
    json: Json = False,
) -> None:
    """Show a strategy in plain words and as it is written."""
    from ktrdr_engine.cli.shelves import show_strategy as show

    with running() as settings:
        show(settings, name, version, as_json=json)


@strategies.command("validate")
def validate_strategy(
    file: Annotated[str, typer.Argument(help="A path, - for stdin, or the name of a saved strategy.")],
    json: Json = False,
) -> None:
    """Check a strategy: every mistake with its repair, or what it resolves to. Ends with 2 if there are mistakes."""
    from ktrdr_engine.cli.shelves import validate

    with running() as settings:
        raise typer.Exit(validate(settings, file, as_json=json))


@strategies.command("new")
def new_strategy(
    name: Annotated[str, typer.Argument(help="Letters, digits, '_', '-' and '.'.", metavar="NAME")],
    like: Annotated[str, typer.Option(help="The strategy to begin with.")] = "rsi_mean_reversion",
    json: Json = False,
) -> None:
    """Write a valid, commented strategy of your own to go on from; never over one that is there."""
    from ktrdr_engine.cli.shelves import begin_strategy

    with running() as settings:
        begin_strategy(settings, name, like, as_json=json)


@models.callback(invoke_without_command=True)
def models_alone(context: typer.Context, json: Json = False) -> None:
    """List the models, unless a command says otherwise."""
    if context.invoked_subcommand is None:
        list_models(json)


@models.command("list")
def list_models(json: Json = False) -> None:
    """List the trained models, yours and the shipped ones."""
    from ktrdr_engine.cli.shelves import show_models

    with running() as settings:
        show_models(settings, as_json=json)


@models.command("show")
def show_model(name: Name, json: Json = False) -> None:
    """Show what a model was trained on, how it did, and whether its strategy is still the same."""
    from ktrdr_engine.cli.shelves import show_model as show

    with running() as settings:
        show(settings, name, as_json=json)


@data.callback(invoke_without_command=True)
def data_alone(context: typer.Context, json: Json = False) -> None:
    """List the prices, unless a command says otherwise."""
    if context.invoked_subcommand is None:
        list_data(json)


@data.command("list")
def list_data(json: Json = False) -> None:
    """List the prices there are, yours and the shipped ones."""
    from ktrdr_engine.cli.data import show_list

    with running() as settings:
        show_list(settings, as_json=json)


@data.command("show")
def show_data(
    symbol: Annotated[str, typer.Argument(help="As `data list` shows it.")],
    timeframe: Annotated[str, typer.Argument(help="As `data list` shows it.")],
    json: Json = False,
) -> None:
    """Show all that is known of a dataset: range, gaps, sources, digest."""
    from ktrdr_engine.cli.data import show_one

    with running() as settings:
        show_one(settings, symbol, timeframe, as_json=json)


@data.command("market")
def data_market(
    symbol: Annotated[str, typer.Argument(help="As `data list` shows it.")],
    timeframe: Annotated[str, typer.Argument(help="As `data list` shows it.")],
    name: Annotated[str | None, typer.Argument(help=f"{_MARKET_HELP} Without it, show the market.")] = None,
    json: Json = False,
) -> None:
    """Show or say the market of a dataset: its trading days, and how many of them a year has."""
    from ktrdr_engine.cli.data import set_market, show_market

    with running() as settings:
        if name is None:
            show_market(settings, symbol, timeframe, as_json=json)
        else:
            set_market(settings, symbol, timeframe, name, as_json=json)


@data.command("load", cls=StartCommand)
def load_data(
    *,
    symbol: Annotated[str, typer.Option(help="As the source calls it; BTC/USDT is the same as BTC-USDT.")],
    timeframe: Annotated[str, typer.Option(help="Bar length: 1m 5m 15m 30m 1h 4h 1d 1w.")],
    source: Annotated[str, typer.Option(help="file, yahoo, ccxt:<exchange>, resample or resample:<timeframe>.")],
    path: Annotated[str | None, typer.Option(help="With file: its name in KTRDR_HOME/imports.")] = None,
    format: Annotated[
        str | None,
        typer.Option(help="With file: columns in order, or decimal_comma or decimal_point, where it is asked."),
    ] = None,
    date_format: Annotated[
        str | None, typer.Option(help="With file: such as DD/MM/YYYY or ms, where it is asked.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="With file: where its local times are, such as Europe/Berlin.")
    ] = None,
    market: Annotated[str | None, typer.Option(help=_MARKET_HELP)] = None,
    start: Annotated[str | None, typer.Option(help="First day or time; without it, all or from the last bar.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day or time; a bare date includes its whole day.")] = None,
    on_conflict: Annotated[str, typer.Option(help="keep or replace: which bars win where they differ.")] = "keep",
    json: Json = False,
) -> None:
    """Load prices and merge them with those there; Ctrl-C cancels, a repeat goes on from there."""
    from ktrdr_engine.cli.data import load_prices

    arguments = {
        "symbol": symbol,
        "timeframe": timeframe,
        "source": source,
        "path": path,
        "format": format,
        "date_format": date_format,
        "timezone": timezone,
        "market": market,
        "start_date": start,
        "end_date": end,
        "on_conflict": on_conflict,
    }
    with running() as settings:
        raise typer.Exit(load_prices(settings, arguments, as_json=json))


@library.callback(invoke_without_command=True)
def library_alone(context: typer.Context, json: Json = False) -> None:
    """List what is in the trash, unless a command says otherwise."""
    if context.invoked_subcommand is None:
        list_trash(None, json)


@library.command("list")
def list_trash(kind: KindOrAll = None, json: Json = False) -> None:
    """List what can be restored, the latest first."""
    from ktrdr_engine.cli.trash import show_trash

    with running() as settings:
        show_trash(settings, kind, as_json=json)


@library.command("delete")
def delete(kind: Kind, name: AnyName, json: Json = False) -> None:
    """Move a file of yours to the trash; a shipped one that it hid is found again."""
    from ktrdr_engine.cli.trash import delete_file

    with running() as settings:
        delete_file(settings, kind, name, as_json=json)


@library.command("restore")
def restore(
    kind: Kind,
    name: Annotated[str, typer.Argument(help="As `library list` shows it.", metavar="NAME")],
    entry: Annotated[str | None, typer.Option(help="Id of an older entry; without it the latest.")] = None,
    json: Json = False,
) -> None:
    """Bring back what was deleted or written over; what is in place goes to the trash."""
    from ktrdr_engine.cli.trash import restore_file

    with running() as settings:
        restore_file(settings, kind, name, entry, as_json=json)


@library.command("empty")
def empty(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Forget everything in the trash for good; nothing else ever does."""
    from ktrdr_engine.cli.trash import empty_trash

    with running() as settings:
        empty_trash(settings, yes=yes, as_json=json)
