"""The formulas of the declared indicators that TA-Lib has. TA-Lib is imported at the first computation."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.errors import DependencyError
from ktrdr_engine.features.specs import Value

Column = NDArray[np.float64]
Values = Mapping[str, Value]
Formula = Callable[[BarSeries, Values], tuple[Column, ...]]
"""From bars and all parameters to one column an output."""


@functools.cache
def talib() -> ModuleType:
    """Return TA-Lib.

    Raises:
        DependencyError: It is one that takes small prices for zero. What is declared as a dependency need not be what
            is found: another copy may come first on the path, and the wheel's code may be linked to an older C library.
    """
    # Here, because the import brings pandas along where that is installed and takes a good part of a second.
    import talib as library_module

    library: ModuleType = library_module
    if not _sees_small_prices(library):
        raise DependencyError(
            f"TA-Lib {library.__version__} ({library.__file__}) gives wrong numbers: it takes what is less than 1e-14 "
            "for zero, so that a coin at 7e-8 has Bollinger Bands without width and no money flow. ktrdr needs TA-Lib "
            "0.8 or newer: pip install 'TA-Lib>=0.8,<1'; if it is installed, another copy is found before it "
            "(PYTHONPATH)."
        )
    return library


def _sees_small_prices(library: ModuleType) -> bool:
    """Return whether prices around 1e-8 have a spread and a flow."""
    prices = 1e-8 * np.array([1.0, 2.0, 1.0, 2.0])
    if not library.STDDEV(prices, 2)[-1] > 0:
        return False
    return bool(library.MFI(prices, prices, prices, np.ones(4), 2)[-1] > 0)


def source(series: BarSeries, values: Values) -> Column:
    """Return the price the parameter `source` names, a read-only view."""
    column: Column = getattr(series, str(values["source"]))
    return column


def _single(function: str) -> Formula:
    """Return the formula of a TA-Lib function of one price and a period."""
    return lambda series, values: (getattr(talib(), function)(source(series, values), int(values["period"])),)


def _ranged(function: str) -> Formula:
    """Return the formula of a TA-Lib function of high, low, close and a period."""
    return lambda series, values: (
        getattr(talib(), function)(series.high, series.low, series.close, int(values["period"])),
    )


def _macd(series: BarSeries, values: Values) -> tuple[Column, ...]:
    periods = (int(values[name]) for name in ("fast_period", "slow_period", "signal_period"))
    line, signal, histogram = talib().MACD(source(series, values), *periods)
    return line, signal, histogram


def _bbands(series: BarSeries, values: Values) -> tuple[Column, ...]:
    multiplier = float(values["multiplier"])
    upper, middle, lower = talib().BBANDS(source(series, values), int(values["period"]), multiplier, multiplier)
    return upper, middle, lower


def _band_width(series: BarSeries, values: Values) -> tuple[Column, ...]:
    upper, middle, lower = _bbands(series, values)
    upper -= lower
    upper /= middle
    return (upper,)


def _adx(series: BarSeries, values: Values) -> tuple[Column, ...]:
    names = ("ADX", "PLUS_DI", "MINUS_DI")
    columns = tuple(column for name in names for column in _ranged(name)(series, values))
    # The directions are known earlier than the index; one warm-up an indicator is the rule.
    for direction in columns[1:]:
        direction[np.isnan(columns[0])] = np.nan
    return columns


def _stochastic(series: BarSeries, values: Values) -> tuple[Column, ...]:
    k, d = talib().STOCH(
        series.high,
        series.low,
        series.close,
        fastk_period=int(values["k_period"]),
        slowk_period=int(values["smooth_k"]),
        slowd_period=int(values["d_period"]),
    )
    return k, d


def _mfi(series: BarSeries, values: Values) -> tuple[Column, ...]:
    return (talib().MFI(series.high, series.low, series.close, series.volume, int(values["period"])),)


def _obv(series: BarSeries, values: Values) -> tuple[Column, ...]:
    return (talib().OBV(series.close, series.volume),)


def _parabolic_sar(series: BarSeries, values: Values) -> tuple[Column, ...]:
    steps = tuple(float(values[name]) for name in ("initial_af", "step_af", "max_af"))
    # Two zeros: the direction is taken from the first bars, and nothing is added when it turns.
    stops = talib().SAREXT(series.high, series.low, 0.0, 0.0, *steps, *steps)
    # TA-Lib marks the stops of a falling trend with a minus sign.
    return (np.abs(stops, out=stops),)


def _aroon(series: BarSeries, values: Values) -> tuple[Column, ...]:
    down, up = talib().AROON(series.high, series.low, int(values["period"]))
    return up, down, up - down


FORMULAS: Mapping[str, Formula] = {
    "rsi": _single("RSI"),
    "macd": _macd,
    "sma": _single("SMA"),
    "ema": _single("EMA"),
    "wma": _single("WMA"),
    "bbands": _bbands,
    "bollingerbandwidth": _band_width,
    "atr": _ranged("ATR"),
    "adx": _adx,
    "stochastic": _stochastic,
    "williamsr": _ranged("WILLR"),
    "cci": _ranged("CCI"),
    "mfi": _mfi,
    "roc": _single("ROC"),
    "momentum": _single("MOM"),
    "obv": _obv,
    "parabolicsar": _parabolic_sar,
    "aroon": _aroon,
}
