"""The trades of a run as rows for a table that a small script sorts, filters and pages."""

from __future__ import annotations

from heapq import nsmallest
from typing import Any, Final, NamedTuple

import numpy as np

from ktrdr_engine.charts.run import Trades
from ktrdr_engine.number_format import SIGNIFICANT, fixed, percent, shared_decimals

COLUMNS: Final = (
    "#", "Side", "Entry (UTC)", "Exit (UTC)", "Entry price", "Exit price", "Quantity", "P&L", "Return", "Bars", "MAE",
    "MFE", "Exit reason",
)  # fmt: skip
_PAGE: Final = 50
_SECOND: Final = 1_000_000_000
_PNL_DIGITS: Final = 4
_DIGITS: Final = 10
_SAMPLED: Final = 1_000


class TradeTable(NamedTuple):
    """The table.

    Attributes:
        total: Trades that the run closed; `data` has the last of them.
        first: The first page as text, for readers without scripts and for printing.
        data: All rows as the script reads them.
        reasons: Exit reasons that occur.
        price_decimals: Digits after the point that all prices are written with.
        quantity_decimals: Likewise for quantities.
        pnl_decimals: Likewise for what was gained or lost, by the largest of them.
        page: Rows on a page.
    """

    total: int
    first: list[list[str]]
    data: list[list[Any]]
    reasons: list[str]
    price_decimals: int
    quantity_decimals: int
    pnl_decimals: int
    page: int = _PAGE


def trade_table(trades: Trades, closed: int) -> TradeTable:
    """Return all trades in the order of their exits; a hundred thousand of them take 12 MB of the page.

    Args:
        trades: Those that are kept: the last ones.
        closed: How many there were.
    """
    count = len(trades)
    reasons = sorted(set(trades.exit_reason))
    places = {reason: place for place, reason in enumerate(reasons)}
    columns = [
        list(range(closed - count + 1, closed + 1)),
        trades.side.tolist(),
        (trades.entry_time // _SECOND).tolist(),
        (trades.exit_time // _SECOND).tolist(),
        *(_short(one, count) for one in (trades.entry_price, trades.exit_price, trades.quantity, trades.pnl)),
        *(_short(one, count, SIGNIFICANT) for one in (trades.gain, trades.bars_held, trades.mae, trades.mfe)),
        [places[reason] for reason in trades.exit_reason],
    ]  # fmt: skip
    data = [list(row) for row in zip(*columns, strict=True)]
    largest = max((abs(value) for value in columns[7] if value is not None), default=0.0)
    decimals = (
        shared_decimals(_smallest(*columns[4:6])),
        shared_decimals(_smallest(columns[6])),
        shared_decimals([largest], significant=_PNL_DIGITS),
    )
    return TradeTable(closed, [_row(row, reasons, *decimals) for row in data[:_PAGE]], data, reasons, *decimals)


def _smallest(*columns: list[float | None]) -> list[float]:
    """Return the numbers that need the most decimals: a thousand are enough to tell how many."""
    return nsmallest(_SAMPLED, (abs(value) for values in columns for value in values if value))


def _short(values: Any, count: int, digits: int = _DIGITS) -> list[float | None]:
    if values is None:
        return [None] * count
    return [None if value != value else float(f"{value:.{digits}g}") for value in values.tolist()]


def _row(
    row: list[Any], reasons: list[str], price_decimals: int, quantity_decimals: int, pnl_decimals: int
) -> list[str]:
    number, side, entry, exit_, entry_price, exit_price, quantity, pnl, gain, bars, mae, mfe, reason = row
    return [
        str(number),
        "long" if side > 0 else "short",
        _time(entry),
        _time(exit_),
        _number(entry_price, price_decimals),
        _number(exit_price, price_decimals),
        _number(quantity, quantity_decimals),
        _number(pnl, pnl_decimals),
        _percent(gain),
        _number(bars, 0),
        _percent(mae),
        _percent(mfe),
        reasons[reason].replace("_", " "),
    ]


def _time(seconds: int) -> str:
    return str(np.datetime64(seconds, "s")).replace("T", " ")[:16]


def _number(value: float | None, decimals: int) -> str:
    return "" if value is None else fixed(value, decimals)


def _percent(value: float | None) -> str:
    return "" if value is None else percent(value, 2)
