"""One membership function in plain words: where it holds fully, where it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ktrdr_engine.number_format import plain

if TYPE_CHECKING:
    from ktrdr_engine.strategy.schema import Membership

_HALF = 1.1774100225154747
"""Sigmas from the mean at which a gaussian is 1/2: sqrt(2 ln 2)."""


def membership_words(membership: Membership) -> str:
    """Return where the degree is 1, and where it has faded to 0 or to a half."""
    return _WORDS[membership.type](membership.parameters)


def _triangular(numbers: Sequence[float]) -> str:
    a, b, c = numbers
    return _trapezoidal((a, b, b, c))


def _trapezoidal(numbers: Sequence[float]) -> str:
    a, b, c, d = numbers
    full = f"full at {plain(b)}" if b == c else f"full from {plain(b)} to {plain(c)}"
    ends = [plain(outer) for outer, inner in ((a, b), (d, c)) if outer != inner]
    return f"{full}, fading out at {' and '.join(ends)}" if ends else f"{full}, nothing elsewhere"


def _gaussian(numbers: Sequence[float]) -> str:
    mean, sigma = numbers
    return f"full at {plain(mean)}, half at {plain(mean - _HALF * sigma, 4)} and {plain(mean + _HALF * sigma, 4)}"


def _sigmoid(numbers: Sequence[float]) -> str:
    centre, slope = numbers
    return f"half at {plain(centre)}, more {'above' if slope > 0 else 'below'}"


_WORDS: Mapping[str, Callable[[Sequence[float]], str]] = {
    "triangular": _triangular,
    "trapezoidal": _trapezoidal,
    "gaussian": _gaussian,
    "sigmoid": _sigmoid,
}
