"""Phases of a run: how much of the whole each one is, how far it has come, how fast, and how long it will still take.

Written by `bridge`, chunk by chunk; turned into words only when somebody reads.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ktrdr_engine.number_format import plain

_A_FEW_MINUTES: Final = 120
_HOUR: Final = 3_600
_WHOLE_FROM: Final = 10  # a slower rate is shown with a fraction


class Phase(NamedTuple):
    """A stretch of a run, declared by its kind.

    Attributes:
        words: What is done, as in "Predicting"; empty: the samples of the bridge speak for themselves.
        share: Which part of the whole run it is, a fraction; of all phases together at most 1.
        unit: What its chunks count.
    """

    words: str
    share: float
    unit: str = "bars"


class Stretch(NamedTuple):
    """A phase under way; an immutable part of a bridge's sample.

    Attributes:
        words: As of the phase.
        unit: As of the phase.
        base: The percentage at its begin.
        span: How much of the percentage it is.
        began: When, on the bridge's clock.
        total: How many units there are; 0: that is not known.
        done: How many are done.
    """

    words: str = ""
    unit: str = ""
    base: float = 0.0
    span: float = 100.0
    began: float = 0.0
    total: int = 0
    done: int = 0

    def percentage(self, step: int, total: int) -> float:
        """Return how much of the whole run is done; a phase without words counts the samples' steps."""
        done, of = (self.done, self.total) if self.words else (step, total)
        fraction = min(1.0, max(0.0, done / of)) if of > 0 else 0.0
        return min(100.0, self.base + self.span * fraction)

    def told(self, at: float) -> str:
        """Return the phase in words: how far it was at a time, the rate since it began and what is left."""
        if self.total <= 0:
            return self.words
        far = f"{self.words} {self.done:,} of {self.total:,} {self.unit}"
        seconds = at - self.began
        if not 0 < self.done < self.total or seconds <= 0:
            return far
        rate = self.done / seconds
        return f"{far}, {_rate(rate)} a second, {_duration((self.total - self.done) / rate)} left"


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= _WHOLE_FROM else plain(rate, 2)


def _duration(seconds: float) -> str:
    if seconds < _A_FEW_MINUTES:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < _A_FEW_MINUTES * 60 else f"{seconds / _HOUR:.1f} h"
