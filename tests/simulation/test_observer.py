"""Blocks, progress, cancellation: what an observer sees, and that it changes no bit."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrdr_engine.errors import OperationCancelled
from ktrdr_engine.simulation.models import SimulationRules
from ktrdr_engine.simulation.simulator import Simulation, simulate, warm_up
from ktrdr_engine.simulation.trades import TradeTable
from tests.simulation.markets import FREE, Codes, Prices, flat_bars, markets, random_market, rules

COSTLY = SimulationRules(100_000.0, 0.001, 0.001, stop_loss=0.03, trailing_stop=0.05, allow_short_from_flat=True)


@dataclass
class Watcher:
    """Keeps what it is told; cancels when `cancel_at` bars were reported; asks for a report each `apart` blocks."""

    cancel_at: int | None = None
    apart: int = 1
    cancel_flag: bytearray = field(default_factory=lambda: bytearray(1))
    blocks: list[tuple[int, float, int, int, int]] = field(default_factory=list)
    tables: list[TradeTable] = field(default_factory=list)

    def on_block(self, bar: int, pnl: float, trades: int, wins: int, position: int) -> int:
        self.blocks.append((bar, pnl, trades, wins, position))
        if self.cancel_at is not None and bar + 1 >= self.cancel_at:
            self.cancel_flag[0] = 1
        return self.apart

    def on_trades(self, trades: TradeTable) -> None:
        self.tables.append(trades)


def same_bytes(one: Simulation, other: Simulation) -> bool:
    return (
        one.equity.tobytes() == other.equity.tobytes()
        and one.trades.records.tobytes() == other.trades.records.tobytes()
        and (one.commission, one.slippage, one.notional, one.exposed_bars, one.wins, one.unsized, one.unfilled)
        == (other.commission, other.slippage, other.notional, other.exposed_bars, other.wins, other.unsized,
            other.unfilled)
    )  # fmt: skip


def test_progress_comes_every_50_bars_and_after_the_last() -> None:
    watcher = Watcher()
    prices, codes = random_market(230, seed=1)
    simulation = simulate(prices, codes, COSTLY, observer=watcher)
    assert [block[0] for block in watcher.blocks] == [49, 99, 149, 199, 229]
    for bar, pnl, *_ in watcher.blocks:
        assert pnl == simulation.equity[bar] - 100_000.0


def test_progress_counts_blocks_from_the_start_of_the_range() -> None:
    watcher = Watcher()
    prices, codes = random_market(160, seed=1)
    simulate(prices, codes, COSTLY, start=30, observer=watcher)
    assert [block[0] for block in watcher.blocks] == [79, 129, 159]


def test_progress_comes_as_far_apart_as_was_asked_for_and_after_the_last() -> None:
    watcher = Watcher(apart=3)
    prices, codes = random_market(560, seed=1)
    simulation = simulate(prices, codes, COSTLY, start=30, observer=watcher)
    assert [block[0] for block in watcher.blocks] == [79, 229, 379, 529, 559]
    for bar, pnl, *_ in watcher.blocks:
        assert pnl == simulation.equity[bar - 30] - 100_000.0


@pytest.mark.parametrize("apart", [1, 2, 1_000])
@pytest.mark.parametrize(("cancel_at", "bars"), [(50, 100), (100, 100), (150, 200), (400, 400), (401, 450)])
def test_the_flag_is_read_every_100_bars_however_far_apart_the_reports_are(
    apart: int, cancel_at: int, bars: int
) -> None:
    prices, codes = random_market(450, seed=1)

    class Late(Watcher):
        def on_block(self, bar: int, pnl: float, trades: int, wins: int, position: int) -> int:
            super().on_block(bar, pnl, trades, wins, position)
            return 1 if bar + 1 < cancel_at else apart

    watcher = Late(cancel_at=cancel_at)
    if bars == 450:
        assert simulate(prices, codes, COSTLY, observer=watcher).bars == 450
        return
    with pytest.raises(OperationCancelled) as stopped:
        simulate(prices, codes, COSTLY, observer=watcher)
    assert isinstance(stopped.value.partial, Simulation)
    assert stopped.value.partial.bars == bars


def test_progress_tells_closed_trades_wins_and_the_side_held() -> None:
    watcher = Watcher()
    prices = flat_bars(*[10.0] * 20, *[20.0] * 100)
    signals = np.ones(120, np.int8)
    signals[0], signals[25], signals[60] = 0, 2, 0
    simulate(prices, signals, FREE, observer=watcher)
    assert watcher.blocks == [(49, 1000.0, 1, 1, 0), (99, 1000.0, 1, 1, 1), (119, 1000.0, 2, 1, 0)]


def test_every_closed_trade_is_handed_over_once_in_order() -> None:
    watcher = Watcher()
    prices, codes = random_market(20_000, seed=3, activity=0.9)
    simulation = simulate(prices, codes, COSTLY, observer=watcher)
    assert len(watcher.tables) > 1
    handed = np.concatenate([table.records for table in watcher.tables])
    assert handed.tobytes() == simulation.trades.records.tobytes()


def test_a_run_without_trades_hands_over_none() -> None:
    watcher = Watcher()
    simulate(flat_bars(*[10.0] * 60), np.ones(60, np.int8), FREE, observer=watcher)
    assert watcher.tables == []
    assert [block[0] for block in watcher.blocks] == [49, 59]


def test_no_bars_means_no_report() -> None:
    watcher = Watcher()
    assert simulate(np.empty((5, 0)), np.empty(0, np.int8), FREE, observer=watcher).bars == 0
    assert watcher.blocks == []


@settings(max_examples=60, deadline=None)
@given(market=markets(max_bars=180), rules=rules(), apart=st.integers(1, 4))
def test_blocks_and_one_call_give_the_same_bits(
    market: tuple[Prices, Codes], rules: SimulationRules, apart: int
) -> None:
    prices, codes = market
    assert same_bytes(simulate(prices, codes, rules), simulate(prices, codes, rules, observer=Watcher(apart=apart)))


def test_blocks_and_one_call_give_the_same_bits_over_many_buffers() -> None:
    prices, codes = random_market(30_000, seed=5, activity=1.0)
    whole = simulate(prices, codes, COSTLY)
    assert len(whole.trades) > 5_000
    assert same_bytes(whole, simulate(prices, codes, COSTLY, observer=Watcher()))
    far = Watcher(apart=200)
    assert same_bytes(whole, simulate(prices, codes, COSTLY, observer=far))
    handed = np.concatenate([table.records for table in far.tables])
    assert handed.tobytes() == whole.trades.records.tobytes()


def test_a_cancelled_run_stops_within_100_bars_and_keeps_what_it_did() -> None:
    prices, codes = random_market(1_000, seed=7)
    watcher = Watcher(cancel_at=150)
    with pytest.raises(OperationCancelled) as stopped:
        simulate(prices, codes, COSTLY, observer=watcher)
    partial = stopped.value.partial
    assert isinstance(partial, Simulation)
    whole = simulate(prices, codes, COSTLY)
    assert partial.bars == 200
    assert partial.equity.tobytes() == whole.equity[:200].tobytes()
    count = len(partial.trades)
    assert partial.trades.records.tobytes() == whole.trades.records[:count].tobytes()
    assert sum(len(table) for table in watcher.tables) == count
    np.testing.assert_array_equal(partial.positions(), whole.positions()[:200])


def test_a_position_open_at_the_cancellation_stays_open_and_counts_as_exposed() -> None:
    codes = np.ones(300, np.int8)
    codes[9] = 0
    with pytest.raises(OperationCancelled) as stopped:
        simulate(flat_bars(*[10.0] * 300), codes, FREE, observer=Watcher(cancel_at=100))
    partial = stopped.value.partial
    assert isinstance(partial, Simulation)
    assert (partial.units, partial.entry_index, len(partial.trades)) == (100.0, 10, 0)
    assert partial.exposed_bars == 90
    assert partial.positions().tolist() == [0.0] * 10 + [100.0] * 90


def test_a_run_cancelled_before_it_began_has_no_bars() -> None:
    with pytest.raises(OperationCancelled) as stopped:
        simulate(flat_bars(*[10.0] * 60), np.ones(60, np.int8), FREE, observer=Watcher(cancel_flag=bytearray(b"\1")))
    assert isinstance(stopped.value.partial, Simulation)
    assert stopped.value.partial.bars == 0


def test_an_observers_error_ends_the_run() -> None:
    class Broken(Watcher):
        def on_block(self, bar: int, pnl: float, trades: int, wins: int, position: int) -> int:
            raise LookupError("no such bar")

    with pytest.raises(LookupError, match="no such bar"):
        simulate(flat_bars(*[10.0] * 60), np.ones(60, np.int8), FREE, observer=Broken())


def test_threads_give_the_same_bytes() -> None:
    prices, codes = random_market(20_000, seed=11)
    warm_up()
    results: list[Simulation] = []
    threads = [
        threading.Thread(
            target=lambda observed: results.append(
                simulate(prices, codes, COSTLY, observer=Watcher() if observed else None)
            ),
            args=(observed,),
        )
        for observed in (True, False, True, False)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(same_bytes(results[0], other) for other in results[1:])
