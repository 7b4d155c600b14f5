"""The curves of a run as data that Plotly draws: few enough points, with the same in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.charts.canvas import spans_many_times
from ktrdr_engine.charts.decimation import extremes
from ktrdr_engine.charts.epochs import Epochs
from ktrdr_engine.charts.run import Run, Scope
from ktrdr_engine.charts.training import baseline_words, curve_name, panes_of, words_on
from ktrdr_engine.charts.wording import outcome, sentence, worst
from ktrdr_engine.metrics import ratios
from ktrdr_engine.metrics.curve import EquityCurve, measure
from ktrdr_engine.metrics.paths import drawdowns, rolling_sharpe
from ktrdr_engine.number_format import fixed

Floats = NDArray[np.float64]
Role = Literal["main", "quiet", "loss", "other"]

_COLUMNS: Final = 1_500  # pixel columns that a curve is kept sharp for
_DIGITS: Final = 8
_NS_IN_MS: Final = 1_000_000
_MS_IN_DAY: Final = 86_400_000
_QUARTERS: Final = 4


@dataclass(frozen=True, slots=True)
class Figure:
    """One chart of a report.

    Attributes:
        id: Of its place in the page.
        title: What it shows.
        words: The same as the curves, in a sentence or two.
        unit: "%" for fractions, "money", or "" for plain numbers.
        lines: What Plotly draws.
        dated: Whether it is drawn over time.
        logarithmic: Whether its values span too much for a linear axis.
        marks: Places on the horizontal axis with a name.
    """

    id: str
    title: str
    words: str
    unit: Literal["%", "money", ""]
    lines: tuple[dict[str, Any], ...]
    dated: bool = True
    logarithmic: bool = False
    marks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class RollingSharpe:
    """The Sharpe ratio of the trading days before each: days since 1970 (n,), ratios (n,), and of how many days."""

    days: NDArray[np.int64]
    ratios: Floats
    window: int


def equity(run: Run) -> Figure:
    """Return equity against buy and hold."""
    lines = [_line("strategy", run.stamps // _NS_IN_MS, run.equity, "main")]
    drawn = [run.equity]
    if run.prices:
        held = run.initial_capital * run.prices.growth
        lines.append(_line("buy and hold, without costs", run.prices.stamps // _NS_IN_MS, held, "quiet", dashed=True))
        drawn.append(held)
    wide = spans_many_times(*drawn)
    title = f"Equity{' against buy and hold' if run.prices else ''} (account currency{', logarithmic' * wide})"
    return Figure("equity", title, sentence(outcome(run)), "money", tuple(lines), logarithmic=wide)


def drawdown(run: Run) -> Figure:
    """Return the distance from the highest equity so far."""
    falls = -drawdowns(run.equity, run.initial_capital)
    line = {**_line("drawdown", run.stamps // _NS_IN_MS, falls, "loss"), "fill": "tozeroy"}
    return Figure("drawdown", "Drawdown from the highest equity so far", sentence(worst(run)), "%", (line,))


def rolling(run: Run) -> RollingSharpe | str:
    """Return the Sharpe ratio over the last quarter of a year, day by day, or why there is none."""
    if run.scope is Scope.SO_FAR:
        return "The rolling Sharpe ratio needs every bar; it is here once the operation has ended with results."
    curve = daily_curve(run)
    window = curve.annualization // _QUARTERS
    try:
        returns = ratios.daily_returns(curve.daily)
    except ratios.Undefined as reason:
        return f"There is no rolling Sharpe ratio: {reason}."
    if len(returns) < window:
        return f"A rolling Sharpe ratio needs {window} returns; this run has {len(returns)}."
    return RollingSharpe(curve.days, rolling_sharpe(returns, window, curve.annualization), window)


def rolling_figure(found: RollingSharpe) -> Figure:
    """Return the rolling Sharpe ratio; windows that do not vary leave a gap."""
    known = found.ratios[~np.isnan(found.ratios)]
    what = f"over the last {found.window} returns, one a trading day"
    if len(known):
        low, high, last = (fixed(float(value), 2) for value in (known.min(), known.max(), known[-1]))
        words = f"Rolling Sharpe ratio {what}: between {low} and {high}, {last} at the end."
    else:
        words = f"Rolling Sharpe ratio {what}: undefined, since the returns do not vary."
    line = _line("rolling Sharpe", found.days * _MS_IN_DAY, found.ratios, "main")
    return Figure("rolling", f"Rolling Sharpe ratio, {what}", words, "", (line,))


def daily_curve(run: Run) -> EquityCurve:
    """Return the run's equity by trading day."""
    return measure(run.stamps, run.equity, run.initial_capital, timeframe=run.timeframe, market=run.market)


def learning(epochs: Epochs) -> list[Figure]:
    """Return the curves of a training over its epochs."""
    roles: tuple[Role, ...] = ("main", "loss", "other", "quiet")
    figures = []
    for number, (title, curves) in enumerate(panes_of(epochs)):
        lines = tuple(
            _line(curve_name(name), epochs.epoch, values, roles[row % len(roles)], dashed=bool(row % 2))
            for row, (name, values) in enumerate(curves.items())
        )
        unit: Literal["%", ""] = "%" if all(name.endswith("accuracy") for name in curves) else ""
        marks = () if epochs.best is None else ((float(epochs.best), f"best epoch {epochs.best}"),)
        words = words_on(curves, epochs)
        if unit and epochs.baseline is not None:
            level = np.full(len(epochs.epoch), epochs.baseline)
            lines += (_line("majority baseline", epochs.epoch, level, "quiet", dashed=True),)
            words = f"{words} {baseline_words(epochs)}"
        figures.append(Figure(f"learning{number}", title, words, unit, lines, dated=False, marks=marks))
    return figures


def _line(name: str, x: NDArray[np.int64] | Floats, y: Floats, role: Role, *, dashed: bool = False) -> dict[str, Any]:
    chosen = extremes(y, _COLUMNS)
    values = [None if value != value else float(f"{value:.{_DIGITS}g}") for value in y[chosen].tolist()]
    return {"name": name, "x": x[chosen].tolist(), "y": values, "role": role, "dashed": dashed}
