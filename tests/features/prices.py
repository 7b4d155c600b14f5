"""Made-up but valid prices for the laws of features, and what parameters an indicator may be given."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.features.plan import IndicatorPlan
from ktrdr_engine.features.specs import IndicatorSpec, Parameter, Value

HOUR = 3_600_000_000_000


def make_series(close: NDArray[np.float64], spread: NDArray[np.float64], volume: NDArray[np.float64]) -> BarSeries:
    """Return bars that open where the last one closed and reach `spread`, a fraction, beyond both ends."""
    opened = np.concatenate([close[:1], close[:-1]])
    return BarSeries.from_columns(
        "TEST",
        Timeframe.H1,
        {
            "timestamp": HOUR * np.arange(len(close), dtype=np.int64),
            "open": opened,
            "high": np.maximum(opened, close) * (1 + spread),
            "low": np.minimum(opened, close) * (1 - spread),
            "close": close,
            "volume": volume,
        },
    )


def random_series(n: int, seed: int = 0) -> BarSeries:
    """Return a random walk."""
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, n)))
    return make_series(close, random.uniform(0, 0.01, n), random.integers(0, 10_000, n).astype(float))


def flat_series(n: int) -> BarSeries:
    """Return bars that never move."""
    return make_series(np.full(n, 10.0), np.zeros(n), np.full(n, 5.0))


@st.composite
def series(draw: st.DrawFn, lengths: tuple[int, int] = (1, 150)) -> BarSeries:
    """Draw bars: walks with ties, gaps, standstills and days without volume, on any price level."""
    n = draw(st.integers(*lengths))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    level = draw(st.sampled_from([1e-4, 1.0, 25_000.0]))
    steps = random.choice([-0.3, -0.01, 0.0, 0.0, 0.01, 0.4], size=n, p=random.dirichlet(np.ones(6)))
    close = level * np.exp(np.clip(np.cumsum(steps), -50, 50))
    spread = random.choice([0.0, 0.02, 0.2], size=n)
    return make_series(close, spread, random.choice([0.0, 1.0, 1e9], size=n))


def _values(parameter: Parameter) -> st.SearchStrategy[Value]:
    if parameter.choices:
        return st.sampled_from(parameter.choices)
    if parameter.kind is bool:
        return st.booleans()
    assert parameter.low is not None
    assert parameter.high is not None
    if parameter.kind is int:
        return st.integers(int(parameter.low), min(int(parameter.high), 40))
    return st.floats(parameter.low, parameter.high)


def plans(spec: IndicatorSpec) -> st.SearchStrategy[IndicatorPlan]:
    """Draw an indicator of this kind with any allowed parameters, periods kept short."""
    parameters = st.fixed_dictionaries({}, optional={p.name: _values(p) for p in spec.parameters})
    allowed = parameters.filter(lambda values: not spec.problems(values))
    return allowed.map(lambda values: IndicatorPlan("x", spec.name, tuple(values.items())))
