"""The trades of a run as rows for a table that a small script sorts, filters and pages."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from ktrdr_engine.charts.run import Trades
from ktrdr_engine.metrics.wording import percent

COLUMNS: Final = (
    "#", "Side", "Entry (UTC)", "Exit (UTC)", "Entry price", "Exit price", "Quantity", "P&L", "Return", "Bars", "MAE",
    "MFE", "Exit reason",
)  # fmt: skip
_MOST: Final = 10_000
_PAGE: Final = 50
_SECOND: Final = 1_000_000_000
_FEW_FROM: Final = 100
_FEW, _MANY = 2, 5


class TradeTable(NamedTuple):
    """The table.

    Attributes:
        total: Trades of the run.
        first: The first page as text, for readers without scripts and for printing.
        data: All rows as the script reads them, at most 10,000.
        reasons: Exit reasons that occur.
        price_decimals: Digits after the point that all prices are written with.
        quantity_decimals: Likewise for quantities.
        page: Rows on a page.
    """

    total: int
    first: list[list[str]]
    data: list[list[Any]]
    reasons: list[str]
    price_decimals: int
    quantity_decimals: int
    page: int = _PAGE


def trade_table(trades: Trades) -> TradeTable:
    """Return the trades in the order of their exits; of more than 10,000 the first."""
    count = min(len(trades), _MOST)
    reasons = sorted(set(trades.exit_reason))
    columns = [
        list(range(1, count + 1)),
        trades.side[:count].tolist(),
        (trades.entry_time[:count] // _SECOND).tolist(),
        (trades.exit_time[:count] // _SECOND).tolist(),
        *(
            _short(values, count)
            for values in (
                trades.entry_price, trades.exit_price, trades.quantity, trades.pnl, trades.gain, trades.bars_held,
                trades.mae, trades.mfe,
            )
        ),
        [reasons.index(reason) for reason in trades.exit_reason[:count]],
    ]  # fmt: skip
    data = [list(row) for row in zip(*columns, strict=True)]
    decimals = _decimals(*columns[4:6]), _decimals(columns[6])
    return TradeTable(len(trades), [_row(row, reasons, *decimals) for row in data[:_PAGE]], data, reasons, *decimals)


def _decimals(*columns: list[float | None]) -> int:
    smallest = min((abs(value) for values in columns for value in values if value), default=0.0)
    return _FEW if smallest >= _FEW_FROM else _MANY


def _short(values: Any, count: int) -> list[float | None]:
    if values is None:
        return [None] * count
    return [None if value != value else float(f"{value:.7g}") for value in values[:count].tolist()]


def _row(row: list[Any], reasons: list[str], price_decimals: int, quantity_decimals: int) -> list[str]:
    number, side, entry, exit_, entry_price, exit_price, quantity, pnl, gain, bars, mae, mfe, reason = row
    return [
        str(number),
        "long" if side > 0 else "short",
        _time(entry),
        _time(exit_),
        _number(entry_price, price_decimals),
        _number(exit_price, price_decimals),
        _number(quantity, quantity_decimals),
        _number(pnl, 2),
        _percent(gain),
        _number(bars, 0),
        _percent(mae),
        _percent(mfe),
        reasons[reason].replace("_", " "),
    ]


def _time(seconds: int) -> str:
    return str(np.datetime64(seconds, "s")).replace("T", " ")[:16]


def _number(value: float | None, decimals: int) -> str:
    return "" if value is None else f"{value:,.{decimals}f}".replace("-", "−")


def _percent(value: float | None) -> str:
    return "" if value is None else percent(value, 2)
