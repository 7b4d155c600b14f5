"""All the numbers of a run, each a float or None with a note that says why."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Final, NamedTuple, ParamSpec, Protocol

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.market import Market
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.metrics import ratios
from ktrdr_engine.metrics.curve import EquityCurve, annualization, measure
from ktrdr_engine.metrics.paths import held_equity
from ktrdr_engine.metrics.ratios import Undefined

P = ParamSpec("P")

_OPEN: Final = 0
_CLOSE: Final = 3
_FEW_DAYS: Final = 60
_DAYS_A_WEEK: Final = 5


class ClosedTrades(Protocol):
    """The trades of a run, as far as the numbers need them."""

    @property
    def net_pnl(self) -> NDArray[np.float64]:
        """(n_trades,) gain of each after all costs, account currency."""


class SimulatedRun(Protocol):
    """A finished or interrupted run over bars [start, start + bars); `simulation.simulator.Simulation` is one."""

    @property
    def start(self) -> int:
        """First bar, an index into the series."""

    @property
    def equity(self) -> NDArray[np.float64]:
        """(bars,) at each close, the closing of the last position included."""

    @property
    def trades(self) -> ClosedTrades:
        """The closed trades."""

    @property
    def initial_capital(self) -> float:
        """Cash before the first bar, above 0."""

    @property
    def commission(self) -> float:
        """Commission of all fills."""

    @property
    def slippage(self) -> float:
        """Slippage of all fills."""

    @property
    def notional(self) -> float:
        """Units times price, over all fills."""

    @property
    def exposed_bars(self) -> int:
        """Bars in which a position was held."""


@dataclass(frozen=True, slots=True)
class Performance:
    """The numbers of one run, named as clients see them.

    Ratios are fractions, money is in account currency, None is undefined; `notes` says why, one line a reason.
    `max_drawdown` is in [0, 1]: losing more than everything counts as everything.
    """

    total_return: float | None
    annual_return: float | None
    annual_volatility: float | None
    sharpe_ratio: float | None
    sortino_ratio: float | None
    calmar_ratio: float | None
    max_drawdown: float | None
    max_drawdown_duration_days: float | None
    total_trades: int
    win_rate: float | None
    avg_win: float | None
    avg_loss: float | None
    profit_factor: float | None
    expectancy: float | None
    exposure: float | None
    turnover: float | None
    total_commission: float
    total_slippage: float
    final_value: float
    initial_capital: float
    buy_and_hold_return: float | None
    buy_and_hold_sharpe_ratio: float | None
    buy_and_hold_max_drawdown: float | None
    bars: int
    annualization: int
    notes: tuple[str, ...]


@np.errstate(over="ignore", invalid="ignore")  # what is beyond all numbers is noted as undefined
def summarise(
    timestamp: NDArray[np.int64],
    prices: NDArray[np.float64],
    run: SimulatedRun,
    *,
    timeframe: Timeframe,
    market: Market,
    first_entry: int | None = None,
) -> Performance:
    """Return the numbers of `run`.

    Args:
        timestamp: (n,) ns UTC, the whole series, warm-up included.
        prices: (5, n) open, high, low, close, volume of the same bars.
        run: What was simulated on them.
        timeframe: The length of the bars.
        market: Whose trading days returns are taken by.
        first_entry: The first bar at whose open the strategy could have bought; buying and holding begins there.
            None: the second bar of the range, since the first decision falls at the close of the first.
    """
    numbers = _Numbers()
    bars = len(run.equity)
    if not bars:
        return _nothing(run, annualization(timeframe, market))
    last = run.start + bars - 1
    initial, final = run.initial_capital, float(run.equity[-1])
    curve = measure(timestamp[run.start : last + 1], run.equity, initial, timeframe=timeframe, market=market)
    growth = final / initial
    annual, calmar = _annual(numbers, growth, curve)
    risk = _risk(numbers, curve)
    trades = _trades(numbers, run.trades.net_pnl)
    entry = run.start + 1 if first_entry is None else first_entry
    held = _held(numbers, timestamp, prices, slice(run.start, last + 1), entry, timeframe, market)
    return Performance(
        total_return=numbers.take("total_return", operator.sub, growth, 1.0),
        annual_return=annual,
        annual_volatility=risk.volatility,
        sharpe_ratio=risk.sharpe,
        sortino_ratio=risk.sortino,
        calmar_ratio=calmar,
        max_drawdown=min(curve.max_drawdown, 1.0),
        max_drawdown_duration_days=curve.underwater_days,
        total_trades=trades.total,
        win_rate=trades.win_rate,
        avg_win=trades.avg_win,
        avg_loss=trades.avg_loss,
        profit_factor=trades.profit_factor,
        expectancy=trades.expectancy,
        exposure=run.exposed_bars / bars,
        turnover=numbers.take("turnover", ratios.over, run.notional, curve.mean, "the mean equity is not above 0"),
        total_commission=run.commission,
        total_slippage=run.slippage,
        final_value=final,
        initial_capital=initial,
        buy_and_hold_return=held.total_return,
        buy_and_hold_sharpe_ratio=held.sharpe,
        buy_and_hold_max_drawdown=held.max_drawdown,
        bars=bars,
        annualization=curve.annualization,
        notes=(*numbers.notes(), *_few_days(curve, timeframe)),
    )


class _Risk(NamedTuple):
    volatility: float | None = None
    sharpe: float | None = None
    sortino: float | None = None


class _Held(NamedTuple):
    total_return: float | None = None
    sharpe: float | None = None
    max_drawdown: float | None = None


class _TradeNumbers(NamedTuple):
    total: int
    win_rate: float | None
    avg_win: float | None
    avg_loss: float | None
    profit_factor: float | None
    expectancy: float | None


class _Numbers:
    """Computes numbers and remembers why some are missing."""

    def __init__(self) -> None:
        self._missing: dict[str, list[str]] = {}

    def take(self, name: str, formula: Callable[P, float], *inputs: P.args, **options: P.kwargs) -> float | None:
        try:
            value = formula(*inputs, **options)
            if not math.isfinite(value):
                raise Undefined("it is beyond the range of numbers")
        except Undefined as reason:
            self.lack(reason, name)
            return None
        return value

    def lack(self, reason: Undefined, *names: str) -> None:
        self._missing.setdefault(str(reason), []).extend(names)

    def notes(self) -> tuple[str, ...]:
        return tuple(f"{', '.join(names)} undefined: {reason}." for reason, names in self._missing.items())


def _few_days(curve: EquityCurve, timeframe: Timeframe) -> Iterator[str]:
    """Say so where a short range was annualised: the ratios then say little."""
    weekly = timeframe is Timeframe.W1
    found, few = len(curve.days), _FEW_DAYS // _DAYS_A_WEEK if weekly else _FEW_DAYS
    if found < few:
        unit = ("week" if weekly else "trading day") + "s" * (found != 1)
        yield f"The range has {found} {unit}, under {few}: what is annualised from so little may be far off."


def _nothing(run: SimulatedRun, days_a_year: int) -> Performance:
    undefined = [field.name for field in fields(Performance) if "None" in str(field.type)]
    return Performance(
        **dict.fromkeys(undefined),
        total_trades=0,
        total_commission=run.commission,
        total_slippage=run.slippage,
        final_value=run.initial_capital,
        initial_capital=run.initial_capital,
        bars=0,
        annualization=days_a_year,
        notes=(f"{', '.join(undefined)} undefined: the range holds no bar.",),
    )


def _annual(numbers: _Numbers, growth: float, curve: EquityCurve) -> tuple[float | None, float | None]:
    try:
        annual = ratios.annual_return(growth, len(curve.daily) - 1, curve.annualization)
    except Undefined as reason:
        numbers.lack(reason, "annual_return", "calmar_ratio")
        return None, None
    return annual, numbers.take("calmar_ratio", ratios.calmar_ratio, annual, min(curve.max_drawdown, 1.0))


def _risk(numbers: _Numbers, curve: EquityCurve) -> _Risk:
    try:
        returns = ratios.daily_returns(curve.daily)
    except Undefined as reason:
        numbers.lack(reason, "annual_volatility", "sharpe_ratio", "sortino_ratio")
        return _Risk()
    return _Risk(
        numbers.take("annual_volatility", ratios.annual_volatility, returns, curve.annualization),
        numbers.take("sharpe_ratio", ratios.sharpe_ratio, returns, curve.annualization),
        numbers.take("sortino_ratio", ratios.sortino_ratio, returns, curve.annualization),
    )


def _trades(numbers: _Numbers, net: NDArray[np.float64]) -> _TradeNumbers:
    if not len(net):
        names = ("win_rate", "avg_win", "avg_loss", "profit_factor", "expectancy")
        numbers.lack(Undefined("no trade was closed"), *names)
        return _TradeNumbers(0, None, None, None, None, None)
    wins, losses = net[net > 0], net[net < 0]
    lost = -float(losses.sum())
    return _TradeNumbers(
        total=len(net),
        win_rate=len(wins) / len(net),
        avg_win=numbers.take("avg_win", ratios.mean_of, wins, "no trade gained"),
        avg_loss=numbers.take("avg_loss", ratios.mean_of, losses, "no trade lost"),
        profit_factor=numbers.take("profit_factor", ratios.over, float(wins.sum()), lost, "no trade lost"),
        expectancy=numbers.take("expectancy", ratios.mean_of, net, ""),
    )


def _held(
    numbers: _Numbers,
    timestamp: NDArray[np.int64],
    prices: NDArray[np.float64],
    bars: slice,
    entry: int,
    timeframe: Timeframe,
    market: Market,
) -> _Held:
    """Return the numbers of buying at the open of bar `entry` and holding, by the same days as the strategy's."""
    names = ("buy_and_hold_return", "buy_and_hold_sharpe_ratio", "buy_and_hold_max_drawdown")
    if entry >= bars.stop:
        numbers.lack(Undefined("there is no bar in the range at whose open the strategy could have bought"), *names)
        return _Held()
    growth = held_equity(float(prices[_OPEN, entry]), prices[_CLOSE, bars], entry - bars.start)
    curve = measure(timestamp[bars], growth, 1.0, timeframe=timeframe, market=market)
    try:
        returns = ratios.daily_returns(curve.daily)
        sharpe = numbers.take(names[1], ratios.sharpe_ratio, returns, curve.annualization)
    except Undefined as reason:
        numbers.lack(reason, names[1])
        sharpe = None
    total = numbers.take(names[0], operator.sub, float(growth[-1]), 1.0)
    return _Held(total, sharpe, min(curve.max_drawdown, 1.0))
