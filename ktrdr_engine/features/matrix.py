"""FeatureMatrix: the rows a network reads, with the names of their columns.

Lags are kept as one column each and spread out only for the rows asked for. Normalisation belongs to the model,
not here: raw inputs stand as their indicators gave them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.alignment import newest_closed
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.errors import DataError
from ktrdr_engine.features.formulas import Column
from ktrdr_engine.features.fuzzy import check, fill
from ktrdr_engine.features.indicators import compute
from ktrdr_engine.features.plan import FeaturePlan, FuzzyInput, MembershipPlan, RawInput

_Piece = Column | NDArray[np.float32]

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


class Listener(NamedTuple):
    """Who hears how far the features are, after each chunk of work; what it raises ends the computation.

    Attributes:
        on_indicator: Called with how many indicators are computed, and how many there are.
        on_rows: Called with how many rows of the matrix are filled, and how many there are.
    """

    on_indicator: Callable[[int, int], None]
    on_rows: Callable[[int, int], None]


def build_features(
    plan: FeaturePlan, series: BarSeries, higher: Sequence[BarSeries] = (), *, listener: Listener | None = None
) -> FeatureMatrix:
    """Compute every feature of the plan over the whole series, at once.

    Args:
        plan: What to compute.
        series: The bars decided on; row i of the matrix is what is known at the close of bar i.
        higher: The bars of each longer timeframe of the plan, in any order. They are computed on their own bars; a row
            holds the values of the newest one that has closed, NaN before the first.
        listener: Hears of each indicator and each chunk of rows.

    Raises:
        StrategyError: The plan names an indicator, a function or a parameter that does not exist.
        DataError: The bars of a timeframe are missing, or cannot be aligned.
    """
    heard = listener or Listener(_unheard, _unheard)
    writers = list(_writers(plan, _by_timeframe(plan, series, higher, heard.on_indicator)))
    base = np.empty((len(series), len(writers)), dtype=np.float32)
    # A value beyond the range of float32 becomes infinite; whoever decides on the row counts that.
    with np.errstate(over="ignore"):
        for rows in _chunks(len(series)):
            for column, write in enumerate(writers):
                base[rows, column] = write(rows)
            heard.on_rows(min(rows.stop, len(series)), len(series))
    return FeatureMatrix(plan.names, base, plan.lags)


class _Computed(NamedTuple):
    """The indicators of one timeframe, and which of its bars each row sees; None where it is the row's own."""

    bars: int
    columns: dict[str, dict[str, Column]]
    seen: NDArray[np.intp] | None


def _unheard(_done: int, _total: int) -> None:
    """Tell nobody."""


def _by_timeframe(
    plan: FeaturePlan, series: BarSeries, higher: Sequence[BarSeries], on_indicator: Callable[[int, int], None]
) -> dict[str, _Computed]:
    given = {one.timeframe.value: one for one in higher} | {plan.timeframe: series}
    missing = [timeframe for timeframe in plan.timeframes if timeframe not in given]
    if missing:
        raise DataError(f"{series.symbol}: the features need {', '.join(missing)} bars too. Give them as well.")
    wanted = [(timeframe, indicator) for timeframe in plan.timeframes for indicator in plan.used_on(timeframe)]
    columns: dict[str, dict[str, dict[str, Column]]] = {timeframe: {} for timeframe in plan.timeframes}
    for done, (timeframe, indicator) in enumerate(wanted, 1):
        columns[timeframe][indicator.id] = compute(indicator, given[timeframe])
        on_indicator(done, len(wanted))
    return {
        timeframe: _Computed(
            len(given[timeframe]),
            columns[timeframe],
            newest_closed(series, given[timeframe]) if timeframe in plan.higher else None,
        )
        for timeframe in plan.timeframes
    }


def _chunks(rows: int) -> Iterator[slice]:
    return (slice(first, first + _CHUNK) for first in range(0, rows, _CHUNK))


def _writers(plan: FeaturePlan, computed: dict[str, _Computed]) -> Iterator[Callable[[slice], _Piece]]:
    """Yield, for each column at lag 0, what gives a piece of it."""
    for item, timeframe in plan.readings():
        bars, columns, seen = computed[timeframe]
        for write in _of_own_bars(item, columns[item.indicator]):
            yield write if seen is None else _aligned(write, bars, seen)


def _of_own_bars(item: FuzzyInput | RawInput, outputs: dict[str, Column]) -> Iterator[Callable[[slice], _Piece]]:
    values = outputs[item.output or next(iter(outputs))]
    if isinstance(item, RawInput):
        yield values.__getitem__
        return
    for degree in item.memberships:
        check(degree.function, degree.parameters)
        yield _degrees(values, degree)


def _aligned(write: Callable[[slice], _Piece], bars: int, seen: NDArray[np.intp]) -> Callable[[slice], _Piece]:
    # One more than there are bars: -1, no bar seen yet, finds the NaN at the end.
    column = np.full(bars + 1, np.nan, dtype=np.float32)
    with np.errstate(over="ignore"):
        for rows in _chunks(bars):
            column[rows.start : min(rows.stop, bars)] = write(rows)
    return lambda rows: column[seen[rows]]


def _degrees(values: Column, degree: MembershipPlan) -> Callable[[slice], Column]:
    scratch = np.empty(_CHUNK)

    def write(rows: slice) -> Column:
        piece = values[rows]
        out = scratch[: len(piece)]
        fill(degree.function, piece, degree.parameters, out)
        return out

    return write
