"""FeatureMatrix: the rows a network reads, with the names of their columns.

Lags are kept as one column each and spread out only for the rows asked for. Normalisation belongs to the model,
not here: raw inputs stand as their indicators gave them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.errors import DataError
from ktrdr_engine.features.formulas import Column
from ktrdr_engine.features.fuzzy import check, fill
from ktrdr_engine.features.indicators import compute
from ktrdr_engine.features.plan import FeaturePlan, FuzzyInput, MembershipPlan

_CHUNK = 16_384
"""Rows worked on at once: what fits the processor's second cache."""


@dataclass(frozen=True, slots=True, eq=False)
class FeatureMatrix:
    """The features of a series.

    Attributes:
        names: The name of every column of `rows`, lags innermost.
        base: Shape (n_bars, n_features / (lags + 1)), the columns at lag 0, read-only; NaN during warm-up.
        lags: How many bars back each column also appears.
    """

    names: tuple[str, ...]
    base: NDArray[np.float32]
    lags: int

    def __post_init__(self) -> None:
        """Lock the array."""
        self.base.flags.writeable = False

    def __len__(self) -> int:
        return len(self.base)

    @property
    def n_features(self) -> int:
        """Return the number of columns, lags included."""
        return len(self.names)

    @property
    def values(self) -> NDArray[np.float32]:
        """Return all rows at once, shape (n_bars, n_features)."""
        return self.rows(0, len(self))

    @property
    def known(self) -> NDArray[np.bool_]:
        """Return which rows hold no NaN, shape (n_bars,); built anew on each call."""
        unknown = np.logical_or.reduce(np.isnan(self.base), axis=1)
        known: NDArray[np.bool_] = ~unknown
        for lag in range(1, self.lags + 1):
            known[lag:] &= ~unknown[:-lag]
        known[: self.lags] = False
        return known

    def rows(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return the rows [start, stop) as a new C-contiguous array, shape (stop - start, n_features).

        A lag that reaches before the first bar is NaN.

        Raises:
            IndexError: The range is not inside the matrix.
        """
        if not 0 <= start <= stop <= len(self):
            raise IndexError(f"rows [{start}, {stop}) of a matrix with {len(self)}")
        rows = np.empty((stop - start, self.base.shape[1], self.lags + 1), dtype=np.float32)
        for lag in range(self.lags + 1):
            outside = min(max(0, lag - start), stop - start)
            rows[:outside, :, lag] = np.nan
            rows[outside:, :, lag] = self.base[max(0, start - lag) : max(0, stop - lag)]
        return rows.reshape(stop - start, self.n_features)


def build_features(plan: FeaturePlan, series: BarSeries) -> FeatureMatrix:
    """Compute every feature of the plan over the whole series, at once.

    Raises:
        StrategyError: The plan names an indicator, a function or a parameter that does not exist.
        DataError: The plan needs bars of further timeframes.
    """
    if plan.higher:
        raise DataError(f"The features need {', '.join(plan.higher)} bars too, and only {plan.timeframe} were given.")
    computed = {indicator.id: compute(indicator, series) for indicator in plan.used}
    writers = list(_writers(plan, computed))
    base = np.empty((len(series), len(writers)), dtype=np.float32)
    # A value beyond the range of float32 becomes infinite; whoever decides on the row counts that.
    with np.errstate(over="ignore"):
        for first in range(0, len(series), _CHUNK):
            rows = slice(first, first + _CHUNK)
            for column, write in enumerate(writers):
                base[rows, column] = write(rows)
    return FeatureMatrix(plan.names, base, plan.lags)


def _writers(plan: FeaturePlan, computed: dict[str, dict[str, Column]]) -> Iterator[Callable[[slice], Column]]:
    """Yield, for each column at lag 0, what gives a piece of it."""
    for item in plan.inputs:
        outputs = computed[item.indicator]
        values = outputs[item.output or next(iter(outputs))]
        if isinstance(item, FuzzyInput):
            for degree in item.memberships:
                check(degree.function, degree.parameters)
                yield _degrees(values, degree)
        else:
            yield values.__getitem__


def _degrees(values: Column, degree: MembershipPlan) -> Callable[[slice], Column]:
    scratch = np.empty(_CHUNK)

    def write(rows: slice) -> Column:
        piece = values[rows]
        out = scratch[: len(piece)]
        fill(degree.function, piece, degree.parameters, out)
        return out

    return write
