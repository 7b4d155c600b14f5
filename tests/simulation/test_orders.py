"""What the account makes of a signal: separation, awareness of the position, reversal."""

from __future__ import annotations

from typing import Unpack

import numpy as np
import pytest

from tests.simulation.markets import Changes, bars, flat_bars, run

TEN = flat_bars(*[100.0] * 10)


def entries_and_exits(word: str, **rules: Unpack[Changes]) -> list[tuple[int, int, int]]:
    trades = run(TEN, word, **rules).trades
    return list(zip(trades.side.tolist(), trades.entry_index.tolist(), trades.exit_index.tolist(), strict=True))


def test_a_second_buy_adds_nothing_to_a_long() -> None:
    assert entries_and_exits("BBB.S.....") == [(1, 1, 5)]


def test_nothing_is_added_to_an_open_position_without_awareness_either() -> None:
    assert entries_and_exits("BBB.S.....", position_awareness=False) == [(1, 1, 5)]


def test_a_sell_while_flat_is_not_followed_without_leave_to_go_short() -> None:
    assert entries_and_exits("S.S.......") == []
    assert entries_and_exits("S.S.......", position_awareness=False) == []


def test_a_sell_while_flat_opens_a_short_with_leave() -> None:
    assert entries_and_exits("S.S..B....", allow_short_from_flat=True) == [(-1, 1, 6), (1, 6, 9)]


def test_an_opposite_signal_closes_and_leaves_the_account_flat() -> None:
    assert entries_and_exits("B.S.S.B...") == [(1, 1, 3), (1, 7, 9)]


def test_an_opposite_signal_reverses_at_the_same_open_with_leave_to_go_short() -> None:
    simulation = run(flat_bars(10, 10, 20, 10, 10), "BS...", allow_short_from_flat=True)
    trades = simulation.trades
    assert trades.side.tolist() == [1, -1]
    assert trades.exit_index[0] == trades.entry_index[1] == 2
    assert trades.entry_price[1] == trades.exit_price[0] == 20.0
    assert trades.units.tolist() == [100.0, 100.0]
    assert simulation.final_value == 3000.0


def test_a_reversal_is_sized_by_the_equity_after_the_close_was_paid() -> None:
    trades = run(flat_bars(100, 100, 100, 100), "BS..", allow_short_from_flat=True, commission=0.01).trades
    after_close = (1000 / 101) * 100 * 0.99
    assert trades.units[1] == pytest.approx(after_close / 101)


def test_signals_sooner_than_the_separation_after_a_fill_are_held() -> None:
    # The entry fills on bar 1: with a separation of 3 the sale may be decided on bar 4 at the earliest.
    assert entries_and_exits("BSSSSS....", min_signal_separation=3) == [(1, 1, 5)]


def test_the_separation_counts_from_exits_too() -> None:
    # Entry on 1; the sale of bar 2 is too soon; no other comes.
    assert entries_and_exits("B.SBBBBBBB", min_signal_separation=2) == [(1, 1, 9)]
    # Sale on bar 3 fills on 4; the buys of 4 and 5 are too soon, that of 6 fills on 7.
    assert entries_and_exits("B..SBBBBBB", min_signal_separation=2) == [(1, 1, 4), (1, 7, 9)]


def test_a_separation_of_one_bar_blocks_the_bar_of_the_fill_only() -> None:
    assert entries_and_exits("BS........", min_signal_separation=1) == [(1, 1, 9)]
    assert entries_and_exits("B.S.......", min_signal_separation=1) == [(1, 1, 3)]


def test_the_separation_counts_from_stops_and_never_blocks_them() -> None:
    prices = bars((100, 100, 100, 100), (100, 100, 100, 100), (100, 100, 80, 100), *[(100.0, 100.0, 100.0, 100.0)] * 4)
    trades = run(prices, "B..BBBB", min_signal_separation=3, stop_loss=0.1).trades
    # Stopped on bar 2, one bar after the entry; the first buy that counts is that of bar 5.
    assert trades.exit_index.tolist() == [2, 6]
    assert trades.entry_index.tolist() == [1, 6]


def test_an_entry_that_was_not_made_does_not_start_the_separation() -> None:
    simulation = run(flat_bars(2000, 2000, 500, 500), "BB..", fractional_units=False, min_signal_separation=3)
    assert simulation.trades.entry_index.tolist() == [2]


def test_positions_are_the_signed_units_held_at_each_close() -> None:
    simulation = run(flat_bars(100, 100, 100, 100, 100), "B.S..", allow_short_from_flat=True)
    np.testing.assert_array_equal(simulation.positions(), [0, 10, 10, -10, 0])
