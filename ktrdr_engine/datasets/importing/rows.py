"""What a file says, row by row, before it is judged."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.datasets.importing.numerals import Numbers
from ktrdr_engine.datasets.importing.stamps import Stamps


@dataclass(slots=True)
class Rows:
    """The columns of a file.

    Attributes:
        number: Shape (n,), of each row, from 1 below the header.
        stamps: The times.
        prices: Open, high, low, close.
        volumes: Those that may be the volume; the first that is not all zero is. Empty: there is none.
        volume_names: Theirs.
        title: How the file was recognised, for a note; "": as a file of our own form, which needs none.
        clock: What is known of the clock of stamps without zone; "": nothing.
        header: The name of the column of times, which a header repeated in the file shows again.
        misfit_rows: Numbers of rows with too few or too many cells.
        misfits: Of the first of these: how many cells, and the text.
        width: How many cells a row has.
        unused: Names of the columns not read.
    """

    number: NDArray[np.int64]
    stamps: Stamps
    prices: tuple[Numbers, ...]
    volumes: tuple[Numbers, ...]
    volume_names: tuple[str, ...]
    title: str
    clock: str = ""
    header: str = ""
    misfit_rows: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    misfits: list[tuple[int, str]] = field(default_factory=list)
    width: int = 0
    unused: tuple[str, ...] = ()
