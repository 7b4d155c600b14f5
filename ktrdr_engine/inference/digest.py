"""Digests of returns by month: enough to recognise the prices a model was trained on under any name.

Of each month a few returns are kept, the largest of equal parts of its bars. Returns do not change when prices are
multiplied by a constant, and the largest ones hardly change when a copy rounds its prices. So a copy is recognised
when it is scaled, rounded to a pip, stored in another file format, cut to a part, or stamped in another time zone.
Prices of another source are taken for a copy where they move alike: for a model they are the same prices.
"""

from __future__ import annotations

import base64
import binascii
from itertools import pairwise
from typing import Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

_A_MONTH: Final = 16
_MINUTE: Final = 60_000_000_000  # ns: the shortest timeframe, so that no two bars share one
_TOLERANCE: Final = 0.01  # of each return
_ENOUGH: Final = 6
# Of the root mean square of as many: EURUSD by the hour, rounded to four decimals, is off by 1 % of it on average. Two
# markets that only move much alike come so near for a few returns, not for so many.
_TOLERANCE_ROUNDED: Final = 0.03
_ENOUGH_ROUNDED: Final = 12
_FEWEST: Final = 3
_NEAR: Final = 31 * 24 * 60  # minutes: how far beyond a range its identity is still judged
_QUARTER: Final = 15
# Time zones reach from 12 hours behind UTC to 14 before it, in quarters of an hour.
_SHIFTS: Final = tuple(sorted(range(-14 * 60, 14 * 60 + 1, _QUARTER), key=abs))


Value = TypeVar("Value", np.float64, np.bool_)


class _Moves(NamedTuple):
    """Logarithmic returns: `minutes` since 1970 of the bar that each ends with, int64, and `returns`, float64."""

    minutes: NDArray[np.int64]
    returns: NDArray[np.float64]


def make_digest(stamps: NDArray[np.int64], close: NDArray[np.float64]) -> str:
    """Return the digest of some bars, 171 characters a month at most.

    Args:
        stamps: int64 ns UTC, shape (n,), increasing.
        close: float64, shape (n,).
    """
    moves = _moves(stamps, close)
    months = stamps[1:].view("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
    borders = [0, *(np.flatnonzero(np.diff(months)) + 1).tolist(), len(months)]
    chosen = [
        int(part[np.argmax(np.abs(moves.returns[part]))])
        for first, last in pairwise(borders)
        for part in np.array_split(np.arange(first, last), min(_A_MONTH, last - first) or 1)
        if len(part)
    ]
    # A market that stood still says nothing of whose market it is.
    kept = [one for one in chosen if moves.returns[one] != 0]
    packed = moves.minutes[kept].astype("<i4").tobytes() + moves.returns[kept].astype("<f4").tobytes()
    return base64.b64encode(packed).decode("ascii")


def check_digest(digest: str) -> str:
    """Return a digest that can be read.

    Raises:
        ValueError: It cannot.
    """
    _unpacked(digest)
    return digest


def recognised(digest: str, stamps: NDArray[np.int64], close: NDArray[np.float64], first: int, last: int) -> int | None:
    """Return by how many ns bars are stamped later than those of a digest, if they are the same; None: they are not.

    Six returns that are kept have to agree in a row, twelve where prices may be rounded; where fewer than six can be
    compared, at the same stamps, all of them.

    Args:
        digest: Of the bars that are looked for.
        stamps: Of all bars there are, int64 ns UTC, shape (n,), increasing.
        close: float64, shape (n,).
        first: The first bar of the range that matters, ns UTC; what lies up to a month beyond it helps to judge.
        last: The last one.
    """
    kept, there = _unpacked(digest), _moves(stamps, close)
    near = (kept.minutes >= first // _MINUTE - _NEAR) & (kept.minutes <= last // _MINUTE + _NEAR)
    kept = _Moves(kept.minutes[near], kept.returns[near])
    if not len(kept.minutes) or not len(there.minutes):
        return None
    for shift in _SHIFTS:
        if _agree(kept._replace(minutes=kept.minutes + shift), there, fewest=_ENOUGH if shift else _FEWEST):
            return shift * _MINUTE
    return None


def _agree(kept: _Moves, there: _Moves, *, fewest: int) -> bool:
    at = np.minimum(np.searchsorted(there.minutes, kept.minutes), len(there.minutes) - 1)
    both = there.minutes[at] == kept.minutes
    wanted = kept.returns[both]
    apart = np.abs(there.returns[at[both]] - wanted)
    alike = apart <= _TOLERANCE * np.abs(wanted)
    if len(alike) < _ENOUGH:
        return len(alike) >= fewest and bool(alike.all())
    if _in_a_row(alike, _ENOUGH).all(axis=1).any():
        return True
    if len(alike) < _ENOUGH_ROUNDED:
        return False
    together = np.sqrt(np.square(_in_a_row(wanted, _ENOUGH_ROUNDED)).mean(axis=1))
    return bool((_in_a_row(apart, _ENOUGH_ROUNDED).max(axis=1) <= _TOLERANCE_ROUNDED * together).any())


def _in_a_row(values: NDArray[Value], count: int) -> NDArray[Value]:
    """Return every `count` neighbours, shape (n - count + 1, count)."""
    return np.lib.stride_tricks.sliding_window_view(values, count)


def _moves(stamps: NDArray[np.int64], close: NDArray[np.float64]) -> _Moves:
    return _Moves(stamps[1:] // _MINUTE, np.diff(np.log(close)))


def _unpacked(digest: str) -> _Moves:
    try:
        packed = base64.b64decode(digest, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not a digest of returns ({error})") from None
    if len(packed) % 8:
        raise ValueError("not a digest of returns (its length is odd)")
    half = len(packed) // 2
    minutes, returns = np.frombuffer(packed[:half], "<i4"), np.frombuffer(packed[half:], "<f4")
    return _Moves(minutes.astype(np.int64), returns.astype(np.float64))
