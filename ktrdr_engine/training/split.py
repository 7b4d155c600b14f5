"""Which rows teach, which stop the teaching, which examine: by time, never at random.

The cuts are instants, the same for all series, so that no series is examined on days another one taught. A row whose
label reaches into the next part belongs to no part: that is the purge.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.strategy.schema import DataSplit

PARTS: Final = ("train", "validation", "test")


class Cuts(NamedTuple):
    """The first instant of the validation and of the test part, nanoseconds UTC."""

    validation: int
    test: int


def cut(stamps: NDArray[np.int64], shares: DataSplit) -> Cuts:
    """Return the cuts that give each part its share of the rows.

    Args:
        stamps: int64 ns, shape (n_rows,), at least one: those of all rows of all series, in any order.
        shares: Of train and validation; test is the rest.
    """
    ordered = np.sort(stamps)
    places = (shares.train, shares.train + shares.validation)
    validation, test = (int(ordered[min(int(round(place * len(ordered), 6)), len(ordered) - 1)]) for place in places)
    return Cuts(validation, test)


def parts(stamps: NDArray[np.int64], known: NDArray[np.int64], cuts: Cuts) -> dict[str, NDArray[np.intp]]:
    """Return the row numbers of each part, in order.

    Args:
        stamps: int64 ns, shape (n_rows,): when each row's bar opens.
        known: int64 ns, shape (n_rows,): when the last bar its label depends on opens.
        cuts: Where the parts begin.
    """
    train = (stamps < cuts.validation) & (known < cuts.validation)
    validation = (stamps >= cuts.validation) & (stamps < cuts.test) & (known < cuts.test)
    masks = (train, validation, stamps >= cuts.test)
    return {part: np.flatnonzero(mask) for part, mask in zip(PARTS, masks, strict=True)}
