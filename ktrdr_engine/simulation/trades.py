"""The trades of a run, one compact record a round trip, read as columns.

The event loop writes the records; everything that follows from them and the two cost rates is computed when asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.simulation.models import ExitReason


class Trade:
    """The fields of one record of `TRADE`, for type checkers. Never instantiated."""

    entry_index: int
    exit_index: int
    entry_price: float
    exit_price: float
    units: float  # signed: below 0 for a short
    net_pnl: float
    mae: float
    mfe: float
    exit_reason: int


TRADE: Final = np.dtype(
    [
        ("entry_index", "i4"),
        ("exit_index", "i4"),
        ("entry_price", "f8"),
        ("exit_price", "f8"),
        ("units", "f8"),
        ("net_pnl", "f8"),
        ("mae", "f8"),
        ("mfe", "f8"),
        ("exit_reason", "i8"),
    ]
)
"""Naturally aligned and without padding, so that equal trades are equal bytes."""


@dataclass(frozen=True, slots=True, eq=False)
class TradeTable:
    """Closed trades in the order of their exits; each property is a column of shape (n_trades,).

    `gross_pnl - commission - slippage_cost == net_pnl`, and the net pnl of all trades is what the account gained.

    Args:
        records: Structured array of `TRADE`.
        commission_rate: Fraction of the notional paid on each fill.
        slippage_rate: Fraction of the price lost on each fill.
    """

    records: NDArray[np.void]
    commission_rate: float
    slippage_rate: float

    def __len__(self) -> int:
        """Return the number of closed trades."""
        return len(self.records)

    def between(self, first: int, last: int) -> TradeTable:
        """Return trades [first, last) without copying."""
        return TradeTable(self.records[first:last], self.commission_rate, self.slippage_rate)

    @property
    def side(self) -> NDArray[np.int8]:
        """1 for a long, -1 for a short."""
        return np.where(self.records["units"] > 0, 1, -1).astype(np.int8)

    @property
    def entry_index(self) -> NDArray[np.int32]:
        """Bar of the entry fill, an index into the whole series."""
        return self.records["entry_index"]

    @property
    def exit_index(self) -> NDArray[np.int32]:
        """Bar of the exit fill, an index into the whole series."""
        return self.records["exit_index"]

    @property
    def entry_price(self) -> NDArray[np.float64]:
        """Entry fill, slippage included."""
        return self.records["entry_price"]

    @property
    def exit_price(self) -> NDArray[np.float64]:
        """Exit fill, slippage included."""
        return self.records["exit_price"]

    @property
    def units(self) -> NDArray[np.float64]:
        """Size, above 0 for shorts too."""
        units: NDArray[np.float64] = np.abs(self.records["units"])
        return units

    @property
    def gross_pnl(self) -> NDArray[np.float64]:
        """Gain at the market's prices, before commission and slippage."""
        return self.net_pnl + self.commission + self.slippage_cost

    @property
    def commission(self) -> NDArray[np.float64]:
        """Commission of both fills."""
        return self.units * (self.entry_price + self.exit_price) * self.commission_rate

    @property
    def slippage_cost(self) -> NDArray[np.float64]:
        """What both fills lost against the market's price: a fill is price * (1 + s) bought, price * (1 - s) sold."""
        bought, sold = self.slippage_rate / (1 + self.slippage_rate), self.slippage_rate / (1 - self.slippage_rate)
        long = self.records["units"] > 0
        entry, exit_ = np.where(long, bought, sold), np.where(long, sold, bought)
        return self.units * (self.entry_price * entry + self.exit_price * exit_)

    @property
    def net_pnl(self) -> NDArray[np.float64]:
        """Gain after all costs: what the trade changed the cash by."""
        return self.records["net_pnl"]

    @property
    def return_(self) -> NDArray[np.float64]:
        """Net pnl over the entry's notional, a fraction."""
        return self.net_pnl / (self.units * self.entry_price)

    @property
    def bars_held(self) -> NDArray[np.int32]:
        """Exit bar less entry bar: 0 for a trade stopped on its entry bar."""
        return self.exit_index - self.entry_index

    @property
    def mae(self) -> NDArray[np.float64]:
        """Maximum adverse excursion, a fraction of the entry fill, 0 or above.

        How far the market went against the trade: the worst of the entry fill, the lows (highs for a short) of the
        bars held, and the exit's price before slippage. A bar counts as a whole when the trade was open from its open
        to its close, the entry bar included. The exit bar gives its exit price only, since what else it traded may
        have come after the exit; a trade closed at the end of the data was open to the close, so its last bar counts
        as a whole. After Sweeney, "Maximum Adverse Excursion" (1997).
        """
        return self.records["mae"]

    @property
    def mfe(self) -> NDArray[np.float64]:
        """Maximum favourable excursion, a fraction of the entry fill, 0 or above; same bars as `mae`."""
        return self.records["mfe"]

    @property
    def exit_reason(self) -> NDArray[np.int64]:
        """Codes of `ExitReason`."""
        return self.records["exit_reason"]

    def exit_words(self) -> list[str]:
        """Return the exit reasons as words."""
        words = [reason.word for reason in ExitReason]
        return [words[code] for code in self.exit_reason.tolist()]


def join(chunks: Sequence[NDArray[np.void]]) -> NDArray[np.void]:
    """Return the records of all chunks in one array, read-only."""
    records = chunks[0] if len(chunks) == 1 else np.concatenate(chunks)
    records.flags.writeable = False
    return records
