"""`ktrdr strategies` and `models`: what can be named in a backtest, and what each is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import anyio
from rich.console import Console

from ktrdr_engine.cli.running import print_json
from ktrdr_engine.cli.tables import listing
from ktrdr_engine.composition import open_application
from ktrdr_engine.errors import InputError

if TYPE_CHECKING:
    from ktrdr_engine.composition import Application
    from ktrdr_engine.settings import Settings

Row = dict[str, str | int]


def show_strategies(settings: Settings, *, as_json: bool) -> None:
    """Print the strategies; one that cannot be loaded is shown with its mistakes."""
    _show("strategies", _gather(settings, _strategies), as_json=as_json)


def show_models(settings: Settings, *, as_json: bool) -> None:
    """Print the models and what each was trained for."""
    _show("models", _gather(settings, _models), as_json=as_json)


def _strategies(application: Application) -> list[Row]:
    def describe(name: str) -> Row:
        config = application.strategies.load(name).config
        return {"name": name, "description": config.description or ""}

    return _each(application.strategies.names(), describe)


def _models(application: Application) -> list[Row]:
    def describe(name: str) -> Row:
        metadata = application.models.load(name).metadata
        trained = f"{metadata.training_range.start[:10]} to {metadata.training_range.end[:10]}"
        on = f"{', '.join(metadata.symbols)} {', '.join(metadata.timeframes)}"
        return {"name": name, "strategy": metadata.strategy_name, "trained on": on, "range": trained}

    return _each(application.models.names(), describe)


def _each(names: Sequence[str], describe: Callable[[str], Row]) -> list[Row]:
    rows: list[Row] = []
    for name in names:
        try:
            rows.append(describe(name))
        except InputError as error:
            rows.append({"name": name, "problem": error.message})
    return rows


def _gather(settings: Settings, question: Callable[[Application], list[Row]]) -> list[Row]:
    async def gathered() -> list[Row]:
        async with open_application(settings) as application:
            return question(application)

    return anyio.run(gathered)


def _show(title: str, rows: list[Row], *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    columns = list(dict.fromkeys(column for row in rows for column in row))
    cells = ([str(row.get(column, "")) for column in columns] for row in rows)
    Console().print(listing(f"{len(rows)} {title}", columns, cells))
