"""The ratios in which shares are split or put together, and which of them a factor between prices is near."""

from __future__ import annotations

from typing import Final

_WHOLE: Final = (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100)
_RATIOS: Final = {
    **{(numerator, 1): float(numerator) for numerator in _WHOLE},
    (3, 2): 1.5,
    (5, 2): 2.5,
    (4, 3): 4 / 3,
    (5, 4): 1.25,
}


def split_ratio(factor: float, *, tolerance: float, least: float = 1.2) -> str | None:
    """Return the ratio, such as "10:1", that explains prices times `factor`; None: there is none.

    Args:
        factor: New price over old; 0.1 is a split of 10:1, 10 a reverse split of 1:10.
        tolerance: How far from the ratio it may be, relative.
        least: Ratios below this are not looked for.
    """
    size = max(factor, 1 / factor)
    for (many, few), ratio in _RATIOS.items():
        if ratio >= least and abs(size / ratio - 1) <= tolerance:
            return f"{many}:{few}" if factor < 1 else f"{few}:{many}"
    return None
