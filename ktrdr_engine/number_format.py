"""Numbers as people read them. Nothing that is not zero is ever written as zero, nor zero as minus zero.

A number has at least as many decimals as its unit asks for, and more where those would not show its significant
digits: 1,234.50, 0.00123456, 0.005 %. Numbers of one column or axis share their decimals. Below 1e-9 and from 1e15
on it is written with an exponent. Neighbours: `metrics.wording` knows the unit of each number of an operation;
terminal, charts, reports and pages write what is no number, or is undefined, in their own ways.
`reports/templates/report.js` and `ktrdr_mcp/apps/operation.html` hold the same rule in JavaScript, as `decimal` and
`fixed`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, Literal

_MINUS: Final = "−"
SIGNIFICANT: Final = 6
_TINY, _HUGE = 1e-9, 1e15  # outside of which a number is written with an exponent
_MOST_DECIMALS: Final = 15
_MANY_TIMES: Final = 10  # from which on a change needs no decimals


def whole(value: int) -> str:
    """Return a whole number with all its digits."""
    return f"{value:,}".replace("-", _MINUS)


def decimal(value: float, at_least: int = 0, significant: int = SIGNIFICANT) -> str:
    """Return a number with a true minus sign and thousands separators.

    Args:
        value: NaN and infinities are written as words.
        at_least: Decimals that are always there.
        significant: Digits that are shown in any case; zeros at their end are left out.
    """
    return _decimal(value, at_least, significant).replace("-", _MINUS)


def money(value: float) -> str:
    """Return an amount within a sentence or a picture: whole ones without decimals, others with two at least."""
    return decimal(value, 0 if value % 1 == 0 else 2)


def plain(value: float, significant: int = SIGNIFICANT) -> str:
    """Return a number as a file or a request would have it: no separators, the minus of ASCII, hundredths at least."""
    text = _decimal(value, 2, significant).replace(",", "")
    return text.removesuffix("0").removesuffix("0").removesuffix(".") if "." in text and "e" not in text else text


def exact(value: float) -> str:
    """Return a number as `plain` does, with every digit that tells it from its neighbours."""
    text = repr(float(value) + 0.0)  # adding zero makes a negative one positive
    return (f"{Decimal(text):f}" if "e" in text and _is_written_out(value) else text).removesuffix(".0")


def rate(value: float) -> str:
    """Return a fraction that somebody chose as a percentage, with all the digits they gave."""
    return f"{decimal(value * 100, 2)} %"


def percent(value: float, decimals: int | None = None) -> str:
    """Return a fraction as a percentage with a true minus sign.

    Args:
        value: 0.02 is 2 %.
        decimals: At least so many, and one significant digit more than that; None: two significant digits.
    """
    return f"{decimal(value * 100, decimals or 0, max(2, (decimals or 0) + 1))} %"


def change(value: float, decimals: int = 1) -> str:
    """Return a fraction as a percentage with its sign, a plus too; as `percent` otherwise."""
    return f"{'+' if value > 0 else ''}{percent(value, decimals if abs(value) < _MANY_TIMES else 0)}"


def typed(text: str) -> str:
    """Return the text with the minus of ASCII, as terminals and lists write it."""
    return text.replace(_MINUS, "-")


def shared_decimals(values: Iterable[float | None], at_least: int = 2, significant: int = SIGNIFICANT) -> int:
    """Return how many decimals the numbers of one column are written with, so that the smallest shows its digits.

    Args:
        values: None and what is not finite does not count.
        at_least: Fewest decimals.
        significant: Digits of the smallest number other than zero.
    """
    texts = (_decimal(value, 0, significant) for value in values if value and _TINY <= abs(value) < _HUGE)
    return max([at_least, *(len(text.partition(".")[2]) for text in texts)])


def fixed(value: float, decimals: int) -> str:
    """Return a number with the decimals of its column; with more where they would show nothing of it."""
    if not _is_written_out(value) or (value and abs(value) < 10.0**-decimals):
        return decimal(value, decimals, 2)
    # Adding zero makes a negative one positive.
    return f"{value + 0.0:,.{decimals}f}".replace("-", _MINUS)


def axis_label(value: float, ticks: Sequence[float], unit: Literal["", "%"] = "") -> str:
    """Return a number along an axis, with the decimals that tell all its ticks apart; "%" takes fractions."""
    factor = 100 if unit else 1
    places = [tick * factor for tick in ticks]
    reach = max(map(abs, places), default=0.0)
    step = min((b - a for a, b in itertools.pairwise(places) if b > a), default=reach) or 1.0
    # What is less than a thousandth of a step is what rounding left of zero.
    place = 0.0 if abs(value * factor) < step / 1000 else value * factor
    if step < _TINY or reach >= _HUGE:
        return f"{decimal(place)} {unit}".strip()
    fewest = max(0, -math.floor(math.log10(step)))
    enough = (count for count in range(fewest, _MOST_DECIMALS) if _all_end(places, count, step))
    return f"{fixed(place, next(enough, fewest + 2))} {unit}".strip()


def _all_end(places: Sequence[float], decimals: int, step: float) -> bool:
    return all(abs(place - round(place, decimals)) < step / 1000 for place in places)


def _is_written_out(value: float) -> bool:
    return value == 0 or _TINY <= abs(value) < _HUGE


def _decimal(value: float, at_least: int, significant: int) -> str:
    if not _is_written_out(value):
        return f"{value:.{significant}g}"
    if value == 0:
        return f"{0:.{at_least}f}"
    places = significant - 1 - math.floor(math.log10(abs(value)))
    text = f"{value:,.{max(places, at_least)}f}"
    whole_part, point, digits = text.partition(".")
    kept = digits[:at_least] + digits[at_least:].rstrip("0")
    return f"{whole_part}{point}{kept}" if kept else whole_part
