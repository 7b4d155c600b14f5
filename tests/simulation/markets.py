"""Prices, codes and rules for tests: drawn by hypothesis, or seeded."""

from __future__ import annotations

from dataclasses import replace
from typing import TypedDict, Unpack

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from ktrdr_engine.simulation.models import BUY, HOLD, SELL, SimulationRules
from ktrdr_engine.simulation.simulator import Simulation, simulate

Prices = NDArray[np.float64]
Codes = NDArray[np.int8]


class Changes(TypedDict, total=False):
    """Rules that differ from `FREE`."""

    commission: float
    slippage: float
    position_fraction: float
    fractional_units: bool
    stop_loss: float
    take_profit: float
    trailing_stop: float
    min_signal_separation: int
    position_awareness: bool
    allow_short_from_flat: bool


FREE = SimulationRules(initial_capital=1000.0, commission=0.0, slippage=0.0)
"""No costs and round money: results can be computed in the head."""


def bars(*rows: tuple[float, float, float, float]) -> Prices:
    """Return prices from rows of open, high, low, close."""
    table = np.array([(*row, 1.0) for row in rows], np.float64).reshape(len(rows), 5)
    return np.ascontiguousarray(table.T)


def flat_bars(*prices: float) -> Prices:
    """Return bars that open, stay and close at one price each."""
    return bars(*((price, price, price, price) for price in prices))


def codes(word: str) -> Codes:
    """Return codes from a word: B buys, S sells, anything else holds."""
    return np.array([{"B": BUY, "S": SELL}.get(letter, HOLD) for letter in word], np.int8)


def run(prices: Prices, word: str, *, start: int = 0, **changes: Unpack[Changes]) -> Simulation:
    """Simulate a word of signals."""
    return simulate(prices, codes(word), replace(FREE, **changes), start=start)


def random_market(n: int, seed: int, *, activity: float = 0.5, volatility: float = 0.02) -> tuple[Prices, Codes]:
    """Return a seeded walk with gaps, and codes of which `activity` are signals."""
    generator = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(generator.normal(0, volatility, n)))
    opening = np.concatenate(([100.0], close[:-1])) * np.exp(generator.normal(0, volatility / 3, n))
    high = np.maximum(opening, close) * np.exp(np.abs(generator.normal(0, volatility / 2, n)))
    low = np.minimum(opening, close) * np.exp(-np.abs(generator.normal(0, volatility / 2, n)))
    signals = np.where(generator.random(n) < activity, generator.choice([BUY, SELL], n), HOLD).astype(np.int8)
    return np.array([opening, high, low, close, np.ones(n)]), signals


@st.composite
def markets(draw: st.DrawFn, *, max_bars: int = 40) -> tuple[Prices, Codes]:
    """Draw valid bars on a coarse grid, so that prices meet levels exactly, with rare leaps; and any codes."""
    step = st.integers(-4, 4) | st.integers(-60, 200)
    moves = draw(st.lists(st.tuples(step, st.integers(-4, 4), st.integers(0, 4), st.integers(0, 4)), max_size=max_bars))
    rows, last = [], 100
    for gap, move, above, below in moves:
        opening = max(5, last + gap)
        last = max(5, opening + move)
        rows.append((opening, max(opening, last) + above, max(1, min(opening, last) - below), last))
    signals = draw(st.lists(st.sampled_from([BUY, HOLD, SELL]), min_size=len(rows), max_size=len(rows)))
    return bars(*rows), np.array(signals, np.int8)


def distances() -> st.SearchStrategy[float | None]:
    return st.none() | st.sampled_from([0.01, 0.02, 0.05, 0.1, 0.5]) | st.floats(0.001, 0.9)


def rates() -> st.SearchStrategy[float]:
    return st.sampled_from([0.0, 0.001, 0.01]) | st.floats(0.0, 0.2)


def rules() -> st.SearchStrategy[SimulationRules]:
    return st.builds(
        SimulationRules,
        initial_capital=st.sampled_from([50.0, 1000.0, 100_000.0]),
        commission=rates(),
        slippage=rates(),
        position_fraction=st.sampled_from([1.0, 0.5]) | st.floats(0.01, 1.0),
        fractional_units=st.booleans(),
        stop_loss=distances(),
        take_profit=distances(),
        trailing_stop=distances(),
        min_signal_separation=st.integers(0, 5),
        position_awareness=st.booleans(),
        allow_short_from_flat=st.booleans(),
    )
