"""How fast this machine is, held against the one the targets in milliseconds and microseconds were set on.

Figures of one machine say little on another, ratios within one run do. The gauge is a job that no code of ours takes
part in: backtesting.py over 5,000 real bars, which took 23 ms there.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from benchmarks import peers
from benchmarks.cases import case, median_seconds

_REFERENCE_SECONDS: Final = 0.023
_BARS: Final = 5_000


@cache
def pace() -> float:
    """Return how many times longer the gauge takes here, at least 1; 1 where it is not installed."""
    if not peers.installed("backtesting"):
        return 1.0
    given = case(_BARS)
    return max(1.0, median_seconds(peers.backtesting_py()(given.series, given.codes)) / _REFERENCE_SECONDS)
