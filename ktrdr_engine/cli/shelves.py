"""What `ktrdr strategies` and `ktrdr models` print: the answers of `authoring`, as tables or as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from pydantic import BaseModel
from rich.console import Console

from ktrdr_engine.authoring.checking import check_strategy
from ktrdr_engine.authoring.models import model_card, model_page
from ktrdr_engine.authoring.strategies import get_strategy, strategy_page
from ktrdr_engine.authoring.templates import new_strategy_text
from ktrdr_engine.cli.asking import ask
from ktrdr_engine.cli.fitting import print_fitted
from ktrdr_engine.cli.running import BAD_INPUT, DONE, print_json
from ktrdr_engine.cli.tables import listing
from ktrdr_engine.cli.visible import visible
from ktrdr_engine.errors import StrategyError
from ktrdr_engine.number_format import plain

if TYPE_CHECKING:
    from ktrdr_engine.authoring.replies import StrategyCheck
    from ktrdr_engine.composition import Application
    from ktrdr_engine.settings import Settings


_ALL = 1_000_000
_STRATEGY_COLUMNS = ("name", "source", "timeframes", "model_type", "newest_model", "description")
_MODEL_COLUMNS = (
    "name",
    "strategy",
    "symbols",
    "timeframes",
    "trained",
    "validation",
    "test",
    "test_accuracy",
    "strategy_state",
)
_SPARE = {
    "strategies": ("newest model", "source", "model type"),
    "models": ("timeframes", "strategy", "test accuracy", "validation", "trained", "symbols"),
}
_SPLIT_NUMBERS = ("rows", "loss", "accuracy", "majority_baseline")
_SUFFIXES = (".yaml", ".yml")


def show_strategies(settings: Settings, *, as_json: bool) -> None:
    """Print the strategies; one that cannot be loaded is shown with its mistakes."""
    page = ask(settings, lambda application: strategy_page(application.shelves, _ALL))
    _show_rows("strategies", _STRATEGY_COLUMNS, page.strategies, as_json=as_json)


def show_models(settings: Settings, *, as_json: bool) -> None:
    """Print the models and what each was trained for."""
    page = ask(settings, lambda application: model_page(application.shelves, _ALL))
    _show_rows("models", _MODEL_COLUMNS, page.models, as_json=as_json)


def show_strategy(settings: Settings, name: str, version: str | None, *, as_json: bool) -> None:
    """Print one strategy."""
    found = ask(settings, lambda application: get_strategy(application.shelves, name, version))
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    typer.echo(visible(found.summary))
    typer.echo(
        f"\n# {found.name} ({found.source}), sha256 {found.sha256}, {found.features} features\n{visible(found.yaml)}"
    )


def validate(settings: Settings, file: str, *, as_json: bool) -> int:
    """Print what is wrong with a strategy, or what it resolves to, and return the exit code."""
    text = _text_of(file)
    check = ask(
        settings, lambda application: check_strategy(application.shelves, text=text, name=None if text else file)
    )
    if as_json:
        print_json(check.model_dump(mode="json"))
    else:
        for line in _check_lines(check):
            typer.echo(visible(line), err=not check.valid)
    return DONE if check.valid else BAD_INPUT


def begin_strategy(settings: Settings, name: str, like: str, *, as_json: bool) -> None:
    """Write a starting file of the user's own and print where it is."""

    def write(application: Application) -> str:
        strategies = application.shelves.strategies
        bare = name.removeprefix("strategies/").removesuffix(".yaml")
        return strategies.save(bare, new_strategy_text(strategies.load(like), bare)).file_name

    path = settings.ktrdr_home / "strategies" / ask(settings, write)
    if as_json:
        print_json({"strategy_config_path": f"strategies/{path.name}", "file": str(path)})
        return
    typer.echo(f"Wrote {path}")
    typer.echo(f"Next: edit it, then ktrdr strategies validate {path.stem}")


def show_model(settings: Settings, name: str, *, as_json: bool) -> None:
    """Print one model."""
    card = ask(settings, lambda application: model_card(application.shelves, name))
    if as_json:
        print_json(card)
        return
    console = Console()
    console.print(listing(name, ("", ""), _model_facts(card)))
    splits = [
        (split, *_days(one["range"]), *(_number(one[column]) for column in _SPLIT_NUMBERS))
        for split, one in card["metrics"].items()
    ]
    columns = ("split", "from", "to", "rows", "loss", "accuracy", "majority")
    console.print(listing("how it classifies", columns, splits))


def _text_of(file: str) -> str | None:
    """Return the text behind a path or `-`; None for a name."""
    if file == "-":
        return sys.stdin.read()
    path = Path(file)
    if path.suffix not in _SUFFIXES or not path.is_file():
        return None
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StrategyError(f"{file}: cannot be read ({error}).") from error


def _check_lines(check: StrategyCheck) -> Iterable[str]:
    if not check.valid:
        yield f"Not valid: {check.mistakes} mistake{'s' * (check.mistakes != 1)}."
        yield from (f"- {one.sentence}" for one in check.errors)
        return
    yield f"Valid: {check.n_features} features, warm-up {check.warmup_bars} bars."
    yield from (f"  {name}" for name in check.features)
    yield f"Models that fit: {', '.join(check.models) or 'none'}." if check.trained else "It needs no training."
    yield f"Prices of its symbols: {', '.join(check.datasets) or 'none'}."


def _model_facts(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    trained, read = card["training_range"], card["read_bars"]
    return [
        ("strategy", f"{card['strategy_name']} ({card['strategy_state']})"),
        ("trained on", f"{', '.join(card['symbols'])} {', '.join(card['timeframes'])}"),
        ("from", f"{trained['start']} to {trained['end']}"),
        *((f"bars read of {one['symbol']}", f"{one['start']} to {one['end']}") for one in read),
        ("features", str(len(card["feature_names"]))),
        ("labels", ", ".join(f"{name} {value}" for name, value in card["labels"].items())),
        ("epochs", f"{card['epochs_run']}, best {card['best_epoch']}"),
        ("seed", str(card["seed"])),
        ("created", card["created_at"]),
    ]


def _days(range: Mapping[str, str] | None) -> tuple[str, str]:
    return (range["start"][:10], range["end"][:10]) if range else ("", "")


def _number(value: object) -> str:
    return plain(value) if isinstance(value, float) else str(value)


def _show_rows(title: str, columns: tuple[str, ...], rows: Iterable[BaseModel], *, as_json: bool) -> None:
    plain = [row.model_dump(mode="json", exclude_defaults=True) for row in rows]
    if as_json:
        print_json(plain)
        return
    # What cannot be used says why where the others say most.
    cells = (
        [_cell(row, name) for name in columns[:-1]] + [row.get("problem") or _cell(row, columns[-1])] for row in plain
    )
    print_fitted(f"{len(plain)} {title}", [name.replace("_", " ") for name in columns], cells, spare=_SPARE[title])


def _cell(row: Mapping[str, Any], name: str) -> str:
    if name == "trained" and "trained_from" in row:
        return f"{row['trained_from'][:10]}..{row['trained_to'][:10]}"
    return _number(row.get(name, ""))
