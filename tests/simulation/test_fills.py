"""Fills and money, computed by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from random import Random

import numpy as np
import pytest

from ktrdr_engine.simulation.models import ExitReason
from ktrdr_engine.simulation.simulator import simulate
from tests.simulation.markets import FREE, bars, codes, flat_bars, run


def test_a_buy_decided_at_a_close_is_filled_at_the_next_open() -> None:
    simulation = run(bars((10, 10, 10, 10), (20, 25, 20, 25), (30, 30, 30, 30)), "B..")
    assert simulation.trades.entry_index.tolist() == [1]
    assert simulation.trades.entry_price.tolist() == [20.0]
    assert simulation.equity.tolist() == [1000.0, 50 * 25.0, 50 * 30.0]


def test_a_sale_decided_at_a_close_is_filled_at_the_next_open() -> None:
    simulation = run(bars((10, 10, 10, 10), (20, 20, 20, 20), (40, 45, 40, 45)), "BS.")
    assert simulation.trades.exit_index.tolist() == [2]
    assert simulation.trades.exit_price.tolist() == [40.0]
    assert simulation.trades.exit_words() == ["signal"]
    assert simulation.final_value == 2000.0


def test_commission_is_paid_on_the_notional_of_both_fills_and_fits_the_cash() -> None:
    simulation = run(flat_bars(100, 100, 110, 110), "BS..", commission=0.01)
    units = 1000 / 101
    assert simulation.trades.units == pytest.approx([units])
    assert simulation.trades.commission == pytest.approx([units * 100 * 0.01 + units * 110 * 0.01])
    assert simulation.equity[1] == pytest.approx(units * 100)
    assert simulation.final_value == pytest.approx(units * 110 * 0.99)
    assert simulation.trades.net_pnl == pytest.approx([simulation.final_value - 1000])


def test_a_buy_pays_more_and_a_sale_gets_less_by_the_slippage() -> None:
    simulation = run(flat_bars(100, 100, 110), "BS.", slippage=0.1)
    trades = simulation.trades
    assert trades.entry_price == pytest.approx([110.0])
    assert trades.exit_price == pytest.approx([99.0])
    assert trades.slippage_cost == pytest.approx([(1000 / 110) * (10 + 11)])
    assert trades.gross_pnl == pytest.approx([(1000 / 110) * 10])
    assert trades.net_pnl == pytest.approx([(1000 / 110) * -11])


def test_gross_pnl_less_commission_and_slippage_is_net_pnl() -> None:
    trades = run(flat_bars(100, 120, 90, 130, 130), "BSB..", commission=0.002, slippage=0.003).trades
    assert trades.gross_pnl - trades.commission - trades.slippage_cost == pytest.approx(trades.net_pnl)
    assert trades.gross_pnl[0] == pytest.approx(trades.units[0] * (90 - 120))


def test_a_short_sells_below_the_open_and_buys_back_above_it() -> None:
    simulation = run(flat_bars(100, 100, 80, 80), "SB..", commission=0.01, slippage=0.1, allow_short_from_flat=True)
    first = simulation.trades.between(0, 1)
    units = 1000 / (90 * 1.01)
    assert first.side.tolist() == [-1]
    assert first.units == pytest.approx([units])
    assert first.entry_price == pytest.approx([90.0])
    assert first.exit_price == pytest.approx([88.0])
    assert simulation.equity[1] == pytest.approx(1000 + units * 90 * 0.99 - units * 100)
    assert first.net_pnl == pytest.approx([units * (90 - 88) - units * (90 + 88) * 0.01])


def test_a_short_gains_what_the_price_falls() -> None:
    simulation = run(flat_bars(100, 100, 60), "S..", allow_short_from_flat=True)
    assert simulation.equity.tolist() == [1000.0, 1000.0, 1400.0]
    assert simulation.trades.net_pnl.tolist() == [400.0]
    assert simulation.trades.return_.tolist() == [0.4]


def test_the_position_takes_its_fraction_of_the_equity_at_the_fill() -> None:
    simulation = run(flat_bars(10, 10, 20, 20, 20), "BSB..", position_fraction=0.5)
    assert simulation.trades.units.tolist() == [50.0, 37.5]
    assert simulation.final_value == 1500.0


def test_whole_units_are_floored_and_the_rest_stays_cash() -> None:
    simulation = run(flat_bars(300, 300, 400), "B..", fractional_units=False)
    assert simulation.trades.units.tolist() == [3.0]
    assert simulation.equity.tolist() == [1000.0, 1000.0, 1300.0]


def test_commission_is_considered_before_the_units_are_floored() -> None:
    assert run(flat_bars(100, 100), "B.", fractional_units=False, commission=0.001).trades.units.tolist() == [9.0]


def test_an_entry_that_does_not_buy_a_unit_is_counted_and_does_not_happen() -> None:
    simulation = run(flat_bars(2000, 2000, 2000), "BB.", fractional_units=False)
    assert simulation.unsized == 2
    assert len(simulation.trades) == 0
    assert simulation.equity.tolist() == [1000.0] * 3


def test_a_decision_on_the_last_bar_is_counted_and_not_filled() -> None:
    simulation = run(flat_bars(10, 10, 10), "..B")
    assert (simulation.unfilled, len(simulation.trades)) == (1, 0)


def test_a_hold_on_the_last_bar_is_not_an_unfilled_decision() -> None:
    assert run(flat_bars(10, 10, 10), "B.B").unfilled == 0


def test_an_open_position_is_closed_at_the_last_close_with_costs_everywhere() -> None:
    simulation = run(bars((10, 10, 10, 10), (10, 12, 10, 12)), "B.", commission=0.01, slippage=0.05)
    units = 1000 / (10.5 * 1.01)
    final = units * 12 * 0.95 * 0.99
    assert simulation.trades.exit_reason.tolist() == [ExitReason.END_OF_DATA]
    assert simulation.trades.exit_index.tolist() == [1]
    assert simulation.final_value == pytest.approx(final)
    assert simulation.equity[-1] == pytest.approx(final)
    assert simulation.trades.net_pnl.sum() == pytest.approx(final - 1000)
    assert simulation.units == 0.0


def test_the_exit_of_the_last_bar_at_the_open_leaves_nothing_for_its_close() -> None:
    simulation = run(bars((10, 10, 10, 10), (10, 10, 10, 10), (20, 30, 5, 5)), "BS.")
    assert simulation.trades.exit_words() == ["signal"]
    assert simulation.final_value == 2000.0


def test_an_entry_at_the_last_open_is_closed_at_the_last_close() -> None:
    simulation = run(bars((10, 10, 10, 10), (10, 20, 10, 20)), "B.")
    assert simulation.trades.bars_held.tolist() == [0]
    assert simulation.final_value == 2000.0
    assert simulation.exposed_bars == 1


def test_no_bar_gives_no_equity_and_the_initial_capital() -> None:
    simulation = run(np.empty((5, 0)), "")
    assert (simulation.bars, len(simulation.trades), simulation.final_value) == (0, 0, 1000.0)


def test_one_bar_can_only_decide() -> None:
    simulation = run(flat_bars(10), "B")
    assert simulation.equity.tolist() == [1000.0]
    assert simulation.unfilled == 1


def test_rows_before_the_start_neither_decide_nor_have_equity() -> None:
    simulation = run(flat_bars(10, 10, 20, 40, 40), "BB...", start=2)
    assert simulation.equity.tolist() == [1000.0] * 3
    assert len(simulation.trades) == 0
    later = run(flat_bars(10, 10, 20, 40, 80), "B.B..", start=2)
    assert later.trades.entry_index.tolist() == [3]
    assert later.equity.tolist() == [1000.0, 1000.0, 2000.0]
    assert later.positions().tolist() == [0.0, 25.0, 0.0]


def test_a_start_after_the_last_bar_simulates_nothing() -> None:
    assert run(flat_bars(10, 10), "BB", start=2).bars == 0


def test_a_short_that_loses_more_than_all_is_carried_and_nothing_is_opened_after_it() -> None:
    simulation = run(flat_bars(10, 10, 30, 30, 30, 30), "S.BB..", allow_short_from_flat=True)
    assert simulation.equity.tolist() == [1000.0, 1000.0, -1000.0, -1000.0, -1000.0, -1000.0]
    assert simulation.trades.net_pnl.tolist() == [-2000.0]
    assert simulation.unsized == 2


def test_a_short_under_water_may_still_recover() -> None:
    simulation = run(flat_bars(10, 10, 30, 15, 15), "S....", allow_short_from_flat=True)
    assert simulation.equity.tolist() == [1000.0, 1000.0, -1000.0, 500.0, 500.0]


def test_bars_count_as_exposed_when_a_position_was_open_after_the_open() -> None:
    # Entered at bar 1, left at the open of bar 3: held in bars 1 and 2.
    assert run(flat_bars(10, 10, 10, 10, 10), "B.S..").exposed_bars == 2


def test_excursions_span_the_bars_held_relative_to_the_entry_fill() -> None:
    prices = bars((10, 99, 1, 10), (10, 12, 9, 11), (11, 15, 8, 11), (11, 99, 1, 11))
    trades = run(prices, "B.S.").trades
    # The bar of the exit at the open counts with its open only, the bar before the entry not at all.
    assert trades.mae == pytest.approx([0.2])
    assert trades.mfe == pytest.approx([0.5])


def test_excursions_of_a_short_are_mirrored() -> None:
    prices = bars((10, 99, 1, 10), (10, 12, 9, 11), (11, 15, 8, 11), (11, 99, 1, 11))
    trades = run(prices, "S.B.", allow_short_from_flat=True).trades.between(0, 1)
    assert trades.mae == pytest.approx([0.5])
    assert trades.mfe == pytest.approx([0.2])


def test_the_last_bar_counts_whole_when_the_data_ends_the_trade() -> None:
    trades = run(bars((10, 10, 10, 10), (10, 20, 5, 10)), "B.").trades
    assert trades.mae == pytest.approx([0.5])
    assert trades.mfe == pytest.approx([1.0])


def test_slippage_at_the_entry_is_an_adverse_excursion_from_the_first_moment() -> None:
    trades = run(flat_bars(10, 10, 10), "BS.", slippage=0.25).trades
    assert trades.mae == pytest.approx([1 - 10 / 12.5])
    assert trades.mfe == pytest.approx([0.0])


def test_whole_units_that_are_exactly_affordable_are_bought_and_no_others() -> None:
    # The numbers are those that people write, so that the oracle computes in decimals, without any rounding.
    random = Random(4)
    wrong = []
    for _ in range(4_000):
        price = Decimal(random.randint(1, 999_999)) / 10 ** random.randint(0, 4)
        commission = Decimal(random.choice(["0", "0.001", "0.0005", "0.002", "0.0123"]))
        units, fraction = random.randint(1, 100_000), Decimal(random.choice(["1", "0.5", "0.25", "0.1"]))
        exact = units * price * (1 + commission) / fraction
        short_by_a_bit = exact - exact * Decimal("1e-12")
        for capital, bought in ((exact, units), (short_by_a_bit, units - 1)):
            simulation = simulate(
                flat_bars(*[float(price)] * 2),
                codes("B."),
                replace(
                    FREE,
                    initial_capital=float(capital),
                    commission=float(commission),
                    position_fraction=float(fraction),
                    fractional_units=False,
                ),
            )
            found = simulation.trades.units.tolist() or [0.0]
            if found != [bought]:
                wrong.append((price, commission, fraction, units, found))
    assert wrong == []
