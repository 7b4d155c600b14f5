"""The numbers of the declared indicators, computed by TA-Lib.

Which indicators there are, their ranges and warm-ups: `registry`. Everything here is causal and starts at the
series' first bar: row i depends on rows 0..i only, and a longer series gives the same bits for them. TA-Lib is
imported at the first computation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.errors import StrategyError
from ktrdr_engine.features.plan import IndicatorPlan
from ktrdr_engine.features.specs import Value

Column = NDArray[np.float64]
_Values = Mapping[str, Value]


def compute(plan: IndicatorPlan, series: BarSeries) -> dict[str, Column]:
    """Compute one indicator over the whole series.

    Returns:
        Output name to an array of shape (n_bars,), in the unit its declaration says; NaN in exactly the first
        `plan.warmup` rows.

    Raises:
        StrategyError: No such type, or a parameter it cannot have.
    """
    spec = plan.spec
    parameters = dict(plan.parameters)
    if problems := spec.problems(parameters):
        raise StrategyError(f"Indicator {plan.id!r}: " + " ".join(f"{p.problem}. {p.repair}" for p in problems))
    columns = _FORMULAS[plan.type](series, spec.complete(parameters))
    return dict(zip(spec.outputs, columns, strict=True))


def warm_up() -> None:
    """Load TA-Lib, so that the first indicator does not wait for it."""
    _talib()


def _talib() -> ModuleType:
    # Here, because the import brings pandas along where that is installed and takes a good part of a second.
    import talib

    library: ModuleType = talib
    return library


def _source(series: BarSeries, values: _Values) -> Column:
    column: Column = getattr(series, str(values["source"]))
    return column


def _single(function: str) -> Callable[[BarSeries, _Values], tuple[Column, ...]]:
    """Return the formula of a TA-Lib function of one price and a period."""
    return lambda series, values: (getattr(_talib(), function)(_source(series, values), int(values["period"])),)


def _ranged(function: str) -> Callable[[BarSeries, _Values], tuple[Column, ...]]:
    """Return the formula of a TA-Lib function of high, low, close and a period."""
    return lambda series, values: (
        getattr(_talib(), function)(series.high, series.low, series.close, int(values["period"])),
    )


def _macd(series: BarSeries, values: _Values) -> tuple[Column, ...]:
    periods = (int(values[name]) for name in ("fast_period", "slow_period", "signal_period"))
    line, signal, histogram = _talib().MACD(_source(series, values), *periods)
    return line, signal, histogram


def _bbands(series: BarSeries, values: _Values) -> tuple[Column, ...]:
    multiplier = float(values["multiplier"])
    upper, middle, lower = _talib().BBANDS(_source(series, values), int(values["period"]), multiplier, multiplier)
    return upper, middle, lower


def _band_width(series: BarSeries, values: _Values) -> tuple[Column, ...]:
    upper, middle, lower = _bbands(series, values)
    upper -= lower
    upper /= middle
    return (upper,)


def _adx(series: BarSeries, values: _Values) -> tuple[Column, ...]:
    names = ("ADX", "PLUS_DI", "MINUS_DI")
    columns = tuple(column for name in names for column in _ranged(name)(series, values))
    # The directions are known earlier than the index; one warm-up an indicator is the rule.
    for direction in columns[1:]:
        direction[np.isnan(columns[0])] = np.nan
    return columns


def _stochastic(series: BarSeries, values: _Values) -> tuple[Column, ...]:
    k, d = _talib().STOCH(
        series.high,
        series.low,
        series.close,
        fastk_period=int(values["k_period"]),
        slowk_period=int(values["smooth_k"]),
        slowd_period=int(values["d_period"]),
    )
    return k, d


def _mfi(series: BarSeries, values: _Values) -> tuple[Column, ...]:
    return (_talib().MFI(series.high, series.low, series.close, series.volume, int(values["period"])),)


def _obv(series: BarSeries, values: _Values) -> tuple[Column, ...]:
    return (_talib().OBV(series.close, series.volume),)


def _parabolic_sar(series: BarSeries, values: _Values) -> tuple[Column, ...]:
    steps = tuple(float(values[name]) for name in ("initial_af", "step_af", "max_af"))
    # Two zeros: the direction is taken from the first bars, and nothing is added when it turns.
    stops = _talib().SAREXT(series.high, series.low, 0.0, 0.0, *steps, *steps)
    # TA-Lib marks the stops of a falling trend with a minus sign.
    return (np.abs(stops, out=stops),)


def _aroon(series: BarSeries, values: _Values) -> tuple[Column, ...]:
    down, up = _talib().AROON(series.high, series.low, int(values["period"]))
    return up, down, up - down


_FORMULAS: Mapping[str, Callable[[BarSeries, _Values], tuple[Column, ...]]] = {
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
