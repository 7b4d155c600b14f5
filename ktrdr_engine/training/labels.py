"""What the network is taught: for each bar, whether the time to come asked for BUY, HOLD or SELL.

Labels look ahead, that is their purpose; `reach` says how far, so that `split` can keep them out of later rows.
Features never look ahead and are not made here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.strategy.schema import Labels

BUY, HOLD, SELL, UNKNOWN = 0, 1, 2, -1


class Labelled(NamedTuple):
    """The labels of a series.

    Attributes:
        codes: int8, shape (n_bars,): BUY 0, HOLD 1, SELL 2 (the order of the logits); UNKNOWN -1 where the series ends
            before the answer is known.
        reach: int64, shape (n_bars,): the last bar the label depends on; later bars may change without changing it.
    """

    codes: NDArray[np.int8]
    reach: NDArray[np.int64]


def make_labels(series: BarSeries, settings: Labels) -> Labelled:
    """Label every bar of a series in the way the strategy chose.

    - `zigzag`: turning points of the closes are those from which the close moves back by `threshold`. BUY where the
      next turning point is a high no more than `lookahead` bars away and at least `threshold` above this close; SELL
      where it is a low as far below.
    - `forward_return`: BUY or SELL where the close `lookahead` bars later is at least `threshold` above or below.
    - `triple_barrier`: BUY or SELL where the high or the low of one of the next `lookahead` bars is the first to get
      `threshold` above or below this close (Lopez de Prado, Advances in Financial Machine Learning, 2018, ch. 3);
      HOLD when none does, or both in one bar.
    """
    return _SOURCES[settings.source](series, settings.threshold, settings.lookahead)


class _Turn(NamedTuple):
    bar: int
    known: int
    is_high: bool


def turning_points(close: NDArray[np.float64], threshold: float) -> list[_Turn]:
    """Return the zigzag of a price: each turn's bar, the bar at which it is known, and whether it is a high."""
    turns: list[_Turn] = []
    highest = lowest = 0
    rising: bool | None = None
    for bar, price in enumerate(close.tolist()):
        highest = bar if price > close[highest] else highest
        lowest = bar if price < close[lowest] else lowest
        if rising is not False and price <= close[highest] * (1 - threshold):
            turns.append(_Turn(highest, bar, is_high=True))
            rising, lowest = False, bar
        elif rising is not True and price >= close[lowest] * (1 + threshold):
            turns.append(_Turn(lowest, bar, is_high=False))
            rising, highest = True, bar
    return turns


def _zigzag(series: BarSeries, threshold: float, lookahead: int) -> Labelled:
    close = series.close
    labelled = _unknown(len(close))
    first = 0
    for turn in turning_points(close, threshold):
        bars = np.arange(first, turn.bar)
        moves = close[turn.bar] / close[bars] - 1
        far = (moves >= threshold) if turn.is_high else (moves <= -threshold)
        near = turn.bar - bars <= lookahead
        labelled.codes[bars] = np.where(far & near, BUY if turn.is_high else SELL, HOLD)
        labelled.reach[bars] = turn.known
        first = turn.bar
    return labelled


def _forward_return(series: BarSeries, threshold: float, lookahead: int) -> Labelled:
    close = series.close
    labelled = _unknown(len(close))
    known = max(len(close) - lookahead, 0)
    moves = close[lookahead:] / close[:known] - 1
    labelled.codes[:known] = np.where(moves >= threshold, BUY, np.where(moves <= -threshold, SELL, HOLD))
    labelled.reach[:known] = np.arange(lookahead, lookahead + known)
    return labelled


def _triple_barrier(series: BarSeries, threshold: float, lookahead: int) -> Labelled:
    close = series.close
    labelled = _unknown(len(close))
    for ahead in range(1, min(lookahead, len(close) - 1) + 1):
        start, later = close[:-ahead], slice(ahead, None)
        above = series.high[later] >= start * (1 + threshold)
        below = series.low[later] <= start * (1 - threshold)
        end = np.full(len(start), ahead == lookahead)
        bars = np.flatnonzero((labelled.codes[:-ahead] == UNKNOWN) & (above | below | end))
        labelled.codes[bars] = np.where(above[bars] == below[bars], HOLD, np.where(above[bars], BUY, SELL))
        labelled.reach[bars] = bars + ahead
    return labelled


def _unknown(bars: int) -> Labelled:
    return Labelled(np.full(bars, UNKNOWN, dtype=np.int8), np.full(bars, bars, dtype=np.int64))


_SOURCES: Final[dict[str, Callable[[BarSeries, float, int], Labelled]]] = {
    "zigzag": _zigzag,
    "forward_return": _forward_return,
    "triple_barrier": _triple_barrier,
}
