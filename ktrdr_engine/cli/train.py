"""`ktrdr train`: one training in this process, watched until it ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ktrdr_engine.cli.tables import listing
from ktrdr_engine.cli.watching import run_watched
from ktrdr_engine.number_format import percent
from ktrdr_engine.training.models import TrainingRequest

if TYPE_CHECKING:
    from rich.table import Table

    from ktrdr_engine.settings import Settings


def run_training(settings: Settings, arguments: Mapping[str, Any], *, as_json: bool) -> int:
    """Run the training, watched, and return the exit code.

    Raises:
        KtrdrError: It could not be started.
    """
    request = TrainingRequest.parse(arguments)
    return run_watched(
        settings, lambda application: application.training.run_training(request), as_json=as_json, more=_splits
    )


def _splits(results: Mapping[str, Any]) -> Iterator[Table]:
    splits: Mapping[str, Mapping[str, Any]] = results.get("splits", {})
    if splits:
        columns = ("part", "bars", "rows", "accuracy", "majority", "recall BUY, HOLD, SELL")
        yield listing("", columns, (_row(name, split) for name, split in splits.items()))


def _row(name: str, split: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        name,
        f"{split['first_bar'][:10]} to {split['last_bar'][:10]}",
        f"{split['rows']:,}",
        percent(split["accuracy"], 1),
        f"{percent(split['majority_baseline'], 1)} {split['majority']}",
        "/".join(
            "-" if recall is None else percent(recall, 0).removesuffix(" %") for recall in split["recall"].values()
        )
        + " %",
    )
