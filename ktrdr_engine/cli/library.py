"""`ktrdr strategies` and `ktrdr models`: the commands and their options; what they print is made in `shelves`.

Without a command each lists what there is.
"""

from __future__ import annotations

from typing import Annotated

import typer

from ktrdr_engine.cli.running import running

strategies = typer.Typer(help="List, show, check and begin strategies.")
models = typer.Typer(help="List and show trained models.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]
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
