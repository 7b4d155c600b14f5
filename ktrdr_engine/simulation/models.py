"""What a simulation is told: codes for signals and exits, and the rules of trading. No arrays, nothing is computed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from ktrdr_engine.errors import InvalidRequest

BUY: Final = 0
HOLD: Final = 1
SELL: Final = 2
"""Signals as int8 codes, in the order of the network's outputs."""


class ExitReason(IntEnum):
    """Why a trade was closed, as stored in a trade table."""

    SIGNAL = 0
    STOP_LOSS = 1
    TAKE_PROFIT = 2
    TRAILING_STOP = 3
    END_OF_DATA = 4

    @property
    def word(self) -> str:
        """The word clients see: "signal", "stop_loss" and so on."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class SimulationRules:
    """How decisions become fills. Ratios are fractions, money is in account currency, distances in bars.

    Args:
        initial_capital: Cash before the first bar, above 0.
        commission: Part of the notional paid on each fill, in [0, 1).
        slippage: A buy fills this fraction above the price, a sale below it, in [0, 1).
        position_fraction: Part of the equity put into a position, in (0, 1].
        fractional_units: False floors the size to whole units.
        stop_loss: Distance of the stop from the entry fill, in (0, 1); None means no stop.
        take_profit: Distance of the target from the entry fill, above 0; None means no target.
        trailing_stop: Distance of the stop from the best price since the entry, in (0, 1); None means none.
        min_signal_separation: A signal sooner than so many bars after the last fill is not followed. Stops are.
        position_awareness: True makes a signal that the open position already follows a HOLD. False lets it pass as
            a signal, which then finds nothing to do, because nothing is ever added to an open position: the fills
            are the same, and the signals without effect are reported.
        allow_short_from_flat: True opens shorts, from flat and by reversing a long.

    Raises:
        InvalidRequest: A value is outside its range; every such value is named.
    """

    initial_capital: float
    commission: float
    slippage: float
    position_fraction: float = 1.0
    fractional_units: bool = True
    stop_loss: float | None = None
    take_profit: float | None = None
    trailing_stop: float | None = None
    min_signal_separation: int = 0
    position_awareness: bool = True
    allow_short_from_flat: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated."""
        wrong = [
            f"{name}={value!r} must be {allowed}"
            for name, value, allowed, valid in self._checks()
            if value is not None and not (math.isfinite(value) and valid)
        ]
        if wrong:
            raise InvalidRequest("The rules of the simulation are not valid: " + "; ".join(wrong) + ".")

    def _checks(self) -> tuple[tuple[str, float | None, str, bool], ...]:
        stop, target, trailing = self.stop_loss, self.take_profit, self.trailing_stop
        fraction, separation = self.position_fraction, self.min_signal_separation
        return (
            ("initial_capital", self.initial_capital, "above 0", self.initial_capital > 0),
            ("commission", self.commission, "a fraction in [0, 1)", 0 <= self.commission < 1),
            ("slippage", self.slippage, "a fraction in [0, 1)", 0 <= self.slippage < 1),
            ("position_fraction", fraction, "a fraction in (0, 1]", 0 < fraction <= 1),
            ("stop_loss", stop, "a fraction in (0, 1)", stop is None or 0 < stop < 1),
            ("take_profit", target, "a fraction above 0", target is None or target > 0),
            ("trailing_stop", trailing, "a fraction in (0, 1)", trailing is None or 0 < trailing < 1),
            ("min_signal_separation", separation, "0 or more bars", separation >= 0),
        )
