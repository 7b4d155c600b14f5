"""Days, years and gaps of a backtest are those of its dataset's market, whatever the range."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ktrdr_engine.backtesting.engine import BacktestingEngine
from ktrdr_engine.backtesting.job import prepare
from ktrdr_engine.backtesting.models import BacktestRequest, BacktestResults
from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.bars.files import read_bars, write_parquet
from ktrdr_engine.bars.market import FX, UNKNOWN, Market, parse_market
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.inference.library import ModelLibrary
from ktrdr_engine.strategy.library import StrategyLibrary

HOLD = """name: hold
version: "1.0.0"
description: Buys the first bar and holds.
training_data:
  symbols: {mode: single, symbol: TEST}
  timeframes: {mode: single, timeframe: 1d}
indicators:
  sma_2: {type: sma, period: 2}
fuzzy_sets:
  any: {indicator: sma_2, yes: {type: sigmoid, parameters: [0.001, 100000]}}
model:
  type: fuzzy_rules
  rules:
    - {if: any is yes, then: BUY}
decisions: {output_format: classification, confidence_threshold: 0.0}
"""
RANGE = {"start_date": "2000-01-01", "end_date": "2030-01-01"}


class Home:
    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("strategies", "models", "data"):
            (root / folder).mkdir(parents=True)

    def put(self, index: pd.DatetimeIndex, timeframe: Timeframe, market: Market = UNKNOWN) -> None:
        stamps = index.as_unit("ns").asi8
        close = 100 * np.exp(np.cumsum(np.random.default_rng(3).normal(0.0004, 0.01, len(stamps))))
        prices = np.array([close, close * 1.001, close * 0.999, close, np.ones(len(close))])
        write_parquet(
            BarSeries("TEST", timeframe, stamps, prices, market), self.root / "data" / f"TEST_{timeframe}.parquet"
        )

    def run(self, timeframe: str = "1d", **changes: Any) -> BacktestResults:
        (self.root / "strategies" / "hold.yaml").write_text(HOLD.replace("timeframe: 1d", f"timeframe: {timeframe}"))
        request = BacktestRequest.parse(
            {"symbol": "TEST", "timeframe": timeframe, "strategy_config_path": "hold", **RANGE, **changes}
        )
        store = BarStore((self.root, shipped_root()))
        job = prepare(request, StrategyLibrary((self.root,)), ModelLibrary((self.root,)), store)
        return BacktestingEngine(job).run()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def five_days(first: int, start: str = "2021-01-03", end: str = "2022-12-30") -> pd.DatetimeIndex:
    days = pd.date_range(start, end, tz="UTC")
    return days[(days.day_of_week - first) % 7 < 5][:520]


def test_five_sessions_a_week_have_the_same_numbers_on_whatever_days(home: Home) -> None:
    home.put(five_days(0), Timeframe.D1)
    monday = home.run()
    home.put(five_days(6), Timeframe.D1)
    sunday = home.run()
    assert (sunday.annualization, sunday.market, sunday.market_inferred) == (252, "utc", True)
    for name in ("annual_return", "sharpe_ratio", "annual_volatility", "sortino_ratio", "total_return"):
        assert getattr(sunday, name) == getattr(monday, name), name


@pytest.mark.parametrize("market", [UNKNOWN, FX])
def test_foreign_exchange_days_stamped_at_17_in_new_york_have_252_a_year(home: Home, market: Market) -> None:
    local = pd.date_range("2021-01-03 17:00", "2022-12-29 17:00", tz="America/New_York")
    home.put(local[local.day_of_week.isin([6, 0, 1, 2, 3])].tz_convert("UTC")[:520], Timeframe.D1, market)
    opens = home.run()
    home.put(five_days(0), Timeframe.D1)
    assert opens.annualization == 252
    assert opens.annual_return == home.run().annual_return


def test_a_range_never_changes_the_market(home: Home) -> None:
    hours = pd.date_range("2024-01-01", "2024-03-01", freq="h", tz="UTC", inclusive="left")
    home.put(hours, Timeframe.H1)
    week = home.run("1h", start_date="2024-01-08", end_date="2024-01-12")
    assert (week.market, week.market_inferred, week.annualization) == ("crypto", True, 365)
    local = hours.tz_convert("America/New_York") + pd.Timedelta(hours=7)
    home.put(hours[local.day_of_week < 5], Timeframe.H1)
    evening = home.run("1h", start_date="2024-01-14T22:00:00Z", end_date="2024-01-15T08:00:00Z")
    assert (evening.market, evening.market_inferred, evening.annualization) == ("fx", True, 252)
    assert [note for note in evening.notes if "1 trading day" in note]


def test_weekly_bars_have_52_a_year_in_any_market(home: Home) -> None:
    weeks = pd.date_range("2021-01-03 22:00", periods=100, freq="7D", tz="UTC")
    for name in ("fx", "crypto", "us_equity", "equity:Asia/Tokyo"):
        home.put(weeks, Timeframe.W1, parse_market(name))
        assert (home.run("1w").annualization, home.run("1w").market) == (52, name)


def test_a_run_over_a_gap_says_so_and_one_beside_it_does_not(home: Home) -> None:
    days = five_days(0)
    home.put(days.delete(range(200, 350)), Timeframe.D1)
    over = home.run()
    assert [note for note in over.notes if "150 bars" in note and "2021-10-11" in note]
    beside = home.run(end_date="2021-09-30")
    assert not [note for note in beside.notes if "missing" in note or "gap" in note]


def test_a_run_over_a_jump_says_so_and_one_beside_it_does_not(home: Home) -> None:
    home.put(five_days(0), Timeframe.D1)
    path = home.root / "data" / "TEST_1d.parquet"
    series = read_bars(path, "TEST", Timeframe.D1)
    prices = series.prices.copy()
    prices[:4, 200] *= 10
    write_parquet(dataclasses.replace(series, prices=prices), path)
    day = format_stamp(int(series.timestamp[200]))
    over = home.run()
    assert [note for note in over.notes if f"row 201 ({day})" in note]
    beside = home.run(end_date=format_stamp(int(series.timestamp[190]))[:10])
    assert not [note for note in beside.notes if "jump" in note]


def test_shipped_hours_are_counted_by_the_days_of_foreign_exchange() -> None:
    from tests.backtesting.conftest import MAIN_JOB

    store = BarStore((shipped_root(),))
    series = store.load("EURUSD", "1h")
    job = prepare(
        BacktestRequest.parse(MAIN_JOB), StrategyLibrary((shipped_root(),)), ModelLibrary((shipped_root(),)), store
    )
    results = BacktestingEngine(job).run()
    assert (results.market, results.market_inferred, results.annualization) == ("fx", False, 252)
    equity = results.tables["equity"]["equity"]
    stamps = pd.DatetimeIndex(pd.to_datetime(series.timestamp[-results.bars :], utc=True))
    days = (stamps.tz_convert("America/New_York").tz_localize(None) + pd.Timedelta(hours=7)).normalize()
    daily = pd.Series(np.asarray(equity, np.float64), days).groupby(level=0).last()
    returns = np.diff(np.concatenate(([results.initial_capital], daily)))
    returns = returns / np.concatenate(([results.initial_capital], daily[:-1]))
    assert results.sharpe_ratio == pytest.approx(returns.mean() / returns.std(ddof=1) * np.sqrt(252), rel=1e-9)


def test_series_keep_what_they_are_when_their_market_is_said(home: Home) -> None:
    home.put(five_days(0), Timeframe.D1)
    series = BarStore((home.root,)).load("TEST", "1d")
    assert dataclasses.replace(series, market=FX).sha256() == series.sha256()
