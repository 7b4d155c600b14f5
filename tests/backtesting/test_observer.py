"""What a run leaves in its bridge: the same whether the samples that are thinned away were made or not."""

from __future__ import annotations

import numpy as np
import pytest

from ktrdr_engine.backtesting.observer import BridgeObserver
from ktrdr_engine.backtesting.progress_bridge import SIDES, BacktestProgressBridge
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.bars.window import BarWindow
from ktrdr_engine.errors import OperationCancelled
from ktrdr_engine.operations.cancellation import CancellationToken
from ktrdr_engine.simulation.models import SimulationRules
from ktrdr_engine.simulation.simulator import Simulation, simulate
from tests.simulation.markets import Codes, random_market

RULES = SimulationRules(100_000.0, 0.0001, 0.0, stop_loss=0.05, allow_short_from_flat=True)
MINUTE = Timeframe.M1.nanoseconds


class CountingObserver(BridgeObserver):
    """An observer that counts how often it reports."""

    reports = 0

    def on_block(self, bar: int, pnl: float, trades: int, wins: int, position: int) -> int:
        self.reports += 1
        return super().on_block(bar, pnl, trades, wins, position)


def window(bars: int, *, start: int) -> tuple[BarWindow, Codes]:
    prices, codes = random_market(bars, seed=bars, activity=0.05, volatility=0.001)
    stamps = np.arange(bars, dtype=np.int64) * MINUTE
    return BarWindow(BarSeries("X", Timeframe.M1, stamps, prices), start), codes


@pytest.mark.parametrize("bars", [80, 50_030, 130_000, 260_777])
def test_the_history_is_that_of_a_sample_every_50_bars_thinned(bars: int) -> None:
    given, codes = window(bars, start=30)
    bridge = BacktestProgressBridge("op", "X", "1m", bars - 30)
    observer = CountingObserver(bridge, CancellationToken(), given)
    simulation = simulate(given.series.prices, codes, RULES, start=30, observer=observer)
    every = BacktestProgressBridge("op", "X", "1m", bars - 30)
    exits = simulation.trades.exit_index
    held = simulation.positions() != 0
    ends = [*range(50, bars - 30, 50), bars - 30]
    for done in ends:
        bar = done + 29
        pnl = float(simulation.equity[done - 1]) - 100_000.0
        closed = len(exits) if done == bars - 30 else int(np.searchsorted(exits, bar, side="right"))
        every.update_progress(done, bars - 30, bar * MINUTE, pnl, closed, 0.5, int(held[done - 1]))
    kept = [entry for _, entry in bridge.history().entries["bars"]]
    assert kept == [entry for _, entry in every.history().entries["bars"]]
    assert bridge.last_number == len(ends) + len(simulation.trades)
    assert bridge.get_status().progress.current_step == bars - 30
    assert observer.reports <= len(ends)
    assert len(ends) <= 1_000 or observer.reports < 1_000 + 500 * np.log2(len(ends) / 500)


def test_trades_are_handed_over_as_they_were() -> None:
    given, codes = window(20_000, start=0)
    bridge = BacktestProgressBridge("op", "X", "1m", 20_000)
    observer = BridgeObserver(bridge, CancellationToken(), given)
    trades = simulate(given.series.prices, codes, RULES, observer=observer).trades
    single = BacktestProgressBridge("op", "X", "1m", 20_000)
    reasons = trades.exit_words()
    for row in range(len(trades)):
        single.report_trade(
            trade_type=SIDES[0] if trades.side[row] > 0 else SIDES[1],
            entry_time=int(trades.entry_index[row]) * MINUTE,
            exit_time=int(trades.exit_index[row]) * MINUTE,
            entry_price=float(trades.entry_price[row]),
            exit_price=float(trades.exit_price[row]),
            quantity=float(trades.units[row]),
            pnl=float(trades.net_pnl[row]),
            return_=float(trades.return_[row]),
            exit_reason=reasons[row],
        )
    handed = [entry for _, entry in bridge.history().entries["trades"]]
    assert handed == [entry for _, entry in single.history().entries["trades"]]
    assert 100 < len(handed) == len(trades)
    assert {entry["trade_type"] for entry in handed} == {"LONG", "SHORT"}


def test_a_cancelled_token_stops_a_long_run_within_100_bars_and_progress_says_where() -> None:
    given, codes = window(200_000, start=0)
    token = CancellationToken()
    cancelled_at: list[int] = []

    class Cancelling(BridgeObserver):
        def on_block(self, bar: int, pnl: float, trades: int, wins: int, position: int) -> int:
            if bar >= 120_000 and not token.is_cancelled:
                token.cancel()
                cancelled_at.append(bar)
            return super().on_block(bar, pnl, trades, wins, position)

    bridge = BacktestProgressBridge("op", "X", "1m", 200_000)
    with pytest.raises(OperationCancelled) as stopped:
        simulate(given.series.prices, codes, RULES, observer=Cancelling(bridge, token, given))
    assert isinstance(stopped.value.partial, Simulation)
    assert 0 <= stopped.value.partial.bars - cancelled_at[0] - 1 < 100
    assert bridge.get_status().progress.current_step == stopped.value.partial.bars
