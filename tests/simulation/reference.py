"""The rules of fills and money once more, in plain Python floats, as an oracle for the compiled loop.

Written from the specification, not from the kernel. It keeps a book of fills and looks back into the price lists
whenever it needs a high, a low or an entry; it carries no running extremes. Slow on purpose.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from ktrdr_engine.simulation.models import BUY, SELL, SimulationRules

ROUNDING: Final = 2.0**-48
"""What is nearer than this share of itself is the same level, or the same amount."""


@dataclass
class FillEntry:
    bar: int
    units: float
    market: float
    price: float
    commission: float
    reason: str


@dataclass
class RoundTrip:
    side: int
    entry_index: int
    exit_index: int
    entry_price: float
    exit_price: float
    units: float
    gross_pnl: float
    commission: float
    slippage_cost: float
    net_pnl: float
    return_: float
    mae: float
    mfe: float
    exit_reason: str


@dataclass
class Book:
    """The result: an equity a bar, the units held at each close, the round trips, and what was not done."""

    equity: list[float] = field(default_factory=list)
    cash: list[float] = field(default_factory=list)
    positions: list[float] = field(default_factory=list)
    trades: list[RoundTrip] = field(default_factory=list)
    exposed: int = 0
    unsized: int = 0
    unfilled: int = 0


class Reference:
    def __init__(self, prices: list[list[float]], codes: list[int], rules: SimulationRules, start: int = 0) -> None:
        self.open, self.high, self.low, self.close = prices[:4]
        self.codes = codes
        self.rules = rules
        self.start = start
        self.fills: list[FillEntry] = []
        self.book = Book()

    # What is known of the account follows from the fills alone.

    def cash(self) -> float:
        cash = self.rules.initial_capital
        for fill in self.fills:
            cash = cash - (fill.units * fill.price + fill.commission)
        return cash

    def held(self) -> float:
        return self.fills[-1].units if len(self.fills) % 2 else 0.0

    def run(self) -> Book:
        waiting: int | None = None
        last = len(self.codes) - 1
        for bar in range(self.start, last + 1):
            if waiting is not None:
                self.follow(waiting, bar)
            if self.held():
                self.book.exposed += 1
                self.check_stops(bar)
            waiting = self.judge(bar)
            if bar == last:
                self.book.unfilled = int(waiting is not None)
                if self.held():
                    self.leave(bar, self.close[bar], "end_of_data")
            self.book.cash.append(self.cash())
            self.book.positions.append(self.held())
            self.book.equity.append(self.cash() + self.held() * self.close[bar])
        return self.book

    def judge(self, bar: int) -> int | None:
        """The decision at the close of `bar`: BUY, SELL or None."""
        code, held = self.codes[bar], self.held()
        if code not in (BUY, SELL):
            return None
        if self.fills and bar - self.fills[-1].bar < self.rules.min_signal_separation:
            return None
        if held > 0:
            return SELL if code == SELL else None
        if held < 0:
            return BUY if code == BUY else None
        return code if code == BUY or self.rules.allow_short_from_flat else None

    def follow(self, signal: int, bar: int) -> None:
        if self.held():
            self.leave(bar, self.open[bar], "signal")
            if not self.rules.allow_short_from_flat:
                return
        equity = self.cash()
        market = self.open[bar]
        price = market * (1 + self.rules.slippage) if signal == BUY else market * (1 - self.rules.slippage)
        size = self.rules.position_fraction * equity / (price * (1 + self.rules.commission))
        if not self.rules.fractional_units:
            size = float(size // 1)
            dearer = (size + 1) * price * (1 + self.rules.commission)
            if dearer <= self.rules.position_fraction * equity * (1 + ROUNDING):
                size += 1
        if size > 0:
            self.fill(bar, size if signal == BUY else -size, market, "entry")
        else:
            self.book.unsized += 1

    def fill(self, bar: int, units: float, market: float, reason: str) -> None:
        price = market * (1 + self.rules.slippage) if units > 0 else market * (1 - self.rules.slippage)
        self.fills.append(FillEntry(bar, units, market, price, self.rules.commission * (abs(units) * price), reason))

    def leave(self, bar: int, market: float, reason: str) -> None:
        self.fill(bar, -self.held(), market, reason)
        entry, exit_ = self.fills[-2:]
        whole = range(entry.bar, bar + 1) if reason == "end_of_data" else range(entry.bar, bar)
        highest = max([entry.price, market] + [self.high[i] for i in whole])
        lowest = min([entry.price, market] + [self.low[i] for i in whole])
        up, down = highest / entry.price - 1, 1 - lowest / entry.price
        size, side = abs(entry.units), 1 if entry.units > 0 else -1
        gross = side * size * (market - entry.market)
        commission = entry.commission + exit_.commission
        slippage = size * (abs(entry.price - entry.market) + abs(exit_.price - market))
        net = gross - commission - slippage
        self.book.trades.append(
            RoundTrip(
                side=side,
                entry_index=entry.bar,
                exit_index=bar,
                entry_price=entry.price,
                exit_price=exit_.price,
                units=size,
                gross_pnl=gross,
                commission=commission,
                slippage_cost=slippage,
                net_pnl=net,
                return_=net / (size * entry.price),
                mae=down if side > 0 else up,
                mfe=up if side > 0 else down,
                exit_reason=reason,
            )
        )

    def check_stops(self, bar: int) -> None:
        """Stop before target; a level the open is already beyond fills at the open."""
        for reason, level, falling in self.levels(bar):
            if falling and self.low[bar] <= level:
                self.leave(bar, self.open[bar] if self.open[bar] < level else level, reason)
                return
            if not falling and self.high[bar] >= level:
                self.leave(bar, self.open[bar] if self.open[bar] > level else level, reason)
                return

    def levels(self, bar: int) -> list[tuple[str, float, bool]]:
        """Reason, price, and whether it is reached by a fall; in the order in which they are looked at."""
        rules, entry = self.rules, self.fills[-1]
        long = entry.units > 0
        stops: list[tuple[str, float, bool]] = []
        if rules.stop_loss is not None:
            stops.append(("stop_loss", entry.price * (1 - rules.stop_loss if long else 1 + rules.stop_loss), long))
        if rules.trailing_stop is not None:
            if long:
                best = max([entry.price, *self.high[entry.bar : bar]])
                stops.append(("trailing_stop", best * (1 - rules.trailing_stop), True))
            else:
                best = min([entry.price, *self.low[entry.bar : bar]])
                stops.append(("trailing_stop", best * (1 + rules.trailing_stop), False))
        # The nearer stop is met first; on a tie, up to rounding, the fixed one counts.
        if len(stops) < 2 or not math.isclose(stops[0][1], stops[1][1], rel_tol=ROUNDING):
            stops.sort(key=lambda stop: stop[1], reverse=long)
        if rules.take_profit is not None:
            target = entry.price * (1 + rules.take_profit if long else 1 - rules.take_profit)
            stops.append(("take_profit", target, not long))
        return stops


def simulate_plainly(prices: list[list[float]], codes: list[int], rules: SimulationRules, start: int = 0) -> Book:
    return Reference(prices, codes, rules, start).run()
