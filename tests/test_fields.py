"""What lists say of a request, of whatever kind and age."""

from __future__ import annotations

from typing import Any

import pytest

from ktrdr_engine.fields import request_subject


@pytest.mark.parametrize(
    ("metadata", "about"),
    [
        (
            {
                "symbol": "EURUSD",
                "timeframe": "1h",
                "strategy_config_path": "strategies/rsi_mean_reversion.yaml",
                "start_date": "2017-01-02",
                "end_date": "2017-12-29",
                "commission": 0.001,
            },
            ["EURUSD", "1h", "rsi_mean_reversion", "2017-01-02 to 2017-12-29"],
        ),
        (
            {
                "strategy_config_path": "trend.yml",
                "symbols": ["SPX", "EURUSD"],
                "timeframes": ["1d"],
                "start_date": "1999-01-04T09:30:00Z",
                "end_date": "2015-12-31",
            },
            ["SPX, EURUSD", "1d", "trend", "1999-01-04 09:30 to 2015-12-31"],
        ),
        (
            {"symbol": "BTC/USDT", "timeframe": "1h", "source": "ccxt:binance", "start_date": None, "end_date": None},
            ["BTC/USDT", "1h", "ccxt:binance"],
        ),
        ({"symbol": "SPX", "start_date": "2017-01-02"}, ["SPX", "from 2017-01-02"]),
        ({"symbol": None, "symbols": None, "strategy_config_path": 3, "end_date": "2017-01-02"}, ["to 2017-01-02"]),
        ({}, []),
    ],
    ids=["backtest", "training", "load", "open end", "odd", "nothing"],
)
def test_a_request_is_told_from_others_by_what_it_names(metadata: dict[str, Any], about: list[str]) -> None:
    assert list(request_subject(metadata).values()) == about
