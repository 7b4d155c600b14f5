"""A training as arrays: its metrics over the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ktrdr_engine.operations.models import Operation

_INDEX: Final = "epoch"
_BEST: Final = "is_best"


@dataclass(frozen=True, slots=True, eq=False)
class Epochs:
    """A training, ready to be drawn; it has at least one epoch.

    Attributes:
        operation: Whose training it is.
        epoch: (n,) rising, counted from 1.
        columns: Each metric that is a number, (n,), NaN where an epoch has none.
        best: The epoch whose weights were kept, or None if nothing says which.
        baseline: The accuracy, on the validation rows, of always giving their most frequent label, where it is known.
    """

    operation: Operation
    epoch: NDArray[np.float64]
    columns: Mapping[str, NDArray[np.float64]]
    best: int | None
    baseline: float | None = None

    def of(self, word: str) -> dict[str, NDArray[np.float64]]:
        """Return the columns whose names end in `word`, as in `train_loss`, or are it."""
        return {name: values for name, values in self.columns.items() if name.split("_")[-1] == word}


def epochs_of(operation: Operation, entries: Sequence[Mapping[str, Any]]) -> Epochs:
    """Return the training that wrote `entries`, at least one, into the metrics bucket `epochs`."""
    epoch = np.array([entry.get(_INDEX, row + 1) for row, entry in enumerate(entries)], np.float64)
    names = [name for name in entries[0] if name not in (_INDEX, _BEST)]
    columns = {name: [_number(entry.get(name)) for entry in entries] for name in names}
    numeric = {name: np.array(values) for name, values in columns.items() if not np.isnan(values).all()}
    return Epochs(operation, epoch, numeric, _best(operation, entries, epoch), _baseline(operation))


def _best(operation: Operation, entries: Sequence[Mapping[str, Any]], epoch: NDArray[np.float64]) -> int | None:
    """Return the last epoch marked best, or the one the results name."""
    marked = [int(at) for at, entry in zip(epoch, entries, strict=True) if entry.get(_BEST)]
    named = (operation.results or {}).get("best_epoch")
    return marked[-1] if marked else int(named) if isinstance(named, int) else None


def _baseline(operation: Operation) -> float | None:
    """Return the baseline that the results tell, or the request while there are none."""
    told = (operation.results or {}).get("validation_majority_baseline")
    asked = operation.metadata.get("majority_baseline")
    found = told if told is not None else asked.get("validation") if isinstance(asked, dict) else None
    return float(found) if isinstance(found, int | float) else None


def _number(value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else np.nan  # type: ignore[arg-type]  # the line above says that it is a number
