"""Models listed, and one in full."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ktrdr_engine.authoring.replies import ModelPage, ModelRow
from ktrdr_engine.authoring.strategies import one_line
from ktrdr_engine.bars.dates import parse_stamp
from ktrdr_engine.catalog import page_rows, row_or_problem
from ktrdr_engine.errors import StrategyError
from ktrdr_engine.inference.agreement import differences

if TYPE_CHECKING:
    from ktrdr_engine.authoring.shelves import Shelves
    from ktrdr_engine.inference.metadata import ModelMetadata


def model_page(shelves: Shelves, limit: int = 100, offset: int = 0) -> ModelPage:
    """Return the models from `offset` on by name; a file that cannot be used is listed with its problem."""
    rows, total = page_rows(
        shelves.models, partial(model_row, shelves), lambda odd: ModelRow(**odd._asdict()), limit, offset
    )
    return ModelPage(models=rows, total=total, returned=len(rows))


def model_row(shelves: Shelves, name: str) -> ModelRow:
    """Return what a list says of the file `name`.

    Raises:
        ModelError: No such file; never for one that cannot be used.
    """
    source = shelves.models.source(name)
    return row_or_problem(
        lambda: _row(shelves, name, source),
        lambda problem: ModelRow(name=name, source=source, problem=one_line(problem)),
    )


def _row(shelves: Shelves, name: str, source: str) -> ModelRow:
    metadata = shelves.models.metadata(name)
    test = metadata.metrics.get("test")
    return ModelRow(
        name=name,
        strategy=metadata.strategy_name,
        symbols=", ".join(metadata.symbols),
        timeframes=", ".join(metadata.timeframes),
        trained_from=metadata.training_range.start,
        trained_to=metadata.training_range.end,
        read_to=max((read.end for read in metadata.read_bars), key=parse_stamp, default=""),
        validation=_days(metadata, "validation"),
        test=_days(metadata, "test"),
        test_accuracy=test and test.accuracy,
        majority_accuracy=test and test.majority_baseline,
        created_at=metadata.created_at,
        source=source,
        strategy_state=strategy_state(shelves, metadata),
        partial=metadata.partial,
    )


def _days(metadata: ModelMetadata, part: str) -> str:
    """Return the first and the last day of a split's rows; empty where the file does not tell."""
    metrics = metadata.metrics.get(part)
    return f"{metrics.range.start[:10]}..{metrics.range.end[:10]}" if metrics and metrics.range else ""


def model_card(shelves: Shelves, name: str) -> dict[str, Any]:
    """Return all a model file says of itself, JSON-ready: the whole strategy it was trained for included.

    Raises:
        ModelError: No such file, or it cannot be used; says why.
    """
    metadata = shelves.models.metadata(name)
    # A digest is for comparing, and long.
    card = metadata.model_dump(mode="json", exclude={"read_bars": {"__all__": {"digest"}}})
    return {"strategy_state": strategy_state(shelves, metadata), **card}


def strategy_state(shelves: Shelves, metadata: ModelMetadata) -> str:
    """Say whether the strategy's file is still the one the model was trained for, or can still work with it."""
    try:
        strategy = shelves.strategies.load(metadata.strategy_name)
        plan = strategy.config.feature_plan()
    except StrategyError as error:
        return one_line(f"cannot be used: {error.message}")
    if strategy.sha256 == metadata.strategy_sha256:
        return "unchanged"
    if found := differences(metadata.feature_plan, plan):
        return one_line(f"computes other features now, train again: {found[0]}")
    return "changed, the features still agree"
