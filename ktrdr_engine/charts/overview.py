"""The overview: price with entries and exits, equity against buy and hold, drawdown, over one time axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.charts.canvas import Canvas, dates, spans_many_times
from ktrdr_engine.charts.decimation import one_each
from ktrdr_engine.charts.run import Prices, Run
from ktrdr_engine.charts.theme import Theme
from ktrdr_engine.charts.wording import extent, outcome, period, sentence, trading, worst
from ktrdr_engine.metrics.paths import drawdowns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKS = 60  # side by side on the width of the picture; more would be a smear
_LOG = ", logarithmic"


def draw(run: Run, theme: Theme) -> bytes:
    """Return the picture as PNG; without prices it has no price pane."""
    height, ratios = (960, (3, 3, 1.5)) if run.prices else (720, (3, 1.5))
    canvas = Canvas(theme, height, ratios, share_x=True)
    canvas.head(run.name, " · ".join(part for part in (f"{period(run)} UTC", trading(run), extent(run)) if part))
    *upper, equity, falls = canvas.panes
    if run.prices:
        _price(canvas, upper[0], run, run.prices)
    _equity(canvas, equity, run)
    _drawdown(canvas, falls, run)
    canvas.time_axis(falls)
    return canvas.png()


def describe(run: Run) -> str:
    """Return what the picture shows, in words."""
    panes = "price with entries and exits, equity against buy and hold, drawdown" if run.prices else "equity, drawdown"
    thinned = f"Of the entries and exits about {_MARKS} are marked." if len(run.trades) > _MARKS and run.prices else ""
    parts = [
        sentence(f"Backtest of {run.name}, {period(run)} UTC", extent(run)),
        sentence(outcome(run), worst(run), trading(run)),
        f"Panes: {panes}.",
        thinned,
        *run.remarks,
    ]
    return " ".join(part for part in parts if part)


def _price(canvas: Canvas, pane: Axes, run: Run, prices: Prices) -> None:
    theme, trades = canvas.theme, run.trades
    wide = spans_many_times(prices.close)
    canvas.label(pane, f"Price of {run.operation.metadata.get('symbol')}{_LOG * wide}")
    canvas.line(pane, prices.stamps, prices.close, color=theme.quiet, linewidth=1)
    _marks(pane, "long entry", trades.entry_time, trades.entry_price, trades.side > 0, marker="^", color=theme.main)
    _marks(pane, "short entry", trades.entry_time, trades.entry_price, trades.side < 0, marker="v", color=theme.other)
    ends = {"s": 13, "edgecolors": theme.ground, "linewidths": 0.3}
    _marks(
        pane, "exit, gained", trades.exit_time, trades.exit_price, trades.pnl > 0, marker="o", color=theme.gain, **ends
    )
    _marks(
        pane, "exit, lost", trades.exit_time, trades.exit_price, trades.pnl <= 0, marker="X", color=theme.loss, **ends
    )
    _scale(canvas, pane, wide)
    if len(trades):
        canvas.legend(pane)


def _marks(
    pane: Axes,
    label: str,
    stamps: NDArray[np.int64],
    prices: NDArray[np.float64],
    chosen: NDArray[np.bool_],
    **style: Any,
) -> None:
    if not chosen.any():
        return
    at = dates(stamps[chosen])
    shown = one_each(at, _MARKS)
    pane.scatter(at[shown], prices[chosen][shown], label=label, zorder=3, **{"s": 20, "linewidths": 0, **style})


def _equity(canvas: Canvas, pane: Axes, run: Run) -> None:
    theme = canvas.theme
    held = run.initial_capital * run.prices.growth if run.prices else run.equity
    wide = spans_many_times(held, run.equity)
    canvas.label(pane, f"Equity, account currency{_LOG * wide}")
    if run.prices:
        canvas.line(
            pane, run.prices.stamps, held, color=theme.quiet, linewidth=1.1, linestyle=(0, (4, 2)), label="buy and hold"
        )
    canvas.line(pane, run.stamps, run.equity, color=theme.main, linewidth=1.5, label="strategy")
    pane.axhline(run.initial_capital, color=theme.quiet, linewidth=0.7)
    _scale(canvas, pane, wide)
    if run.prices:
        canvas.legend(pane)


def _drawdown(canvas: Canvas, pane: Axes, run: Run) -> None:
    theme = canvas.theme
    falls = -drawdowns(run.equity, run.initial_capital)
    canvas.label(pane, "Drawdown (from the highest equity so far)")
    canvas.line(pane, run.stamps, falls, color=theme.loss, linewidth=1)
    line = pane.lines[-1]
    pane.fill_between(line.get_xdata(), line.get_ydata(), 0, color=theme.loss, alpha=0.25, linewidth=0)
    lowest = float(falls.min())
    pane.set_ylim(min(lowest * 1.08, -1e-4), 0)
    canvas.numbers(pane, unit="%")


def _scale(canvas: Canvas, pane: Axes, wide: bool) -> None:
    if wide:
        canvas.logarithmic(pane)
    else:
        canvas.numbers(pane)
