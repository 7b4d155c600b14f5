"""The compiled loop against the plain one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from ktrdr_engine.simulation.models import SimulationRules
from ktrdr_engine.simulation.simulator import Simulation, simulate
from tests.simulation.markets import Codes, Prices, markets, random_market, rules
from tests.simulation.reference import Book, simulate_plainly

COLUMNS = (
    "side", "entry_index", "exit_index", "entry_price", "exit_price", "units", "gross_pnl", "commission",
    "slippage_cost", "net_pnl", "return_", "mae", "mfe",
)  # fmt: skip


def assert_same(simulation: Simulation, book: Book) -> None:
    def close(actual: ArrayLike, expected: ArrayLike, what: str) -> None:
        np.testing.assert_allclose(np.asarray(actual), np.asarray(expected), rtol=1e-9, atol=1e-9, err_msg=what)

    close(simulation.equity, book.equity, "equity")
    close(simulation.positions(), book.positions, "positions")
    assert simulation.trades.exit_words() == [trade.exit_reason for trade in book.trades]
    for column in COLUMNS:
        close(getattr(simulation.trades, column), [getattr(trade, column) for trade in book.trades], column)
    assert simulation.exposed_bars == book.exposed
    assert simulation.unsized == book.unsized
    assert simulation.unfilled == book.unfilled
    assert simulation.wins == np.count_nonzero(simulation.trades.net_pnl > 0)
    close(simulation.commission, sum(trade.commission for trade in book.trades), "commission")
    close(simulation.slippage, sum(trade.slippage_cost for trade in book.trades), "slippage")
    notional = sum(trade.units * (trade.entry_price + trade.exit_price) for trade in book.trades)
    close(simulation.notional, notional, "notional")


def compare(prices: Prices, signals: Codes, rules: SimulationRules, start: int = 0) -> None:
    assert_same(
        simulate(prices, signals, rules, start=start),
        simulate_plainly(prices.tolist(), signals.tolist(), rules, start),
    )


@settings(max_examples=400, deadline=None)
@given(market=markets(), rules=rules(), data=st.data())
def test_any_market_under_any_rules_gives_the_plain_loops_equity_and_trades(
    market: tuple[Prices, Codes], rules: SimulationRules, data: st.DataObject
) -> None:
    prices, signals = market
    start = data.draw(st.integers(0, min(3, len(signals)))) if len(signals) else 0
    compare(prices, signals, rules, start)


@pytest.mark.parametrize("seed", range(6))
def test_long_walks_with_more_trades_than_one_buffer_holds_agree_too(seed: int) -> None:
    prices, signals = random_market(2000, seed, activity=0.9)
    rules = SimulationRules(
        100_000.0,
        0.001,
        0.0005,
        stop_loss=0.02 if seed % 2 else None,
        take_profit=0.03 if seed % 3 else None,
        trailing_stop=0.04 if seed % 4 == 1 else None,
        allow_short_from_flat=seed < 4,
    )
    compare(prices, signals, rules)
