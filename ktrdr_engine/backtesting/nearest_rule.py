"""Which rule came closest to opening a position, for runs in which none did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.number_format import decimal
from ktrdr_engine.rules.rule_base import RuleBase

if TYPE_CHECKING:
    from ktrdr_engine.backtesting.job import BacktestJob
    from ktrdr_engine.simulation.simulator import Simulation


def nearest_rule(job: BacktestJob, simulation: Simulation) -> Iterator[str]:
    """Yield a note on a run without trades that was decided by rules; nothing on any other.

    The features are computed once more: to keep them through every run for this would cost memory in all of them.
    """
    rules = job.predictor
    if not isinstance(rules, RuleBase) or len(simulation.trades) or simulation.units:
        return
    openers = {"BUY", "SELL"} if job.strategy.config.decisions.allow_short_from_flat else {"BUY"}
    peaks = rules.peaks(job.features(), simulation.start, simulation.start + simulation.bars)
    opening = [peak for peak in peaks if rules.rules[peak.rule].then in openers and peak.strength >= 0]
    if not opening:
        return
    best = max(opening, key=lambda peak: peak.strength)
    if best.strength == 0:
        yield "No rule that opens a position fired on any bar: each asks for something that never was."
        return
    stamp = format_stamp(int(job.window.series.timestamp[best.row]))
    yield (
        f"rules[{best.rule}] came closest to opening a position: {rules.rules[best.rule]}, "
        f"which fired with at most {decimal(best.strength, 2, 2)}, at {stamp}."
    )
