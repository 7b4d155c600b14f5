"""How the trades came out: their returns, what they went through on the way, and what ended them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.charts.canvas import SMALL, Canvas
from ktrdr_engine.charts.run import Run, Trades
from ktrdr_engine.charts.theme import Theme
from ktrdr_engine.charts.wording import extent, period, sentence, trading
from ktrdr_engine.number_format import change, money

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS: Final = 2_000
_HEXAGONS: Final = (90, 30)
_FAINTEST: Final = 0.35  # of the colour, for a single trade: it has to be seen
_BINS: Final = 40
_FEWEST_BINS: Final = 12
_SIGN_WIDTH: Final = 0.0115  # of the width of a pane, for a sign of an amount


def draw(run: Run, theme: Theme) -> bytes:
    """Return the picture as PNG; the run has at least one trade."""
    trades = run.trades
    excursions = trades.mae is not None and trades.mfe is not None
    canvas = Canvas(theme, 1_000 if excursions else 720, (3, 3, 2) if excursions else (3, 2))
    canvas.head(run.name, " · ".join(part for part in (f"{period(run)} UTC", trading(run), extent(run)) if part))
    _distribution(canvas, canvas.panes[0], trades)
    if excursions:
        _excursions(canvas, canvas.panes[1], trades)
    _reasons(canvas, canvas.panes[-1], trades)
    return canvas.png()


def describe(run: Run) -> str:
    """Return what the picture shows, in words."""
    gain = run.trades.gain
    spread = f"median return {change(float(np.median(gain)))}, from {change(gain.min())} to {change(gain.max())}"
    reasons = ", ".join(f"{name} {count} ({money(total)})" for name, count, total in by_reason(run.trades))
    return " ".join(
        (
            sentence(f"Trades of {run.name}, {period(run)} UTC", extent(run)),
            sentence(trading(run), spread),
            sentence(f"profit by exit reason, in account currency: {reasons}"),
        )
    )


def by_reason(trades: Trades) -> list[tuple[str, int, float]]:
    """Return each exit reason with its number of trades and their profit, the most frequent first."""
    reasons = np.array(trades.exit_reason)
    found = [
        (str(name), int((reasons == name).sum()), float(trades.pnl[reasons == name].sum())) for name in set(reasons)
    ]
    return sorted(found, key=lambda one: (-one[1], one[0]))


def _distribution(canvas: Canvas, pane: Axes, trades: Trades) -> None:
    theme = canvas.theme
    canvas.label(pane, "Return of each trade (on its entry, after costs)")
    low, high = min(float(trades.gain.min()), 0.0), max(float(trades.gain.max()), 0.0)
    width = (high - low or 0.01) / min(_BINS, max(_FEWEST_BINS, round(2 * len(trades) ** 0.5)))
    # Zero is an edge, so that no bar holds gains and losses at once.
    edges = np.arange(np.floor(low / width), np.ceil(high / width) + 1) * width
    counts, _ = np.histogram(trades.gain, edges)
    middles = (edges[:-1] + edges[1:]) / 2
    colours = np.where(middles >= 0, theme.gain, theme.loss)
    pane.bar(middles, counts, width * 0.92, color=colours.tolist())
    median = float(np.median(trades.gain))
    pane.axvline(median, color=theme.ink, linewidth=1.2, linestyle=(0, (4, 2)), label=f"median {change(median)}")
    pane.set_ylabel("trades", color=theme.quiet, fontsize=SMALL)
    canvas.numbers(pane, axis="x", unit="%")
    canvas.numbers(pane, whole=True)
    canvas.legend(pane)


def _excursions(canvas: Canvas, pane: Axes, trades: Trades) -> None:
    theme = canvas.theme
    assert trades.mae is not None
    is_many = len(trades) > _POINTS
    canvas.label(
        pane,
        f"Largest loss on the way (MAE) and return of {f'{len(trades):,} trades' if is_many else 'each trade'}",
    )
    worst, gain = trades.mae, trades.gain
    whole = (*_reach(worst), *_reach(gain))
    for label, chosen, marker, colour in (
        ("gained", gain > 0, "o", theme.gain),
        ("lost", gain <= 0, "X", theme.loss),
    ):
        if is_many:
            if chosen.any():
                _density(pane, worst[chosen], gain[chosen], extent=whole, colour=colour, label=label, theme=theme)
            continue
        pane.scatter(
            worst[chosen], gain[chosen], s=16, marker=marker, color=colour, linewidths=0, alpha=0.8, label=label
        )
    pane.axhline(0, color=theme.quiet, linewidth=0.7)
    pane.set_xlabel(
        "MAE, share of the entry" + "; stronger: more trades" * is_many,
        color=theme.quiet,
        fontsize=SMALL,
        loc="right",
        labelpad=1,
    )
    pane.set_ylabel("return", color=theme.quiet, fontsize=SMALL)
    canvas.numbers(pane, axis="x", unit="%")
    canvas.numbers(pane, unit="%")
    canvas.legend(pane)


def _reach(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the lowest and the highest value, with a little room where they are the same."""
    low, high = float(values.min()), float(values.max())
    room = 0.0 if low < high else abs(low) / 100 or 0.001
    return low - room, high + room


def _density(
    pane: Axes,
    across: NDArray[np.float64],
    up: NDArray[np.float64],
    *,
    extent: tuple[float, float, float, float],
    colour: str,
    label: str,
    theme: Theme,
) -> None:
    """Draw points too many to be told apart: hexagons, the stronger the more points they hold (logarithmic)."""
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    faint = LinearSegmentedColormap.from_list(label, [theme.middle, colour])
    strength = LinearSegmentedColormap.from_list(label, [to_hex(faint(_FAINTEST)), colour])
    pane.hexbin(across, up, gridsize=_HEXAGONS, mincnt=1, bins="log", cmap=strength, linewidths=0.1, extent=extent)
    pane.scatter([], [], marker="h", color=colour, label=label)


def _reasons(canvas: Canvas, pane: Axes, trades: Trades) -> None:
    theme = canvas.theme
    canvas.label(pane, "Profit by exit reason (account currency)")
    reasons = by_reason(trades)
    names = [f"{name.replace('_', ' ')} ({count:,})" for name, count, _ in reasons]
    totals = [total for _, _, total in reasons]
    colours = [theme.gain if total >= 0 else theme.loss for total in totals]
    bars = pane.barh(range(len(names)), totals, color=colours, height=0.6)
    amounts = [money(total) for total in totals]
    pane.bar_label(bars, amounts, padding=4, color=theme.ink, fontsize=SMALL)
    pane.set_yticks(range(len(names)), names)
    pane.tick_params(axis="y", colors=theme.ink)
    pane.invert_yaxis()
    pane.axvline(0, color=theme.quiet, linewidth=0.7)
    # Room for the longest amount beyond the longest bar, or it would run into the names.
    room = _SIGN_WIDTH * max(map(len, amounts)) + 0.015
    pane.margins(x=room / (1 - 2 * room))
    canvas.numbers(pane, axis="x")
