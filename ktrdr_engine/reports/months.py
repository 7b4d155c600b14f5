"""Tables by month: the map of returns, and month by month what the curves show."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from ktrdr_engine.charts.monthly import MONTH_NAMES, returns_of
from ktrdr_engine.charts.run import Run
from ktrdr_engine.metrics.paths import drawdowns
from ktrdr_engine.metrics.wording import number
from ktrdr_engine.number_format import fixed, percent
from ktrdr_engine.reports.curves import RollingSharpe

_FAINTEST: Final = 8  # percent of colour in a cell that gained or lost almost nothing
_STRONGEST: Final = 50  # more would leave the number in it too little contrast


class Cell(NamedTuple):
    """A return: its text, "gain" or "loss", and how strong its colour is, in percent."""

    text: str
    side: str = ""
    strength: int = 0


class Year(NamedTuple):
    """A row of the map."""

    year: int
    months: tuple[Cell, ...]
    total: Cell


class Month(NamedTuple):
    """A row of what the curves show; empty where it is not known."""

    month: str
    equity: str
    change: str
    held: str
    drawdown: str
    sharpe: str


def returns_map(run: Run) -> list[Year]:
    """Return a row for each year."""
    table = returns_of(run)
    scale, scale_of_years = _largest(table.returns), _largest(table.totals)
    return [
        Year(int(year), tuple(_cell(value, scale) for value in months), _cell(float(total), scale_of_years))
        for year, months, total in zip(table.years, table.returns.tolist(), table.totals, strict=True)
    ]


def by_month(run: Run, sharpe: RollingSharpe | None) -> list[Month]:
    """Return a row for each month that has bars: the values at its end, and the deepest drawdown within it."""
    days = run.days
    dates = days.astype("datetime64[D]").astype("datetime64[M]")
    months = dates.astype(np.int64)
    starts = np.concatenate(([0], np.flatnonzero(months[1:] != months[:-1]) + 1))
    ends = np.append(starts[1:], len(months)) - 1
    table = returns_of(run)
    changes = table.returns.flat[months[ends] - (int(table.years[0]) - 1970) * len(MONTH_NAMES)]
    deepest = np.maximum.reduceat(drawdowns(run.equity, run.initial_capital), starts)
    return [
        Month(
            month=str(dates[end]),
            equity=number("final_value", float(run.equity[end])),
            change=_text(float(change)),
            held=_held(run, int(run.stamps[end])),
            drawdown=percent(float(fall), 2),
            sharpe=_sharpe_at(sharpe, int(days[end])),
        )
        for end, change, fall in zip(ends, changes, deepest, strict=True)
    ]


def _cell(value: float, scale: float) -> Cell:
    if value != value:
        return Cell("")
    strength = _FAINTEST + round((_STRONGEST - _FAINTEST) * abs(value) / scale)
    # Thirteen columns have to fit a page: the unit stands above them.
    return Cell(percent(value, 1).removesuffix(" %"), "gain" if value > 0 else "loss" if value < 0 else "", strength)


def _text(value: float) -> str:
    return "" if value != value else percent(value, 2)


def _largest(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    return float(np.abs(np.nan_to_num(values)).max()) or 1.0


def _held(run: Run, stamp: int) -> str:
    if run.prices is None:
        return ""
    at = int(np.searchsorted(run.prices.stamps, stamp, side="right")) - 1
    growth = float(run.prices.close[at]) / run.prices.first_open
    return number("final_value", run.initial_capital * growth)


def _sharpe_at(sharpe: RollingSharpe | None, day: int) -> str:
    if sharpe is None:
        return ""
    at = int(np.searchsorted(sharpe.days, day, side="right")) - 1
    value = float(sharpe.ratios[max(at, 0)])
    return "" if value != value else fixed(value, 2)
