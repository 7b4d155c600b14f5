"""Fresh bars into those that are there: union by open, nothing overwritten unless that was asked for.

A bar offered twice with the same values is no conflict; same means to six digits, since sources that send single
precision repeat themselves no better.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.bars.series import PRICE_COLUMNS, BarSeries
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.datasets.models import Conflict
from ktrdr_engine.errors import DataError

_SAME = 1e-6
_SHOWN = 5
_MANY = 10
_MINUTE = 60 * 1_000_000_000
_DAY = 1440 * _MINUTE
_CLOSEST = 0.9  # of a bar's length: a day of 23 hours, when clocks are put forward, is a day


class Merge(NamedTuple):
    """Bars after a merge, how many came new, how many differed, and the first of these."""

    series: BarSeries
    new: int
    conflicts: int
    first_conflicts: tuple[Conflict, ...]


def merge(there: BarSeries | None, fresh: BarSeries, *, replace: bool) -> Merge:
    """Return the union of both; where they differ the bar that is there stays, or with `replace` the fresh one.

    Raises:
        DataError: Bars of the two lie closer together than their length: they are not on the same clock.
    """
    if there is None:
        return Merge(fresh, len(fresh), 0, ())
    _, ours, theirs = np.intersect1d(there.timestamp, fresh.timestamp, assume_unique=True, return_indices=True)
    wrong = ~alike(there.prices[:, ours], fresh.prices[:, theirs])
    differing = wrong.any(axis=0)
    is_new = np.ones(len(fresh), dtype=bool)
    is_new[theirs] = False
    conflicts = int(differing.sum())
    examples = tuple(
        _example(there, fresh, int(ours[i]), int(theirs[i]), wrong[:, i]) for i in np.flatnonzero(differing)[:_SHOWN]
    )
    if not is_new.any() and not (replace and conflicts):
        return Merge(there, 0, conflicts, examples)
    prices = there.prices.copy()
    if replace:
        prices[:, ours[differing]] = fresh.prices[:, theirs[differing]]
    return Merge(_joined(there, prices, fresh, is_new), int(is_new.sum()), conflicts, examples)


def check_length(series: BarSeries) -> None:
    """Refuse bars that cannot be of the length they are said to be.

    Raises:
        DataError: Two lie closer together than their length, or of many no two lie as close as that.
    """
    _check_apart(series)
    steps = np.diff(series.timestamp)
    if len(series) >= _MANY and steps.min() > 1.5 * series.timeframe.nanoseconds:
        usual = int(np.median(steps))
        minutes = usual // _MINUTE
        apart = f"{usual // _DAY} days" if usual >= 2 * _DAY else f"{minutes} minutes"
        fits = next((length for length in Timeframe if length.nanoseconds == usual), None)
        way_on = f"Load them with timeframe={fits.value!r}" if fits else f"There are only {', '.join(Timeframe)} bars"
        raise DataError(
            f"{series.symbol}: no two bars are {series.timeframe} apart, most are {apart} apart. {way_on}.",
            details={"field": "timeframe", "value": str(series.timeframe), "minutes_apart": minutes}
            | ({"mended": {"timeframe": fits.value}} if fits else {}),
        )


def _check_apart(series: BarSeries) -> None:
    steps = np.diff(series.timestamp)
    if len(steps) and steps.min() < _CLOSEST * series.timeframe.nanoseconds:
        row = int(steps.argmin())
        first, second = (format_stamp(int(series.timestamp[i])) for i in (row, row + 1))
        raise DataError(
            f"{series.symbol}: the bars of {first} and {second} lie closer together than {series.timeframe}. "
            "Give the timeframe these bars have, or bars on the same clock as those there.",
            details={"field": "timeframe", "value": str(series.timeframe), "timestamp": second},
        )


def alike(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which values are the same, as far as single precision tells."""
    same: NDArray[np.bool_] = np.abs(ours - theirs) <= _SAME * np.maximum(ours, theirs)
    return same


def _example(there: BarSeries, fresh: BarSeries, ours: int, theirs: int, wrong: NDArray[np.bool_]) -> Conflict:
    field = int(wrong.argmax())
    return Conflict(
        timestamp=format_stamp(int(there.timestamp[ours])),
        field=PRICE_COLUMNS[field],
        there=float(there.prices[field, ours]),
        offered=float(fresh.prices[field, theirs]),
    )


def _joined(there: BarSeries, prices: NDArray[np.float64], fresh: BarSeries, is_new: NDArray[np.bool_]) -> BarSeries:
    stamps = np.concatenate((there.timestamp, fresh.timestamp[is_new]))
    order = np.argsort(stamps, kind="stable")
    columns = np.ascontiguousarray(np.concatenate((prices, fresh.prices[:, is_new]), axis=1)[:, order])
    joined = BarSeries(there.symbol, there.timeframe, stamps[order], columns, there.market)
    _check_apart(joined)
    return joined
