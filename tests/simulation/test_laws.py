"""What holds for every market under every set of rules."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ktrdr_engine.simulation.models import SimulationRules
from ktrdr_engine.simulation.simulator import Simulation, simulate
from tests.simulation.markets import Codes, Prices, markets, random_market, rules

Market = tuple[Prices, Codes]
law = settings(max_examples=80, deadline=None)


def cash_of(simulation: Simulation) -> NDArray[np.float64]:
    """Rebuild the cash at each close from the trades alone."""
    trades = simulation.trades
    flows = np.zeros(simulation.bars + 1)
    signed = trades.units * trades.side
    entry_fee = trades.units * trades.entry_price * trades.commission_rate
    exit_fee = trades.units * trades.exit_price * trades.commission_rate
    np.add.at(flows, trades.entry_index, -signed * trades.entry_price - entry_fee)
    np.add.at(flows, trades.exit_index, signed * trades.exit_price - exit_fee)
    return simulation.initial_capital + np.cumsum(flows[:-1])


@law
@given(market=markets(), rules=rules())
def test_cash_plus_position_value_is_the_equity_on_every_bar(market: Market, rules: SimulationRules) -> None:
    prices, codes = market
    simulation = simulate(prices, codes, rules)
    value = cash_of(simulation) + simulation.positions() * prices[3]
    assert simulation.equity == pytest.approx(value, rel=1e-9, abs=1e-6)


@law
@given(market=markets(), rules=rules())
def test_the_trades_net_pnl_is_all_the_account_gained(market: Market, rules: SimulationRules) -> None:
    simulation = simulate(*market, rules)
    gained = simulation.final_value - rules.initial_capital
    assert simulation.trades.net_pnl.sum() == pytest.approx(gained, rel=1e-9, abs=1e-6)


@law
@given(market=markets(), rules=rules(), data=st.data())
def test_changing_the_future_leaves_the_past_bit_identical(
    market: Market, rules: SimulationRules, data: st.DataObject
) -> None:
    prices, codes = market
    assume(len(codes) > 1)
    cut = data.draw(st.integers(0, len(codes) - 1))
    other_prices, other_codes = prices.copy(), codes.copy()
    other_prices[:, cut:] *= 3
    other_codes[cut:] = 2 - other_codes[cut:]
    one, other = simulate(prices, codes, rules), simulate(other_prices, other_codes, rules)
    assert one.equity[:cut].tobytes() == other.equity[:cut].tobytes()
    past = one.trades.exit_index < cut
    assert one.trades.records[past].tobytes() == other.trades.records[other.trades.exit_index < cut].tobytes()


@law
@given(market=markets(), rules=rules(), data=st.data())
def test_a_prefix_of_the_data_gives_a_prefix_of_the_results(
    market: Market, rules: SimulationRules, data: st.DataObject
) -> None:
    prices, codes = market
    assume(len(codes) > 1)
    cut = data.draw(st.integers(1, len(codes)))
    whole = simulate(prices, codes, rules)
    part = simulate(np.ascontiguousarray(prices[:, :cut]), codes[:cut].copy(), rules)
    # The last bar of the part also closes what is open, which the whole run does later.
    assert part.equity[:-1].tobytes() == whole.equity[: cut - 1].tobytes()
    before = part.trades.exit_index < cut - 1
    assert part.trades.records[before].tobytes() == whole.trades.records[whole.trades.exit_index < cut - 1].tobytes()


@law
@given(market=markets(), rules=rules(), data=st.data())
def test_a_later_start_is_the_same_as_data_that_begins_there(
    market: Market, rules: SimulationRules, data: st.DataObject
) -> None:
    prices, codes = market
    start = data.draw(st.integers(0, len(codes)))
    late = simulate(prices, codes, rules, start=start)
    cut = simulate(np.ascontiguousarray(prices[:, start:]), codes[start:].copy(), rules)
    assert late.equity.tobytes() == cut.equity.tobytes()
    assert late.trades.net_pnl.tobytes() == cut.trades.net_pnl.tobytes()
    assert (late.trades.entry_index - start).tolist() == cut.trades.entry_index.tolist()


@law
@given(market=markets(), rules=rules())
def test_costs_never_make_an_account_richer_that_only_goes_long_without_stops(
    market: Market, rules: SimulationRules
) -> None:
    # Stops lie at a distance from the fill, which slippage moves, and whole units leave other rests: with them the
    # trades differ and the law need not hold. A short's costs shrink its size, which a loss makes welcome.
    rules = replace(
        rules, stop_loss=None, take_profit=None, trailing_stop=None, fractional_units=True, allow_short_from_flat=False,
        position_fraction=1.0,
    )  # fmt: skip
    free = simulate(*market, replace(rules, commission=0.0, slippage=0.0))
    costly = simulate(*market, rules)
    assert np.all(costly.equity <= free.equity * (1 + 1e-12))


@law
@given(market=markets(), rules=rules())
def test_each_round_trip_costs_at_least_what_its_fills_cost(market: Market, rules: SimulationRules) -> None:
    trades = simulate(*market, rules).trades
    assert np.all(trades.net_pnl <= trades.gross_pnl + 1e-9 * (1 + np.abs(trades.gross_pnl)))


@law
@given(market=markets(), rules=rules())
def test_trades_never_overlap_and_lie_in_the_data(market: Market, rules: SimulationRules) -> None:
    simulation = simulate(*market, rules)
    trades = simulation.trades
    assert np.all(trades.entry_index <= trades.exit_index)
    assert np.all(trades.entry_index[1:] >= trades.exit_index[:-1])
    assert np.all((trades.entry_index >= 1) & (trades.exit_index < simulation.bars))
    assert np.all(trades.units > 0)
    assert np.all((trades.mae >= 0) & (trades.mfe >= 0))
    assert 0 <= simulation.exposed_bars <= simulation.bars


@law
@given(market=markets(), rules=rules())
def test_without_leave_to_go_short_cash_is_never_borrowed(market: Market, rules: SimulationRules) -> None:
    simulation = simulate(*market, replace(rules, allow_short_from_flat=False))
    assert np.all(cash_of(simulation) >= -1e-6)
    assert np.all(simulation.trades.side == 1)


@law
@given(market=markets(), rules=rules())
def test_whole_units_are_whole(market: Market, rules: SimulationRules) -> None:
    units = simulate(*market, replace(rules, fractional_units=False)).trades.units
    assert np.all(units == np.floor(units))


def test_an_account_is_the_same_in_any_unit_of_money() -> None:
    prices, codes = random_market(500, seed=2)
    rules = SimulationRules(1000.0, 0.001, 0.001, stop_loss=0.05)
    doubled = simulate(prices, codes, replace(rules, initial_capital=2000.0))
    assert doubled.equity == pytest.approx(2 * simulate(prices, codes, rules).equity)
