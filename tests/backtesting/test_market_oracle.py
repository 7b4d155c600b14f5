"""Whole runs against numbers worked out again with pandas, over drawn prices of every market and changes of clocks."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from ktrdr_engine.backtesting.engine import BacktestingEngine
from ktrdr_engine.backtesting.job import prepare
from ktrdr_engine.backtesting.models import BacktestRequest, BacktestResults
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.inference.library import ModelLibrary
from ktrdr_engine.strategy.library import StrategyLibrary

Values = NDArray[np.float64]
PERIOD = 7
STRATEGY = """
name: flip
training_data: {symbols: {mode: single, symbol: X}, timeframes: TIMEFRAMES}
indicators: {rsi: {type: rsi, period: 7}, roc: {type: roc, period: 1}}
fuzzy_sets:
  zone: {indicator: rsi, low: [0, 0, 30, 55], high: [45, 70, 100, 100]}
  move: {indicator: roc, up: {type: sigmoid, parameters: [0, 50]}, down: {type: sigmoid, parameters: [0, -50]}}
model: {type: fuzzy_rules, rules: RULES}
decisions: {confidence_threshold: 0.3, allow_short_from_flat: true}
"""
ONE_RULES = "[{if: zone is low, then: BUY}, {if: zone is high, then: SELL}]"
DAYS_RULES = "[{if: 1d move is up, then: BUY}, {if: 1d move is down and 1h zone is high, then: SELL}]"
NEW_YORK = "America/New_York"


class Bars(NamedTuple):
    """Stamps, and prices of shape (5, n)."""

    stamps: pd.DatetimeIndex
    prices: Values


def fx_day(index: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return the date of each instant in a market whose day begins at 17:00 in New York."""
    return (index.tz_convert(NEW_YORK).tz_localize(None) + pd.Timedelta(hours=7)).floor("D")


def grid(market: str, timeframe: str, start: str, weeks: int) -> pd.DatetimeIndex:
    length = pd.Timedelta({"1d": "1D", "1w": "7D"}.get(timeframe, timeframe.replace("m", "min")))
    first = pd.Timestamp(start, tz="UTC")
    index = pd.date_range(first, first + pd.Timedelta(weeks=weeks), freq=length, inclusive="left")
    if market == "crypto" or timeframe == "1w":
        return index
    if timeframe == "1d":
        return index[index.day_of_week.isin([6, 0, 1, 2, 3] if market == "equity:Asia/Riyadh" else [0, 1, 2, 3, 4])]
    if market == "fx":
        return index[fx_day(index).day_of_week < 5]
    local = index.tz_convert(NEW_YORK)
    return index[(local.day_of_week < 5) & (local.hour >= 9) & (local.hour < 16)]


def drawn(index: pd.DatetimeIndex, seed: int) -> Bars:
    """Return a random walk over most of some stamps."""
    draw = np.random.default_rng(seed)
    kept = np.sort(draw.choice(len(index), int(len(index) * 0.98), replace=False))
    n = len(kept)
    close = 10 * np.exp(draw.normal(0, 0.01, n).cumsum())
    opens = close * np.exp(draw.normal(0, 0.003, n))
    high = np.maximum(opens, close) * np.exp(np.abs(draw.normal(0, 0.003, n)))
    low = np.minimum(opens, close) * np.exp(-np.abs(draw.normal(0, 0.003, n)))
    return Bars(index[kept], np.stack([opens, high, low, close, np.ones(n)]))


def stamp(moment: pd.Timestamp) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Home:
    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("strategies", "models", "data"):
            (root / folder).mkdir(parents=True)

    def put(self, bars: Bars, timeframe: str, market: str) -> None:
        table = pd.DataFrame(bars.prices.T, columns=["open", "high", "low", "close", "volume"])
        table.insert(0, "timestamp", bars.stamps.strftime("%Y-%m-%dT%H:%M:%SZ"))
        table.to_csv(self.root / "data" / f"X_{timeframe}.csv", index=False, float_format="%.17g")
        (self.root / "data" / "markets.json").write_text(json.dumps({f"X_{timeframe}": market}))

    def run(self, timeframe: str, first: pd.Timestamp, last: pd.Timestamp, *higher: str) -> BacktestResults:
        single, several = "{mode: single, timeframe: %s}", "{mode: multi_timeframe, list: [%s], base_timeframe: %s}"
        read = several % (", ".join((timeframe, *higher)), timeframe) if higher else single % timeframe
        text = STRATEGY.replace("TIMEFRAMES", read).replace("RULES", DAYS_RULES if higher else ONE_RULES)
        (self.root / "strategies" / "flip.yaml").write_text(text)
        request = {"symbol": "X", "timeframe": timeframe, "strategy_config_path": "flip"}
        dates = {"start_date": stamp(first), "end_date": stamp(last)}
        libraries = StrategyLibrary((self.root,)), ModelLibrary((self.root,)), BarStore((self.root,))
        return BacktestingEngine(prepare(BacktestRequest.parse(request | dates), *libraries)).run()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def expected(index: pd.DatetimeIndex, equity: Values, capital: float, timeframe: str, market: str) -> dict[str, float]:
    """Return the ratios of a curve by their definitions alone."""
    if timeframe in ("1d", "1w"):
        day = pd.date_range("2000-01-01", periods=len(index))  # one each
    elif market == "fx":
        day = fx_day(index)
    else:
        day = index.tz_convert(NEW_YORK if market == "us_equity" else "UTC").floor("D")
    daily = np.append(capital, pd.Series(equity).groupby(day, sort=False).last())
    returns = daily[1:] / daily[:-1] - 1
    a_year = 52 if timeframe == "1w" else 365 if market == "crypto" else 252
    peaks = np.maximum(np.maximum.accumulate(equity), capital)
    annual = float(equity[-1] / capital) ** (a_year / len(returns)) - 1
    drawdown = float((1 - equity / peaks).max())
    return {
        "total_return": float(equity[-1] / capital - 1),
        "annualization": a_year,
        "annual_return": annual,
        "annual_volatility": float(returns.std(ddof=1)) * math.sqrt(a_year),
        "sharpe_ratio": float(returns.mean() / returns.std(ddof=1)) * math.sqrt(a_year),
        "sortino_ratio": float(returns.mean() / np.sqrt(np.square(np.minimum(returns, 0)).mean())) * math.sqrt(a_year),
        "max_drawdown": drawdown,
        "calmar_ratio": annual / drawdown,
    }


MARKETS = [
    ("fx", "1h", 10),
    ("fx", "15m", 4),
    ("crypto", "1h", 6),
    ("crypto", "4h", 20),
    ("crypto", "1d", 60),
    ("us_equity", "30m", 16),
    ("us_equity", "1d", 60),
    ("equity:Asia/Riyadh", "1d", 60),
    ("utc", "1w", 200),
]


@pytest.mark.parametrize("start", ["2021-02-28", "2019-10-13"], ids=["clocks go forward", "clocks go back"])
@pytest.mark.parametrize(("market", "timeframe", "weeks"), MARKETS)
@pytest.mark.parametrize("first", [0, 40], ids=["from the first bar", "after the warm-up"])
def test_every_ratio_and_that_of_holding_is_what_its_definition_gives(
    home: Home, market: str, timeframe: str, weeks: int, start: str, first: int
) -> None:
    index, prices = bars = drawn(grid(market, timeframe, start, weeks), seed=weeks)
    home.put(bars, timeframe, market)
    results = home.run(timeframe, index[first], index[-1])
    equity = np.asarray(results.tables["equity"]["equity"])
    warmup = max(0, PERIOD - first)
    assert (results.warmup_bars, results.market) == (warmup, market)
    for name, value in expected(index[first:], equity, results.initial_capital, timeframe, market).items():
        assert getattr(results, name) == pytest.approx(value, rel=1e-9), name
    held = prices[3, first:] / prices[0, first + warmup + 1]
    held[: warmup + 1] = 1
    holding = expected(index[first:], held, 1.0, timeframe, market)
    assert results.buy_and_hold_start == stamp(index[first + warmup + 1])
    for ours, theirs in (("return", "total_return"), ("sharpe_ratio",) * 2, ("max_drawdown",) * 2):
        assert getattr(results, f"buy_and_hold_{ours}") == pytest.approx(holding[theirs], rel=1e-9), ours


@pytest.mark.parametrize("start", ["2021-02-28", "2019-10-13"], ids=["clocks go forward", "clocks go back"])
def test_days_of_foreign_exchange_show_nothing_of_bars_to_come(home: Home, start: str) -> None:
    bars = drawn(grid("fx", "1h", start, 5), seed=5)
    first, last = 250, len(bars.stamps) - 2
    home.put(bars, "1h", "fx")
    before = home.run("1h", bars.stamps[first], bars.stamps[last], "1d")
    assert before.total_trades > 3
    ends = np.flatnonzero(np.diff(fx_day(bars.stamps).asi8))[-8:]  # the last hour of a day is where one would leak
    for change in (*ends, *(ends + 1), 333, 401):
        changed = bars.prices.copy()
        changed[:, change:] *= 1.4
        home.put(Bars(bars.stamps, changed), "1h", "fx")
        after = home.run("1h", bars.stamps[first], bars.stamps[last], "1d")
        for column in ("equity", "position"):
            one, two = (np.asarray(run.tables["equity"][column])[: change - first] for run in (before, after))
            assert one.tobytes() == two.tobytes()
    home.put(bars, "1h", "fx")
    for end in (*ends, 333):
        equity = home.run("1h", bars.stamps[first], bars.stamps[end], "1d").tables["equity"]["equity"]
        whole = np.asarray(before.tables["equity"]["equity"])
        assert np.asarray(equity)[:-1].tobytes() == whole[: end - first].tobytes()
