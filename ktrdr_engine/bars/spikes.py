"""Jumps that are more likely a mistake of the data than of the market.

Looked at are the steps from the last close to each open and close, and how far high and low reach beyond the bar's own
open and close; in logarithms, over the whole series. The yardstick is a standard deviation of the steps from close to
close that no spike can stretch: steps count for at most `_BOUND` times the median step, zeros (no trade) left out. A
spike is a step of more than 20 of them, or one near the ratio of a split (within 2 %) that lasts and is more than 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.splits import split_ratio
from ktrdr_engine.number_format import plain

_LEAST_STEPS: Final = 20
_BOUND: Final = 15.0
_SPIKE: Final = 20.0
_SPLIT: Final = 8.0
_NEAR: Final = 0.02
_LEAST_RATIO: Final = 1.45


class Spike(NamedTuple):
    """One jump.

    Attributes:
        row: Of the bar, counted from 1.
        timestamp: Its open, ns UTC.
        factor: Price after over price before.
        deviations: How many standard deviations that is.
        ratio: Of a split that it is near, such as "10:1", or None.
    """

    row: int
    timestamp: int
    factor: float
    deviations: float
    ratio: str | None

    @property
    def words(self) -> str:
        """Name the bar and what happens there."""
        change = f"{self.factor - 1:+.1%}" if self.factor < 2 else f"times {plain(self.factor, 3)}"
        near = f", near a split of {self.ratio}" if self.ratio else ""
        return f"row {self.row} ({format_stamp(self.timestamp)}): {change}, {self.deviations:.0f} deviations{near}"


def find_spikes(series: BarSeries) -> list[Spike]:
    """Return the jumps in order of time; of a jump and the way back the first is named. Under 21 bars: none."""
    if len(series) <= _LEAST_STEPS:
        return []
    open_, high, low, close = np.log(series.prices[:4])
    to_open, to_close = open_[1:] - close[:-1], close[1:] - close[:-1]
    deviation = _deviation(to_close)
    if deviation == 0:
        return []
    up = high[1:] - np.maximum(open_, close)[1:]
    down = low[1:] - np.minimum(open_, close)[1:]
    steps = np.vstack((to_open, to_close, up, down))
    farthest = steps[np.abs(steps).argmax(axis=0), np.arange(steps.shape[1])]
    found: list[Spike] = []
    for at in np.flatnonzero(np.abs(farthest) > _SPLIT * deviation):
        size = abs(float(farthest[at])) / deviation
        ratio = _ratio(float(to_open[at]), float(to_close[at]))
        before = found[-1] if found and found[-1].row == at + 1 else None
        is_way_back = before is not None and (before.factor > 1) != (farthest[at] > 0)
        if (size > _SPIKE or ratio) and not is_way_back:
            factor = float(np.exp(farthest[at]))
            found.append(Spike(int(at) + 2, int(series.timestamp[at + 1]), factor, size, ratio))
    return found


def spikes_note(found: list[Spike], most: int = 5) -> str | None:
    """Return the warning about spikes, the first few named; None: there are none."""
    if not found:
        return None
    more = f"; and {len(found) - most} more" if len(found) > most else ""
    named = "; ".join(spike.words for spike in found[:most])
    jumps = "1 jump" if len(found) == 1 else f"{len(found)} jumps"
    return f"Warning: {jumps} may be a mistake of the data, or a split not adjusted for. Check {named}{more}."


def jump_note(spikes: Sequence[Spike], name: str, first: int, last: int, most: int = 3) -> str | None:
    """Warn of the jumps of `name` in a range of stamps, ns UTC, the first few named; None: there are none."""
    inside = [spike for spike in spikes if first <= spike.timestamp <= last]
    if not inside:
        return None
    named = "; ".join(spike.words for spike in inside[:most])
    more = f"; and {len(inside) - most} more" if len(inside) > most else ""
    jumps = "a jump" if len(inside) == 1 else f"{len(inside)} jumps"
    return (
        f"The prices of {name} have {jumps} inside the range that may be a mistake of the data, or a split not "
        f"adjusted for: {named}{more}. If so, these numbers are wrong."
    )


def _deviation(steps: NDArray[np.float64]) -> float:
    """Return the standard deviation of the steps, each bounded; 0: nothing ever moves."""
    sizes = np.abs(steps[steps != 0])
    if len(sizes) < _LEAST_STEPS:
        return 0.0
    bounded = np.minimum(sizes, _BOUND * np.median(sizes))
    return float(np.sqrt(np.mean(bounded**2)))


def _ratio(to_open: float, to_close: float) -> str | None:
    """Return the split that explains the step to the open, if the close has stayed near it."""
    if abs(to_close - to_open) > abs(to_open) / 4:
        return None
    return split_ratio(float(np.exp(to_open)), tolerance=_NEAR, least=_LEAST_RATIO)
