"""From probabilities to signals: the first rule of "Decision". What the account makes of a signal is the kernel's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.errors import InvalidRequest
from ktrdr_engine.simulation.models import BUY, HOLD, SELL

_CHUNK = 65_536  # rows whose intermediate arrays stay in the cache, and out of the memory goal


_ROUNDING = 2.0**-21
"""What two ways to the same probability may differ by: two units in the last place of a float32 below 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """One signal a bar, known at its close; counts and maxima are over the rows from `start` on.

    Args:
        codes: (n,) int8: BUY, HOLD or SELL.
        buys: Rows that decided BUY.
        sells: Rows that decided SELL.
        warmup: Rows that decided HOLD because their features were not known.
        alike: Rows that decided HOLD although neither HOLD nor the threshold stood against BUY or SELL, because both
            were equally probable.
        nonfinite: Rows that decided HOLD because a probability was NaN or infinite although the features were known.
        max_buy: Highest BUY probability of the finite rows; None when there is none.
        max_sell: Highest SELL probability of the finite rows; None when there is none.
        confidence_threshold: The threshold that was applied.
        first: The first row, from `start` on, whose probabilities are finite, so that it could have decided; n where
            there is none.
    """

    codes: NDArray[np.int8]
    buys: int
    sells: int
    warmup: int
    alike: int
    nonfinite: int
    max_buy: float | None
    max_sell: float | None
    confidence_threshold: float
    first: int


def decide(
    probabilities: NDArray[np.float32],
    confidence_threshold: float,
    *,
    start: int = 0,
    known: NDArray[np.bool_] | None = None,
) -> Decisions:
    """Return each row's most probable class, or HOLD where its probability is below the threshold.

    A row with a NaN or infinite probability decides HOLD, and so does one that finds BUY and SELL equally probable, up
    to rounding: they contradict each other. Between HOLD and one of them that one's probability must be higher for
    SELL, and not lower for BUY. The threshold is compared in the precision of the probabilities.

    Args:
        probabilities: (n, 3): BUY, HOLD, SELL.
        confidence_threshold: In [0, 1].
        start: First row of the requested range; the rows before it decide, but count nowhere.
        known: (n,) whether the row's features were all finite; None takes the rows before the first finite one as
            warm-up and all others as known.

    Raises:
        InvalidRequest: The shape or the threshold is wrong.
    """
    if probabilities.ndim != 2 or probabilities.shape[1] != 3:
        raise InvalidRequest(f"Probabilities must have the shape (n, 3), not {probabilities.shape}.")
    if not 0 <= confidence_threshold <= 1:
        raise InvalidRequest(f"confidence_threshold={confidence_threshold!r} must be in [0, 1], such as 0.6.")
    codes = np.empty(len(probabilities), np.int8)
    finite, alike = np.empty(len(probabilities), np.bool_), np.empty(len(probabilities), np.bool_)
    highest = np.full(3, -np.inf)
    for first in range(0, len(codes), _CHUNK):
        rows = slice(first, first + _CHUNK)
        columns = probabilities[rows].T.copy()
        _decide_chunk(columns, confidence_threshold, codes[rows], finite[rows], alike[rows])
        counted = finite[rows].copy()
        counted[: max(start - first, 0)] = False
        np.maximum(highest, columns.max(axis=1, where=counted, initial=-np.inf), out=highest)
    return Decisions(
        codes=codes,
        buys=int(np.count_nonzero(codes[start:] == BUY)),
        sells=int(np.count_nonzero(codes[start:] == SELL)),
        alike=int(np.count_nonzero(alike[start:])),
        **_count_unusable(finite, known, start),
        max_buy=float(highest[BUY]) if np.isfinite(highest[BUY]) else None,
        max_sell=float(highest[SELL]) if np.isfinite(highest[SELL]) else None,
        confidence_threshold=confidence_threshold,
        first=start + int(finite[start:].argmax()) if finite[start:].any() else len(finite),
    )


def _decide_chunk(
    columns: NDArray[np.float32],
    threshold: float,
    codes: NDArray[np.int8],
    finite: NDArray[np.bool_],
    alike: NDArray[np.bool_],
) -> None:
    """Write the signals of one chunk, which of its rows are finite, and which found BUY and SELL alike."""
    buy, hold, sell = columns[BUY], columns[HOLD], columns[SELL]
    with np.errstate(invalid="ignore"):  # inf - inf is what is looked for
        np.isfinite(buy + hold + sell, out=finite)
        apart = np.abs(buy - sell) > _ROUNDING
    bought = finite & (buy >= hold) & (buy >= sell) & (buy >= threshold)
    sold = finite & (sell > buy) & (sell > hold) & (sell >= threshold)
    np.logical_and(bought | sold, ~apart, out=alike)
    bought &= apart
    sold &= apart
    np.subtract(sold.view(np.int8), bought.view(np.int8), out=codes)
    codes += HOLD


def _count_unusable(finite: NDArray[np.bool_], known: NDArray[np.bool_] | None, start: int) -> dict[str, int]:
    if known is None:
        warmup = int(finite.argmax()) if finite.any() else len(finite)
        known = np.ones(len(finite), np.bool_)
        known[:warmup] = False
    return {
        "warmup": int(np.count_nonzero(~known[start:])),
        "nonfinite": int(np.count_nonzero(known[start:] & ~finite[start:])),
    }
