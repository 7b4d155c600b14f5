from __future__ import annotations

import math

import pytest

from ktrdr_engine.backtesting.progress_bridge import BacktestProgressBridge

NOON = 1_718_452_800_000_000_000  # 2024-06-15T12:00:00Z


def a_bridge() -> BacktestProgressBridge:
    return BacktestProgressBridge("op_backtest_20240615_abcdefghij", "AAPL", "1h", 1000)


def test_before_the_first_bar_only_the_instrument_is_known() -> None:
    progress = a_bridge().get_status().progress
    assert progress.context == {"symbol": "AAPL", "timeframe": "1h"}
    assert progress.message == "Backtesting AAPL 1h"
    assert progress.percentage == 0


def test_the_latest_sample_is_read_as_text_and_context() -> None:
    bridge = a_bridge()
    bridge.update_progress(450, 1000, NOON - 1, 2340.0, 11, 0.5)
    bridge.update_progress(452, 1000, NOON, 2340.5, 12, 7 / 12)
    progress = bridge.get_status().progress
    assert progress.message == "Backtesting AAPL 1h [2024-06-15 12:00]"
    assert (progress.current_step, progress.total_steps, progress.percentage) == (452, 1000, 45.2)
    assert progress.context == {
        "symbol": "AAPL",
        "timeframe": "1h",
        "current_date": "2024-06-15T12:00:00Z",
        "current_pnl": 2340.5,
        "total_trades": 12,
        "win_rate": 7 / 12,
    }


def test_the_win_rate_is_undefined_before_the_first_trade() -> None:
    bridge = a_bridge()
    bridge.update_progress(50, 1000, NOON, 0.0, 0, math.nan)
    assert bridge.get_status().progress.context["win_rate"] is None


def test_bars_and_trades_are_paged_in_the_order_they_happened() -> None:
    bridge = a_bridge()
    bridge.update_progress(50, 1000, NOON, 1.5, 0, 0.0, 1)
    bridge.report_trade(
        trade_type="SHORT",
        entry_time=NOON,
        exit_time=NOON + 3_600_000_000_000,
        entry_price=1.5,
        exit_price=1.25,
        quantity=10.0,
        pnl=2.4,
        return_=0.16,
        exit_reason="trailing_stop",
    )
    first = bridge.get_metrics(0, 1)
    assert first.metrics == {
        "bars": [{"timestamp": "2024-06-15T12:00:00Z", "bar_index": 50, "pnl": 1.5, "trades": 0, "positions": 1}],
        "trades": [],
    }
    assert first.has_more
    second = bridge.get_metrics(first.new_cursor, 10)
    assert not second.has_more
    assert second.metrics["trades"] == [
        {
            "trade_type": "SHORT",
            "entry_time": "2024-06-15T12:00:00Z",
            "exit_time": "2024-06-15T13:00:00Z",
            "entry_price": 1.5,
            "exit_price": 1.25,
            "quantity": 10.0,
            "pnl": 2.4,
            "return": 0.16,
            "exit_reason": "trailing_stop",
        }
    ]


def test_an_unknown_side_or_reason_is_a_defect_of_the_caller() -> None:
    with pytest.raises(KeyError, match="UP"):
        a_bridge().report_trade(
            trade_type="UP", entry_time=0, exit_time=0, entry_price=1, exit_price=1, quantity=1, pnl=0, return_=0
        )
