"""The parameters that many declarations share, and the usual warm-ups. Words only, no numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ktrdr_engine.features.specs import Bounds, Parameter, Value

SINGLE = ("value",)
CLOSE = ("close",)
RANGE = ("high", "low", "close")
FLOW = (*RANGE, "volume")

PERCENT = Bounds(0, 100)
SHARE = Bounds(-1, 1)
NOT_NEGATIVE = Bounds(0)

SOURCE = Parameter("source", str, "close", "The price that is read.", choices=("open", "high", "low", "close"))
MULTIPLIER = Parameter("multiplier", float, 2.0, "Standard deviations from the middle to a band.", 0.1, 10.0)

_LONGEST_PERIOD = 1000


def bars(name: str, default: int, description: str, low: int = 2, high: int = _LONGEST_PERIOD) -> Parameter:
    """Return a parameter that counts bars."""
    return Parameter(name, int, default, description, low, high)


def period(default: int, low: int = 2) -> Parameter:
    """Return the parameter `period`."""
    return bars("period", default, "Bars looked back on.", low)


def number(name: str, default: float, description: str, low: float, high: float) -> Parameter:
    """Return a parameter that is any number in a range."""
    return Parameter(name, float, default, description, low, high)


def lookback(offset: int = 0, factor: int = 1) -> Callable[[Mapping[str, Value]], int]:
    """Return the warm-up `factor * period + offset`."""
    return lambda values: factor * int(values["period"]) + offset


def longest(*names: str) -> Callable[[Mapping[str, Value]], int]:
    """Return the largest of the named parameters, as a function of all of them."""
    return lambda values: max(int(values[name]) for name in names)
