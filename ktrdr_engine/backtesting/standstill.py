"""Signals that came from bars without movement: a halt, a holiday, a market nobody traded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from ktrdr_engine.simulation.models import HOLD

if TYPE_CHECKING:
    from ktrdr_engine.bars.series import BarSeries
    from ktrdr_engine.simulation.decisions import Decisions
    from ktrdr_engine.simulation.simulator import Simulation

_STILL_BARS: Final = 5
"""A bar or two without a trade are ordinary; over so many some indicators have nothing left to measure."""


def standstill(series: BarSeries, decisions: Decisions, simulation: Simulation) -> Iterator[str]:
    """Yield a note where BUY or SELL was decided at the end of five or more bars that did not move at all."""
    still = series.high == series.low
    still[1:] &= series.close[1:] == series.close[:-1]
    counts = np.concatenate(([0], np.cumsum(still)))
    stood = np.zeros(len(still), np.bool_)
    stood[_STILL_BARS - 1 :] = counts[_STILL_BARS:] - counts[:-_STILL_BARS] == _STILL_BARS
    bars = slice(simulation.start, simulation.start + simulation.bars)
    signals = decisions.codes[bars] != HOLD
    if found := int(np.count_nonzero(signals & stood[bars])):
        yield (
            f"Signals from bars without movement: {found} of {np.count_nonzero(signals)} (the price had stood still "
            f"for {_STILL_BARS} bars or more). There is nothing to measure there: stochastic and mfi give 0, which "
            "reads as oversold, williamsr gives 0, which reads as overbought."
        )
