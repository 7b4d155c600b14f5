"""The overview: price with entries and exits, equity against buy and hold, drawdown, over one time axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.charts.canvas import Canvas, dates, shortened, spans_many_times
from ktrdr_engine.charts.decimation import one_each
from ktrdr_engine.charts.run import Prices, Run, Trades
from ktrdr_engine.charts.theme import Theme
from ktrdr_engine.charts.wording import extent, outcome, period, sentence, trading, worst
from ktrdr_engine.metrics.paths import drawdowns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SYMBOL = 16  # characters of one above the prices, beside the legend
_MARKS = 60  # side by side on the width of the picture; more would be a smear
_LOG = ", logarithmic"


def draw(run: Run, theme: Theme) -> bytes:
    """Return the picture as PNG; without prices it has no price pane."""
    height, ratios = (960, (3, 3, 1.5)) if run.prices else (720, (3, 1.5))
    canvas = Canvas(theme, height, ratios, share_x=True)
    marked = _marked(run.trades) if run.prices else ""
    canvas.head(
        run.name, " · ".join(part for part in (f"{period(run)} UTC", trading(run), extent(run), marked) if part)
    )
    *upper, equity, falls = canvas.panes
    if run.prices:
        _price(canvas, upper[0], run, run.prices)
    _equity(canvas, equity, run)
    _drawdown(canvas, falls, run)
    canvas.time_axis(falls, run.stamps)
    return canvas.png()


def describe(run: Run) -> str:
    """Return what the picture shows, in words."""
    panes = "price with entries and exits, equity against buy and hold, drawdown" if run.prices else "equity, drawdown"
    thinned = sentence(_marked(run.trades)) if run.prices else ""
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
    symbol = shortened(str(run.operation.metadata.get("symbol")), _SYMBOL)
    canvas.label(pane, f"Price of {symbol}{_LOG * wide}")
    canvas.line(pane, prices.stamps, prices.close, color=theme.quiet, linewidth=1)
    ends = {"s": 13, "edgecolors": theme.ground, "linewidths": 0.3}
    styles: list[tuple[str, dict[str, Any]]] = [
        ("long entry", {"marker": "^", "color": theme.main}),
        ("short entry", {"marker": "v", "color": theme.other}),
        ("exit, gained", {"marker": "o", "color": theme.gain, **ends}),
        ("exit, lost", {"marker": "X", "color": theme.loss, **ends}),
    ]
    at = [trades.entry_price, trades.entry_price, trades.exit_price, trades.exit_price]
    for (label, style), (stamps, chosen), levels in zip(styles, _groups(trades), at, strict=True):
        _marks(pane, label, stamps, levels, chosen, **style)
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


def _groups(trades: Trades) -> list[tuple[NDArray[np.int64], NDArray[np.bool_]]]:
    """Return what is marked alike: the instants of all trades, and which of them."""
    return [
        (trades.entry_time, trades.side > 0),
        (trades.entry_time, trades.side < 0),
        (trades.exit_time, trades.pnl > 0),
        (trades.exit_time, trades.pnl <= 0),
    ]


def _marked(trades: Trades) -> str:
    """Say how many of the entries and exits have a mark, if not all."""
    drawn = sum(len(one_each(dates(at[chosen]), _MARKS)) for at, chosen in _groups(trades))
    total = 2 * len(trades)
    return f"{drawn:,} of {total:,} entries and exits marked" if drawn < total else ""


def _equity(canvas: Canvas, pane: Axes, run: Run) -> None:
    theme = canvas.theme
    held = run.initial_capital * run.prices.growth if run.prices else run.equity
    wide = spans_many_times(held, run.equity)
    still = ": it never moved" if (run.equity == run.initial_capital).all() else ""
    canvas.label(pane, f"Equity, account currency{_LOG * wide}{still}")
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
    if lowest == 0:
        pane.set_ylim(-1, 0)
        pane.set_yticks([0], ["0 %"])
        canvas.say(pane, "no drawdown")
        return
    pane.set_ylim(min(lowest * 1.08, -1e-4), 0)
    canvas.numbers(pane, unit="%")


def _scale(canvas: Canvas, pane: Axes, wide: bool) -> None:
    if wide:
        canvas.logarithmic(pane)
    else:
        canvas.numbers(pane)
