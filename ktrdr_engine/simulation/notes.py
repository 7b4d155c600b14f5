"""What a reader must know about a run beyond its numbers, in words: why there were no trades, what was not filled."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ktrdr_engine.number_format import decimal, typed
from ktrdr_engine.simulation.decisions import Decisions
from ktrdr_engine.simulation.models import HOLD, SimulationRules
from ktrdr_engine.simulation.simulator import Simulation

_SMALL = 0.01  # a probability that two decimals would not show


def explain(simulation: Simulation, decisions: Decisions, rules: SimulationRules) -> tuple[str, ...]:
    """Return the notes on a run, the most important first; empty when there is nothing to say."""
    notes = [
        *(() if len(simulation.trades) or simulation.units else _no_trades(decisions, rules)),
        *_account(simulation, rules),
        *_signals(simulation, decisions, rules),
    ]
    return tuple(notes)


def _no_trades(decisions: Decisions, rules: SimulationRules) -> Iterator[str]:
    if decisions.max_buy is None or decisions.max_sell is None:
        yield (
            "No trades: on no bar of the range was the model's output finite: prices or weights are too extreme."
            if decisions.nonfinite
            else "No trades: on no bar of the range were all features known. Ask for a longer or a later range."
        )
        return
    if not decisions.buys:
        yield f"No trades: {_never('BUY', decisions.max_buy, decisions.confidence_threshold)}."
    if not rules.allow_short_from_flat and decisions.sells:
        yield f"SELL signals that found no long position to close (allow_short_from_flat: false): {decisions.sells}."
    if rules.allow_short_from_flat and not decisions.sells:
        yield f"No short trades: {_never('SELL', decisions.max_sell, decisions.confidence_threshold)}."


def _never(signal: str, highest: float, threshold: float) -> str:
    if highest < threshold:
        if highest < _SMALL:
            return f"max {signal} probability {_digits(highest)} < confidence_threshold {typed(decimal(threshold, 2))}"
        # As many decimals as tell the two apart and write the threshold as it was set.
        digits = next(
            digits
            for digits in (2, 4, 6, 17)
            if f"{highest:.{digits}f}" != f"{threshold:.{digits}f}"
            and (round(threshold, digits) == threshold or digits == 17)
        )
        return f"max {signal} probability {highest:.{digits}f} < confidence_threshold {threshold:.{digits}f}"
    return f"{signal} was never the most probable class, although it reached a probability of {_digits(highest)}"


def _digits(value: float) -> str:
    return typed(decimal(value, 2, 2))


def _account(simulation: Simulation, rules: SimulationRules) -> Iterator[str]:
    if simulation.unsized:
        reason = (
            "nothing was left"
            if rules.fractional_units
            else "a whole unit was dearer (fractional_units: true buys a part)"
        )
        yield f"Entries not made because {reason}: {simulation.unsized}."
    if simulation.bars and (lowest := float(simulation.equity.min())) <= 0:
        yield (
            f"The equity fell to {_digits(lowest)}: a short position lost more than the account held. "
            "Unlike at a broker there is no margin call; nothing is opened while the equity is not above 0."
        )


def _signals(simulation: Simulation, decisions: Decisions, rules: SimulationRules) -> Iterator[str]:
    if simulation.unfilled:
        yield "The decision on the last bar was not filled: it has no next open."
    if decisions.alike:
        yield (
            f"Bars that decided HOLD because BUY and SELL were equally probable: {decisions.alike}. Rules, or the "
            "network, say both at once there."
        )
    if decisions.nonfinite:
        yield f"Bars that decided HOLD because the model's output was not finite: {decisions.nonfinite}."
    if not rules.position_awareness and (ignored := _without_effect(simulation, decisions)):
        yield (
            f"Signals that repeated the side of the open position: {ignored}. They had no effect, because nothing is "
            "ever added to an open position, not with position_awareness: false either."
        )


def _without_effect(simulation: Simulation, decisions: Decisions) -> int:
    codes = decisions.codes[simulation.start : simulation.start + simulation.bars]
    return int(np.count_nonzero(np.sign(simulation.positions()) * (HOLD - codes) > 0))
