"""Strategies listed, read and saved."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from ktrdr_engine.authoring.replies import SavedStrategy, StrategyPage, StrategyRow, StrategyText
from ktrdr_engine.catalog import page_rows, row_or_problem
from ktrdr_engine.errors import ModelError
from ktrdr_engine.strategy.summary import plain_words

if TYPE_CHECKING:
    from ktrdr_engine.authoring.shelves import Shelves
    from ktrdr_engine.strategy.library import Strategy

_LINE = 160


def strategy_page(shelves: Shelves, limit: int = 100, offset: int = 0) -> StrategyPage:
    """Return the strategies from `offset` on by name; a broken file is listed with its problem."""
    rows, total = page_rows(
        shelves.strategies, partial(strategy_row, shelves), lambda odd: StrategyRow(**odd._asdict()), limit, offset
    )
    return StrategyPage(strategies=rows, total=total, returned=len(rows))


def strategy_row(shelves: Shelves, name: str) -> StrategyRow:
    """Return what a list says of the file `name`.

    Raises:
        StrategyError: No such file; never for one with mistakes.
    """
    source = shelves.strategies.source(name)
    return row_or_problem(
        lambda: _row(shelves, name, source),
        lambda problem: StrategyRow(name=name, source=source, problem=one_line(problem)),
    )


def _row(shelves: Shelves, name: str, source: str) -> StrategyRow:
    config = shelves.strategies.load(name).config
    return StrategyRow(
        name=name,
        version=config.version,
        description=one_line(config.description),
        timeframes=" ".join(config.training_data.timeframes.names),
        model_type=config.model.type,
        source=source,
        newest_model=newest_model(shelves, config.name) if config.model.is_trained else None,
    )


def get_strategy(shelves: Shelves, name: str, version: str | None = None) -> StrategyText:
    """Return a strategy, or with the first letters of a sha256 an earlier text of it.

    Raises:
        StrategyError: No such file or version, or it has mistakes; all are listed.
    """
    library = shelves.strategies
    strategy = library.load_version(name, version) if version else library.load(name)
    return strategy_text(strategy, source=library.source(name), versions=library.versions(name))


def strategy_text(strategy: Strategy, *, source: str, versions: list[str]) -> StrategyText:
    """Return a strategy that was read as an answer."""
    return StrategyText(
        name=strategy.name,
        source=source,
        sha256=strategy.sha256,
        yaml=strategy.text,
        summary=plain_words(strategy.config),
        features=len(strategy.config.feature_plan().names),
        versions=tuple(versions[:20]),
    )


def save_strategy(shelves: Shelves, name: str, text: str, expected_sha256: str | None = None) -> SavedStrategy:
    """Check a text and write it as the user's own file.

    Raises:
        StrategyError, StrategyConflict, StorageError: As `StrategyLibrary.save`.
    """
    saved = shelves.strategies.save(name, text, expected_sha256=expected_sha256)
    return SavedStrategy(
        strategy_config_path=f"strategies/{saved.file_name}",
        sha256=saved.sha256,
        previous_sha256=saved.previous_sha256,
        shadows_shipped=saved.shadows_shipped,
        summary=plain_words(saved.config),
    )


def newest_model(shelves: Shelves, strategy_name: str) -> str | None:
    """Return the newest model that was trained for a strategy, whatever its symbols, or None when none was."""
    with contextlib.suppress(ModelError):
        return shelves.models.newest_for(strategy_name)
    return None


def one_line(text: str) -> str:
    """Return the beginning of a text without line breaks."""
    line = " ".join(text.split())
    return line if len(line) <= _LINE else f"{line[: _LINE - 3]}..."
