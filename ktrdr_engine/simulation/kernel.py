"""The event loop, compiled. It reads as the specification of fills does; nothing here is called but through `advance`.

For each bar: settle at the open what was decided on the previous bar, apply the stops, mark the equity at the close,
decide from the bar's code for the next bar. Bars on which nothing is filled and no stop is set are taken together.
A long gains from a rise; a short is the same with signed units below 0. There is no margin call: a short may take the
equity below 0, and stands until its signal, its stop or the end of the data; nothing is opened while there is nothing
to open it with.

The account is an immutable tuple, so that the machine code keeps it in registers; `RUN` holds it between two calls,
together with the rules and the counts. The same code runs some bars or all, hence to the same bits.

Neighbours: `simulator` makes the arrays and calls this; `trades` says what a record means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numba
import numpy as np
from numba import types
from numba.np.numpy_support import carray
from numpy.typing import NDArray

from ktrdr_engine.kernels import compiled, inlined, is_raised, pointer_at
from ktrdr_engine.simulation.models import HOLD, ExitReason
from ktrdr_engine.simulation.trades import TRADE, Trade

OPEN: Final = 0
HIGH: Final = 1
LOW: Final = 2
CLOSE: Final = 3

_HOLD: Final = HOLD
_SIGNAL: Final = int(ExitReason.SIGNAL)
_STOP_LOSS: Final = int(ExitReason.STOP_LOSS)
_TAKE_PROFIT: Final = int(ExitReason.TAKE_PROFIT)
_TRAILING_STOP: Final = int(ExitReason.TRAILING_STOP)
_END_OF_DATA: Final = int(ExitReason.END_OF_DATA)
_OPEN_POSITION: Final = -1
_UP_BY_ROUNDING: Final = 1.0 + 2.0**-48
"""More than the half dozen roundings behind a level or a number of units amount to."""

BARS_A_CANCEL_CHECK: Final = 100
TRADES_A_BAR: Final = 2
"""At most so many trades close on one bar: one at its open, and one that was opened there."""


class Run:
    """The layout of one record: what to do, where it stands, what happened so far. Never instantiated."""

    prices_at: int  # addresses: float64 (5, bars) open, high, low, close, volume
    codes_at: int  # int8 (bars,)
    equity_at: int  # float64 (bars,), written for each bar done; the rows before `start` are not there
    trades_at: int  # `TRADE` (room,)
    bars: int
    room: int
    start: int
    cancel_at: int  # address of a byte that is raised when the run shall stop
    commission: float
    slippage: float
    fraction: float
    whole_units: int
    stop_loss: float  # a distance of infinity means no such stop
    take_profit: float
    trailing_stop: float
    guarded: int  # 1 when any of the three is set
    separation: int
    shorts: int

    bar: int  # the next one
    order: int  # what the last bar decided: 1 buy, -1 sell, 0 nothing
    rows: int  # trades in the present buffer
    cash: float
    units: float
    entry_price: float
    entry_bar: int
    highest: float
    lowest: float
    stop: float
    target: float
    last_fill: int

    closed: int
    wins: int
    exposed: int  # bars in which a position, closed by now, was held
    commission_paid: float
    slippage_paid: float
    notional: float
    unsized: int  # entries for which the equity did not buy a unit
    unfilled: int  # 1 when the last bar's decision found no bar to be filled on


RUN: Final = np.dtype([(name, "i8" if kind == "int" else "f8") for name, kind in Run.__annotations__.items()])


class Account(NamedTuple):
    """Cash and signed units of the one position, with the highest and lowest price since its entry fill."""

    cash: float
    units: float
    highest: float
    lowest: float


class Bar(NamedTuple):
    """One bar: its index and its prices."""

    bar: int
    open: float
    high: float
    low: float


class Fill(NamedTuple):
    """Where and why something is filled; the price is the market's, before slippage."""

    bar: int
    price: float
    reason: int


@inlined
def pay(run: Run, units: float, market: float, price: float) -> float:
    """Book a fill of signed `units` (above 0 for a buy) and return what the cash changes by."""
    notional = abs(units) * price
    commission = notional * run.commission
    run.commission_paid += commission
    run.slippage_paid += abs(units) * abs(price - market)
    run.notional += notional
    return -units * price - commission


@inlined
def record_trade(account: Account, run: Run, slot: Trade, fill: Fill, price: float) -> None:
    """Write the round trip that ends with `fill`, filled at `price`."""
    entry, units = run.entry_price, account.units
    net = units * (price - entry) - abs(units) * (entry + price) * run.commission
    rise = (max(account.highest, fill.price) - entry) / entry
    fall = (entry - min(account.lowest, fill.price)) / entry
    slot.entry_index = run.entry_bar
    slot.exit_index = fill.bar
    slot.entry_price = entry
    slot.exit_price = price
    slot.units = units
    slot.net_pnl = net
    slot.mae = fall if units > 0.0 else rise
    slot.mfe = rise if units > 0.0 else fall
    slot.exit_reason = fill.reason
    run.rows += 1
    run.closed += 1
    run.wins += 1 if net > 0.0 else 0
    # A signal closes at the open: nothing was held on that bar.
    run.exposed += fill.bar - run.entry_bar + (0 if fill.reason == _SIGNAL else 1)


@inlined
def close_position(account: Account, run: Run, slot: Trade, fill: Fill) -> Account:
    """Sell a long or buy back a short, whole, and pay for it."""
    price = fill.price * (1.0 - run.slippage) if account.units > 0.0 else fill.price * (1.0 + run.slippage)
    record_trade(account, run, slot, fill, price)
    run.last_fill = fill.bar
    return Account(account.cash + pay(run, -account.units, fill.price, price), 0.0, 0.0, 0.0)


@inlined
def open_position(account: Account, run: Run, side: int, fill: Fill) -> Account:
    """Put the fraction of the equity, which is all cash now, into a position, so that cost and commission fit."""
    price = fill.price * (1.0 + side * run.slippage)
    units = run.fraction * account.cash / (price * (1.0 + run.commission))
    if run.whole_units:
        # What is exactly affordable must not be lost to the rounding of this line.
        units = np.floor(units * _UP_BY_ROUNDING)
    if units <= 0.0:
        run.unsized += 1
        return account
    cash = account.cash + pay(run, side * units, fill.price, price)
    run.entry_price = price
    run.entry_bar = fill.bar
    run.stop = price * (1.0 - side * run.stop_loss)
    run.target = price * (1.0 + side * run.take_profit)
    run.last_fill = fill.bar
    return Account(cash, side * units, price, price)


@inlined
def settle(account: Account, run: Run, slot: Trade, order: int, fill: Fill) -> Account:
    """Fill the last bar's decision at this open: close what stands against it, then open if that is allowed."""
    if account.units != 0.0:
        account = close_position(account, run, slot, fill)
    if order > 0 or run.shorts:
        account = open_position(account, run, order, fill)
    return account


@inlined
def stop_of_long(account: Account, run: Run, bar: Bar) -> Fill:
    """Return where this bar stops a long: the stop before the target, a level gapped through at the open.

    On one level, up to rounding, the fixed stop counts before the trailing one.
    """
    trailing = account.highest * (1.0 - run.trailing_stop)
    is_trailing = trailing > run.stop * _UP_BY_ROUNDING
    level = trailing if is_trailing else run.stop
    if bar.low <= level:
        reason = _TRAILING_STOP if is_trailing else _STOP_LOSS
        return Fill(bar.bar, min(bar.open, level), reason)
    if bar.high >= run.target:
        return Fill(bar.bar, max(bar.open, run.target), _TAKE_PROFIT)
    return Fill(bar.bar, 0.0, _OPEN_POSITION)


@inlined
def stop_of_short(account: Account, run: Run, bar: Bar) -> Fill:
    """Return where this bar stops a short: `stop_of_long` upside down."""
    trailing = account.lowest * (1.0 + run.trailing_stop)
    is_trailing = trailing * _UP_BY_ROUNDING < run.stop
    level = trailing if is_trailing else run.stop
    if bar.high >= level:
        reason = _TRAILING_STOP if is_trailing else _STOP_LOSS
        return Fill(bar.bar, max(bar.open, level), reason)
    if bar.low <= run.target:
        return Fill(bar.bar, min(bar.open, run.target), _TAKE_PROFIT)
    return Fill(bar.bar, 0.0, _OPEN_POSITION)


@inlined
def guard(account: Account, run: Run, slot: Trade, bar: Bar) -> Account:
    """Apply the stops to an open position."""
    fill = stop_of_long(account, run, bar) if account.units > 0.0 else stop_of_short(account, run, bar)
    return account if fill.reason == _OPEN_POSITION else close_position(account, run, slot, fill)


@inlined
def watch(account: Account, prices: NDArray[np.float64], first: int, end: int) -> Account:
    """Let the extremes of bars [first, end), at least one and all held, count for the stops of the bars after them."""
    highest, lowest = account.highest, account.lowest
    higher, lower = highest, lowest
    # Each step waits for the one before it: two halves at once take half as long.
    half = np.uintp((end - first) // 2)
    middle, last = np.uintp(first) + half, np.uintp(end - 1)
    for bar in range(np.uintp(first), middle):
        highest, lowest = max(highest, prices[HIGH, bar]), min(lowest, prices[LOW, bar])
        higher, lower = max(higher, prices[HIGH, bar + half]), min(lower, prices[LOW, bar + half])
    higher, lower = max(higher, prices[HIGH, last]), min(lower, prices[LOW, last])
    return Account(account.cash, account.units, max(highest, higher), min(lowest, lower))


@inlined
def mark(account: Account, equity: NDArray[np.float64], closes: NDArray[np.float64], first: int, end: int) -> None:
    """Write the equity at the closes of bars [first, end)."""
    cash, units = account.cash, account.units
    for bar in range(np.uintp(first), np.uintp(end)):
        equity[bar] = cash + units * closes[bar]


@inlined
def decide(account: Account, run: Run, bar: int, code: int) -> int:
    """Return what the next open shall fill: 1 buy, -1 sell, 0 nothing."""
    side = _HOLD - code
    if side == 0 or bar - run.last_fill < run.separation:
        return 0
    if side * account.units > 0.0:  # nothing is added to an open position
        return 0
    if side < 0 and account.units == 0.0 and not run.shorts:
        return 0
    return side


@inlined
def wait(account: Account, run: Run, codes: NDArray[np.int8], bar: int, end: int) -> tuple[int, int]:
    """Return the bar after the first from `bar` on that decides something, or `end`, and what was decided."""
    order = 0
    while bar < end and order == 0:
        while bar < end - 1 and codes[np.uintp(bar)] == _HOLD:
            bar += 1
        order = decide(account, run, bar, codes[np.uintp(bar)])
        bar += 1
    return bar, order


def _signature() -> object:
    outcome: Callable[[tuple[object, ...]], Callable[..., object]] = types.Tuple
    mark = outcome((types.int64, types.float64, types.int64, types.int64, types.int64))
    return mark(types.Array(numba.from_dtype(RUN), 1, "C"), types.int64)


@compiled(_signature())
def advance(runs: NDArray[np.void], until: int) -> tuple[int, float, int, int, int]:
    """Run up to bar `until`, or to the end of the room for trades, or to where a cancellation is seen.

    The arrays come by their addresses, since to unpack one as an argument takes as long as 20 bars.

    Args:
        runs: One record of `RUN`, changed in place.
        until: The first bar not to run, at most the number of bars.

    Returns:
        The next bar, the equity of the last, the closed trades and wins so far, and the side held: 1, -1 or 0.
    """
    run: Run = runs[0]
    room = run.room - TRADES_A_BAR
    prices = carray(pointer_at(run.prices_at), (5, run.bars), np.float64)
    codes = carray(pointer_at(run.codes_at), run.bars, np.int8)
    equity = carray(pointer_at(run.equity_at), run.bars, np.float64)
    trades = carray(pointer_at(run.trades_at), run.room, TRADE)
    bar, order = run.bar, run.order
    look = bar + (run.start - bar) % BARS_A_CANCEL_CHECK
    account = Account(run.cash, run.units, run.highest, run.lowest)
    while bar < until and run.rows <= room:
        if bar == look:
            if is_raised(run.cancel_at):
                break
            look += BARS_A_CANCEL_CHECK
        if order != 0:
            account = settle(account, run, trades[run.rows], order, Fill(bar, prices[OPEN, bar], _SIGNAL))
        first, end = bar, min(until, look)
        if run.guarded and account.units != 0.0:
            end = bar + 1
            seen = Bar(bar, prices[OPEN, bar], prices[HIGH, bar], prices[LOW, bar])
            account = guard(account, run, trades[run.rows], seen)
        # The account stands until somebody decides: what the bars up to there do is done for all of them at once.
        bar, order = wait(account, run, codes, bar, end)
        if account.units != 0.0:
            account = watch(account, prices, first, bar)
        mark(account, equity, prices[CLOSE], first, bar)
    if bar == run.bars and bar > run.start:
        run.unfilled = abs(order)
        if account.units != 0.0:
            fill = Fill(bar - 1, prices[CLOSE, bar - 1], _END_OF_DATA)
            account = close_position(account, run, trades[run.rows], fill)
            equity[bar - 1] = account.cash
    run.bar, run.order = bar, order
    run.cash, run.units = account.cash, account.units
    run.highest, run.lowest = account.highest, account.lowest
    last = equity[bar - 1] if bar > run.start else run.cash
    side = 1 if account.units > 0.0 else (-1 if account.units < 0.0 else 0)
    return bar, last, run.closed, run.wins, side
