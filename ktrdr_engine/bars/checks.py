"""The rules of valid bars, over whole columns; the first broken row is named.

Nothing is repaired here and nothing is invented: a broken file is refused.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.errors import DataError
from ktrdr_engine.number_format import exact

_NAMES = ("open", "high", "low", "close", "volume")
_NOT_A_TIME = np.iinfo(np.int64).min


def check_stamps(timestamp: NDArray[np.int64], source: str) -> None:
    """Refuse missing stamps, duplicates and disorder.

    Raises:
        DataError: Naming the first such row.
    """
    missing = timestamp == _NOT_A_TIME
    if missing.any():
        row = int(missing.argmax())
        raise _broken(source, row, None, "the timestamp is missing", "Fill it in or remove the row")
    steps = np.diff(timestamp)
    if (steps > 0).all():
        return
    row = int((steps <= 0).argmax()) + 1
    if steps[row - 1] == 0:
        raise _broken(source, row, timestamp, f"the same timestamp as row {row}", "Keep one of the two")
    before = format_stamp(int(timestamp[row - 1]))
    raise _broken(source, row, timestamp, f"earlier than the row above it ({before})", "Sort the rows by timestamp")


def check_prices(timestamp: NDArray[np.int64], prices: NDArray[np.float64], source: str) -> None:
    """Refuse what is not finite, not positive, or outside its bar.

    Raises:
        DataError: Naming the first such row.
    """
    unsound = find_unsound(prices)
    if not unsound.any():
        return
    row = int(unsound.argmax())
    problem, repair = diagnose(prices[:, row])
    raise _broken(source, row, timestamp, problem, repair)


def find_unsound(prices: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which bars of shape (5, n) are not finite, not positive, or have a price outside themselves."""
    open_, high, low, close, volume = prices
    # One pass of cheap comparisons accepts a good file; a NaN fails each of them.
    good = (low > 0) & (low <= open_) & (low <= close) & (open_ <= high) & (close <= high) & (high < np.inf)
    good &= (volume >= 0) & (volume < np.inf)
    unsound: NDArray[np.bool_] = ~good
    return unsound


def diagnose(bar: NDArray[np.float64]) -> tuple[str, str]:
    """Return what is wrong with an unsound bar of shape (5,), and the repair; prices with all their digits."""
    values = dict(zip(_NAMES, bar.tolist(), strict=True))
    for name, value in values.items():
        if not np.isfinite(value):
            return f"{name} is {value}", "Put the real value there or remove the row"
        if value < 0 or (value == 0 and name != "volume"):
            return f"{name} is {exact(value)}", f"{name} must be {'0 or more' if name == 'volume' else 'above 0'}"
    for name in ("open", "close", "high"):
        if values[name] < values["low"]:
            return f"low {exact(values['low'])} is above {name} {exact(values[name])}", "Correct the row or remove it"
    name = "open" if values["open"] > values["high"] else "close"
    return f"high {exact(values['high'])} is below {name} {exact(values[name])}", "Correct the row or remove it"


def _broken(source: str, row: int, timestamp: NDArray[np.int64] | None, problem: str, repair: str) -> DataError:
    stamp = None if timestamp is None else format_stamp(int(timestamp[row]))
    where = f"row {row + 1}" + (f" ({stamp})" if stamp else "")
    return DataError(f"{source}, {where}: {problem}. {repair}.", details={"row": row + 1, "timestamp": stamp})
