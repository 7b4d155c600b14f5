"""Bars of two adjustments: what two sources, or two exports of one, tell of the same bars differs by a factor.

After a split or a dividend old prices are told times a factor. Bars of before and after do not mix: where the two meet
the price would fall by nine tenths. A bar counts as rescaled when its four prices differ by one factor, as far as their
decimals can tell; bars are of two adjustments when most that differ are rescaled and the factor holds from bar to bar
(several dividends are several factors). Volumes in two units, at equal prices, count alike.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.splits import split_ratio
from ktrdr_engine.datasets.merging import alike
from ktrdr_engine.number_format import plain

_SAME: Final = 2e-6  # relative, of prices in single precision
_MOST: Final = 0.8
_STEADY: Final = 0.9
_FEWEST: Final = 3
_DECIMALS: Final = 8


class Rescaled(NamedTuple):
    """What differs by a factor: "prices" or "volumes", in how many of the bars both have, new over old."""

    what: str
    bars: int
    shared: int
    factor: float

    @property
    def words(self) -> str:
        """Say it as part of a sentence."""
        ratio = split_ratio(self.factor, tolerance=0.005) if self.what == "prices" else None
        as_split = f", as after a split of {ratio}" if ratio else ""
        bars = f"{self.bars} of {self.shared} bars that both have"
        return f"{self.what} of {bars} differ by the factor {plain(self.factor)}{as_split}"


def find_rescaled(there: BarSeries, fresh: BarSeries) -> Rescaled | None:
    """Return what shows that the two are of two adjustments; None: nothing does."""
    _, ours, theirs = np.intersect1d(there.timestamp, fresh.timestamp, assume_unique=True, return_indices=True)
    old, new = there.prices[:, ours], fresh.prices[:, theirs]
    differs = ~alike(old, new)
    in_price = np.logical_or.reduce(differs[:4], axis=0)
    if in_price.any():
        steps = _step(there.prices[:4]), _step(fresh.prices[:4])
        found = _rescaled_prices(old[:4, in_price], new[:4, in_price], steps)
        return None if found is None else Rescaled("prices", found[0], len(ours), found[1])
    if differs[4].any():
        found = _rescaled_volumes(old[4, differs[4]], new[4, differs[4]])
        return None if found is None else Rescaled("volumes", found[0], len(ours), found[1])
    return None


def _rescaled_prices(
    old: NDArray[np.float64], new: NDArray[np.float64], steps: tuple[float, float]
) -> tuple[int, float] | None:
    """Return how many bars of shape (4, n) are rescaled, and the factor, if that is what makes them differ."""
    factor = np.median(new / old, axis=0)
    room = _SAME * new + 0.5 * steps[1] + 0.5 * steps[0] * factor
    # Twice: the factor of a bar, taken from its rounded prices, is as far off as they are.
    rescaled = (np.abs(new - factor * old) <= 2 * room).all(axis=0)
    rescaled &= np.abs(factor - 1) * new[3] > 4 * room[3]
    count = int(rescaled.sum())
    if count < _MOST * len(factor):
        return None
    factor, doubt = factor[rescaled], (room[3] / new[3])[rescaled]
    middle = float(np.median(factor))
    steady = np.abs(factor[1:] / factor[:-1] - 1) <= 2 * (doubt[1:] + doubt[:-1])
    is_split = split_ratio(middle, tolerance=max(1e-3, float(doubt.max()))) is not None
    if (count >= _FEWEST and steady.mean() >= _STEADY) or (count < _FEWEST and is_split):
        return count, middle
    return None


def _rescaled_volumes(old: NDArray[np.float64], new: NDArray[np.float64]) -> tuple[int, float] | None:
    traded = (old > 0) & (new > 0)
    if traded.sum() < max(_FEWEST, _MOST * len(old)):
        return None
    old, new = old[traded], new[traded]
    factor = float(np.median(new / old))
    room = 1e-3 * new + 0.5 * _step(new) + 0.5 * _step(old) * factor
    count = int((np.abs(new - factor * old) <= room).sum())
    return (count, factor) if abs(factor - 1) > 0.01 and count >= _MOST * len(old) else None


def _step(values: NDArray[np.float64]) -> float:
    """Return the last decimal that the values use, such as 0.01; 0: they use more than eight."""
    for decimals in range(_DECIMALS + 1):
        scaled = values * 10.0**decimals
        if (np.abs(scaled - np.round(scaled)) <= 1e-9 * np.maximum(np.abs(scaled), 1)).all():
            return float(10.0**-decimals)
    return 0.0
