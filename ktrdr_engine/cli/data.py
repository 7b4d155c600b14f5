"""`ktrdr data`: which prices there are, all that is known of some, and loading others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from ktrdr_engine.cli.asking import ask
from ktrdr_engine.cli.fitting import print_fitted
from ktrdr_engine.cli.running import print_json
from ktrdr_engine.cli.tables import listing, results_table
from ktrdr_engine.cli.watching import run_watched
from ktrdr_engine.datasets.models import DatasetRow, LoadRequest

if TYPE_CHECKING:
    from ktrdr_engine.settings import Settings

_COLUMNS = ("symbol", "timeframe", "bars", "first", "last", "gaps", "market", "source", "loaded from")
_SPARE = ("gaps", "source", "market")


def load_prices(settings: Settings, arguments: Mapping[str, Any], *, as_json: bool) -> int:
    """Load, show how far it is on stderr and the results on stdout, and return the exit code.

    Raises:
        KtrdrError: The load could not be started.
    """
    request = LoadRequest.parse(arguments)
    return run_watched(settings, lambda application: application.datasets.load_data(request), as_json=as_json)


def show_list(settings: Settings, *, as_json: bool) -> None:
    """Print the datasets and the range each covers; a file that cannot be used is shown with its problem."""
    from ktrdr_engine.datasets.listing import dataset_page

    rows = ask(settings, lambda application: dataset_page(application.bars, limit=100_000)).datasets
    if as_json:
        print_json([row.model_dump(mode="json", exclude_defaults=row.problem is not None) for row in rows])
        return
    print_fitted(f"{len(rows)} datasets", _COLUMNS, map(_cells, rows), spare=_SPARE)


def show_one(settings: Settings, symbol: str, timeframe: str, *, as_json: bool) -> None:
    """Print all that is known of a dataset.

    Raises:
        DataError: It is unknown, or its file breaks a rule.
    """
    from ktrdr_engine.datasets.listing import dataset_card

    card = ask(settings, lambda application: dataset_card(application.bars, symbol, timeframe))
    if as_json:
        print_json(card)
        return
    console = Console()
    console.print(results_table(card, f"{symbol} {timeframe}"))
    if gaps := card["longest_gaps"]:
        rows = ([gap["first"], gap["last"], str(gap["bars"])] for gap in gaps)
        console.print(listing("longest gaps", ("first missing", "last missing", "bars"), rows))
    if spikes := card["spikes"]:
        console.print(listing("jumps to check", ("bar",), ([words] for words in spikes)))
    spans = [(label, *span) for label, covered in card["covered"].items() for span in covered]
    if spans:
        console.print(listing("asked for already", ("source", "from", "to"), spans))


def show_market(settings: Settings, symbol: str, timeframe: str, *, as_json: bool) -> None:
    """Print the market of a dataset.

    Raises:
        DataError: It is unknown, or its file breaks a rule.
    """
    market = ask(settings, lambda application: application.bars.load(symbol, timeframe).market)
    if as_json:
        print_json({"market": market.name, "market_inferred": market.inferred})
        return
    typer.echo(f"{symbol} {timeframe}: {_market(market.name, inferred=market.inferred)}")


def set_market(settings: Settings, symbol: str, timeframe: str, name: str, *, as_json: bool) -> None:
    """Store the market of a dataset and print it.

    Raises:
        DataError: Market or dataset are unknown, or its file cannot be read.
        DatasetBusy: A load writes the same bars.
        StorageError: It cannot be written.
    """
    from ktrdr_engine.datasets.markets import say_market

    ask(settings, lambda application: say_market(name, symbol, timeframe, application.bars, settings.ktrdr_home))
    show_market(settings, symbol, timeframe, as_json=as_json)


def _market(name: str, *, inferred: bool) -> str:
    return f"{name} (inferred)" if inferred else name


def _cells(row: DatasetRow) -> tuple[str, ...]:
    if row.problem:
        return row.symbol, row.timeframe, "", "", "", "", "", "", f"CANNOT BE USED: {row.problem}"
    return (
        row.symbol,
        row.timeframe,
        f"{row.bars:,}",
        row.first[:10],
        row.last[:10],
        str(row.gaps),
        _market(row.market, inferred=row.market_inferred),
        row.source,
        row.loaded_from,
    )
