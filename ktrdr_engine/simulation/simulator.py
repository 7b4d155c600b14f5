"""Run the event loop over a series, whole or in pieces that an observer follows, and hand back what happened.

No fill is computed here (see `kernel`), no statistic either (see `metrics`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.errors import EngineError, InvalidRequest, OperationCancelled
from ktrdr_engine.simulation.kernel import RUN, advance
from ktrdr_engine.simulation.models import BUY, HOLD, SELL, SimulationRules
from ktrdr_engine.simulation.trades import TRADE, TradeTable, join

BLOCK: Final = 50
REPORTS_A_TRADE_REPORT: Final = 100
_NEVER: Final = -(2**62)
_FIRST_TRADES: Final = 512


class Observer(Protocol):
    """Whoever follows a run; called in the thread that simulates, so every call must be quick."""

    @property
    def cancel_flag(self) -> bytearray:
        """One byte that anybody may set to other than 0 to stop the run; read before the first bar and every 100."""

    def on_block(self, bar: int, pnl: float, trades: int, wins: int, position: int) -> int:
        """Take note of progress: after the first 50 bars, then as far apart as was asked for, and after the last bar.

        Args:
            bar: Index into the series of the bar just done.
            pnl: Equity at its close less initial capital, account currency.
            trades: Closed trades so far.
            wins: Those of them with a net pnl above 0.
            position: 1 while long, -1 while short, 0 while flat.

        Returns:
            How many blocks of 50 bars the next call may wait for, at least 1.
        """

    def on_trades(self, trades: TradeTable) -> None:
        """Take the trades closed since the last call, at least one; called with every 100th progress and at the end."""


@dataclass(frozen=True, slots=True, eq=False)
class Simulation:
    """What happened in bars [start, start + bars).

    Equity at a bar = cash + signed units * close, from the first bar on. The closing of what was still open after
    the last bar, with its costs, is in the last equity, in the trades and in every sum.

    Args:
        start: Index into the series of the first simulated bar.
        equity: (bars,) account currency at each close; `equity[k]` belongs to bar `start + k`.
        trades: The closed trades; their indices are indices into the series.
        initial_capital: Cash before the first bar.
        units: Signed units still held after the last bar: 0 unless the run was cut short.
        entry_index: Bar of that position's entry.
        commission: Commission of all fills.
        slippage: What all fills lost against the market's price.
        notional: Sum of units * price over all fills.
        exposed_bars: Bars in which a position was held: it was open after the open had settled.
        wins: Closed trades with a net pnl above 0.
        unsized: Entries not made because the equity did not buy a unit.
        unfilled: Decisions on the last bar, which has no next open: 0 or 1.
    """

    start: int
    equity: NDArray[np.float64]
    trades: TradeTable
    initial_capital: float
    units: float
    entry_index: int
    commission: float
    slippage: float
    notional: float
    exposed_bars: int
    wins: int
    unsized: int
    unfilled: int

    @property
    def bars(self) -> int:
        """The number of bars simulated."""
        return len(self.equity)

    @property
    def final_value(self) -> float:
        """The last equity; the initial capital when there was no bar."""
        return float(self.equity[-1]) if self.bars else self.initial_capital

    def positions(self) -> NDArray[np.float64]:
        """Return the signed units held at each close, (bars,); built anew on each call."""
        records = self.trades.records
        turns = [np.stack((records["entry_index"], records["exit_index"]), axis=1).ravel() - self.start]
        if self.units:
            turns.append(np.array([self.entry_index - self.start, self.bars]))
        spans = np.diff(np.concatenate(turns), prepend=0, append=self.bars)  # flat, held, flat, ... flat
        held = np.zeros(spans.size)
        held[1::2] = np.append(records["units"], self.units)[: spans.size // 2]
        return np.repeat(held, spans)


def simulate(
    prices: NDArray[np.float64],
    codes: NDArray[np.int8],
    rules: SimulationRules,
    *,
    start: int = 0,
    observer: Observer | None = None,
) -> Simulation:
    """Trade `codes` by `rules` and return the equity and the trades.

    With an observer the loop pauses to report; without one it runs whole. The numbers are the same bits.

    Args:
        prices: (5, n) float64, C-contiguous: open, high, low, close, volume; valid as in a `BarSeries`.
        codes: (n,) int8: BUY, HOLD or SELL, decided at the close of each bar.
        rules: The rules of trading.
        start: First bar to trade; earlier rows are warm-up and never decide.
        observer: Follows the run and may stop it.

    Raises:
        InvalidRequest: The arrays do not fit each other or `start` is not in [0, n].
        OperationCancelled: The observer said so; `partial` is the `Simulation` up to there, its last position open.
        EngineError: The equity left the range of float64.
    """
    _check(prices, codes, start)
    run = _Run(prices, codes, rules, start, observer.cancel_flag if observer else bytearray(1))
    if observer:
        _follow(run, observer)
    else:
        while run.advance(codes.size)[0] < codes.size:
            run.make_room()
    return run.result()


def warm_up() -> None:
    """Compile the event loop, or load it from the cache, so that the first run does not wait for it."""
    _ = advance.compiled


class _Run:
    """The arrays of one run and `advance`, the kernel bound to them."""

    def __init__(
        self,
        prices: NDArray[np.float64],
        codes: NDArray[np.int8],
        rules: SimulationRules,
        start: int,
        cancel_flag: bytearray,
    ) -> None:
        self.bars = codes.size
        self.start = start
        self.rules = rules
        flag = np.frombuffer(cancel_flag, np.uint8)
        self._inputs = prices, codes, flag  # kept alive: the kernel knows addresses only
        self._equity = np.empty(codes.size - start)
        self._chunks = [np.empty(_FIRST_TRADES, TRADE)]
        self._earlier = 0  # trades in all chunks but the last
        self._record = _record(
            rules,
            prices_at=prices.ctypes.data,
            codes_at=codes.ctypes.data,
            equity_at=self._equity.ctypes.data - start * self._equity.itemsize,
            trades_at=self._chunks[0].ctypes.data,
            bars=codes.size,
            room=_FIRST_TRADES,
            cancel_at=flag.ctypes.data,
            start=start,
            bar=start,
        )
        self.advance = partial(advance.compiled, self._record)

    def make_room(self) -> None:
        """Put a new buffer, as large as all before, in place of one that is full."""
        rows = int(self._record["rows"][0])
        self._chunks[-1] = self._chunks[-1][:rows]
        self._earlier += rows
        room = max(_FIRST_TRADES, self._earlier)
        self._chunks.append(np.empty(room, TRADE))
        self._record["trades_at"] = self._chunks[-1].ctypes.data
        self._record["room"] = room
        self._record["rows"] = 0

    def new_trades(self, reported: int, closed: int) -> TradeTable:
        """Return the trades closed since `reported` of them were."""
        return self._table(self._chunks[-1][reported - self._earlier : closed - self._earlier])

    def result(self) -> Simulation:
        """Return what happened up to here.

        Raises:
            EngineError: The equity is no longer a number.
        """
        state = dict(zip(RUN.names or (), self._record[0].item(), strict=True))
        equity = self._equity[: state["bar"] - self.start]
        if equity.size and not math.isfinite(equity[-1]):
            raise EngineError(
                "The equity left the range of numbers: the prices or the initial capital are too extreme."
            )
        equity.flags.writeable = False
        open_bars = state["bar"] - state["entry_bar"] if state["units"] else 0
        return Simulation(
            start=self.start,
            equity=equity,
            trades=self._table(join([*self._chunks[:-1], self._chunks[-1][: state["rows"]]])),
            initial_capital=self.rules.initial_capital,
            units=state["units"],
            entry_index=state["entry_bar"],
            commission=state["commission_paid"],
            slippage=state["slippage_paid"],
            notional=state["notional"],
            exposed_bars=state["exposed"] + open_bars,
            wins=state["wins"],
            unsized=state["unsized"],
            unfilled=state["unfilled"],
        )

    def _table(self, records: NDArray[np.void]) -> TradeTable:
        return TradeTable(records, self.rules.commission, self.rules.slippage)


def _follow(run: _Run, observer: Observer) -> None:
    # The loop turns a thousand times and more: names that do not change are looked up once.
    on_block, cancel_flag, advance = observer.on_block, observer.cancel_flag, run.advance
    capital = run.rules.initial_capital
    bar = told = until = run.start
    blocks, reports, reported, closed = 1, 0, 0, 0
    while bar < run.bars:
        if bar == until:
            until = min(run.bars, bar + blocks * BLOCK)
        bar, equity, closed, wins, side = advance(until)
        if bar == until:
            reports += 1
            if not reports % REPORTS_A_TRADE_REPORT:
                reported = _report(run, observer, reported, closed)
            blocks, told = on_block(bar - 1, equity - capital, closed, wins, side), bar
            continue
        # Cancelled, or no more room for trades.
        reported = _report(run, observer, reported, closed)
        if cancel_flag[0]:
            if bar > told:
                on_block(bar - 1, equity - capital, closed, wins, side)
            raise OperationCancelled(partial=run.result())
        run.make_room()
    _report(run, observer, reported, closed)


def _report(run: _Run, observer: Observer, reported: int, closed: int) -> int:
    if closed > reported:
        observer.on_trades(run.new_trades(reported, closed))
    return closed


def _record(rules: SimulationRules, **place: int) -> NDArray[np.void]:
    """Return the kernel's record before the first bar; `place` says where its arrays are and what to run."""
    values: dict[str, float] = {
        **place,
        "commission": rules.commission,
        "slippage": rules.slippage,
        "fraction": rules.position_fraction,
        "whole_units": not rules.fractional_units,
        "stop_loss": rules.stop_loss or math.inf,
        "take_profit": rules.take_profit or math.inf,
        "trailing_stop": rules.trailing_stop or math.inf,
        "guarded": any((rules.stop_loss, rules.take_profit, rules.trailing_stop)),
        "separation": rules.min_signal_separation,
        "shorts": rules.allow_short_from_flat,
        "cash": rules.initial_capital,
        "last_fill": _NEVER,
    }
    return np.array([tuple(values.get(name, 0) for name in RUN.names or ())], RUN)


def _check(prices: NDArray[np.float64], codes: NDArray[np.int8], start: int) -> None:
    """Refuse what the kernel would misread: it trusts types and shapes."""
    if prices.dtype != np.float64 or prices.shape[:-1] != (5,) or not _in_order(prices):
        raise InvalidRequest(f"Prices must be C-contiguous float64 (5, n), not {prices.dtype} {prices.shape}.")
    if codes.dtype != np.int8 or codes.shape != prices.shape[-1:] or not _in_order(codes):
        raise InvalidRequest(f"Codes must be contiguous int8 ({prices.shape[1]},), not {codes.dtype} {codes.shape}.")
    if codes.size and codes.view(np.uint8).max() > SELL:
        raise InvalidRequest(f"Codes must be {BUY} (buy), {HOLD} (hold) or {SELL} (sell): another one is among them.")
    if not 0 <= start <= codes.size:
        raise InvalidRequest(f"start={start} must be in [0, {codes.size}], the number of bars.")


def _in_order(array: NDArray[np.generic]) -> bool:
    return array.flags.c_contiguous and array.flags.aligned
