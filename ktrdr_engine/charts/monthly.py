"""Monthly returns as a map of numbers on colours, a row a year, with the year's total."""

from __future__ import annotations

import calendar
from typing import TYPE_CHECKING, Final

import numpy as np

from ktrdr_engine.charts.canvas import NORMAL, SMALL, Canvas
from ktrdr_engine.charts.run import Run
from ktrdr_engine.charts.theme import Theme
from ktrdr_engine.charts.wording import extent, outcome, period, sentence
from ktrdr_engine.metrics.periods import MONTHS, MonthlyReturns, monthly_returns
from ktrdr_engine.number_format import change, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

MONTH_NAMES: Final = tuple(calendar.month_abbr[1:])
_ROW: Final = 56
_HEAD: Final = 190
_YEARS: Final = 25  # what one picture can show legibly
_YEARS_IN_WORDS: Final = 12


def draw(run: Run, theme: Theme) -> bytes:
    """Return the picture as PNG: the last 25 years, if there are more."""
    table = returns_of(run)
    shown = MonthlyReturns(table.years[-_YEARS:], table.returns[-_YEARS:], table.totals[-_YEARS:])
    canvas = Canvas(theme, _HEAD + _ROW * max(2, len(shown.years)))
    (pane,) = canvas.panes
    canvas.head(
        run.name,
        " · ".join(part for part in (f"Monthly returns in %, {_months_of(run)}", period(run), extent(run)) if part),
    )
    _cells(pane, shown, theme)
    pane.grid(visible=False)
    pane.spines["bottom"].set_visible(False)
    pane.set_xticks([*range(MONTHS), MONTHS + 0.35], [*MONTH_NAMES, "Year"])
    pane.set_yticks(range(len(shown.years)), [str(year) for year in shown.years])
    pane.tick_params(top=False, labeltop=True, labelbottom=False, labelsize=NORMAL, colors=theme.ink)
    return canvas.png()


def describe(run: Run) -> str:
    """Return what the picture shows, in words: the years, the best and the worst month."""
    table = returns_of(run)
    years = [f"{year} {change(total)}" for year, total in zip(table.years, table.totals, strict=True) if total == total]
    shown = years[-_YEARS_IN_WORDS:]
    earlier = f" (and {len(years) - len(shown)} years before)" if len(years) > len(shown) else ""
    cut = f"The picture shows the last {_YEARS} years." if len(table.years) > _YEARS else ""
    flat = table.returns[~np.isnan(table.returns)]
    gained = f"{int((flat > 0).sum())} of {len(flat)} months gained"
    parts = [
        sentence(f"Monthly returns of {run.name}, {period(run)} UTC", extent(run)),
        sentence(outcome(run)),
        sentence(f"years: {', '.join(shown)}{earlier}"),
        sentence(gained, *_ends(table)),
        cut,
    ]
    return " ".join(part for part in parts if part)


def returns_of(run: Run) -> MonthlyReturns:
    """Return the run's returns by month."""
    return monthly_returns(run.days, run.equity, run.initial_capital)


def _months_of(run: Run) -> str:
    return "months in UTC" if run.market.zone is None else f"months of {run.market.name} days"


def _ends(table: MonthlyReturns) -> list[str]:
    if np.isnan(table.returns).all():
        return []
    ends = (("best month", np.nanargmax(table.returns)), ("worst month", np.nanargmin(table.returns)))
    return [f"{word} {_month(table, int(at))} {change(float(table.returns.flat[at]))}" for word, at in ends]


def _month(table: MonthlyReturns, at: int) -> str:
    return f"{MONTH_NAMES[at % MONTHS]} {table.years[at // MONTHS]}"


def _cells(pane: Axes, table: MonthlyReturns, theme: Theme) -> None:
    """Colour each cell by its return, months and years on scales of their own, and write it in."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("returns", [theme.loss, theme.middle, theme.gain])
    extent = (-0.5, MONTHS - 0.5, len(table.years) - 0.5, -0.5)
    _block(pane, table.returns, colours, extent, theme)
    right = (MONTHS - 0.15, MONTHS + 0.85, len(table.years) - 0.5, -0.5)
    _block(pane, table.totals[:, None], colours, right, theme, weight="bold")
    pane.set_xlim(-0.5, MONTHS + 0.85)
    pane.set_ylim(len(table.years) - 0.5, -0.5)


def _block(
    pane: Axes,
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    colours: Colormap,
    extent: tuple[float, float, float, float],
    theme: Theme,
    *,
    weight: str = "normal",
) -> None:
    most = float(np.nanmax(np.abs(values))) if not np.isnan(values).all() else 0.0
    most = most or 1.0
    rgb = colours(0.5 + 0.5 * np.nan_to_num(values) / most)
    rgb[np.isnan(values)] = (0, 0, 0, 0)
    pane.imshow(rgb, extent=extent, aspect="auto", interpolation="nearest")
    for row, column in np.argwhere(~np.isnan(values)):
        value = float(values[row, column])
        number = pane.text(
            extent[0] + 0.5 + column, row, percent(value, 1).removesuffix(" %"), ha="center", va="center",
            fontsize=SMALL, fontweight=weight, color=_ink_on(rgb[row, column], theme),
        )  # fmt: skip
        number.set_in_layout(False)  # it lies within its cell; measuring hundreds of them takes most of the time


def _ink_on(rgba: np.ndarray[tuple[int, ...], np.dtype[np.float64]], theme: Theme) -> str:
    """Return whichever of ink and ground stands out more on a colour (relative luminance of WCAG 2)."""
    from matplotlib.colors import to_rgb

    def luminance(rgb: object) -> float:
        channels = np.asarray(rgb, np.float64)[:3]
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return float(linear @ np.array([0.2126, 0.7152, 0.0722]))

    def contrast(colour: str) -> float:
        low, high = sorted((luminance(rgba), luminance(to_rgb(colour))))
        return (high + 0.05) / (low + 0.05)

    return max((theme.ink, theme.ground), key=contrast)
