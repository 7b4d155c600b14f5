"""A figure in a theme, its axes, and the PNG it becomes: matplotlib without any global state.

Guarantees: nothing is shared between two canvases, so that any number of threads may draw at once.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.charts.decimation import extremes
from ktrdr_engine.charts.theme import Theme
from ktrdr_engine.number_format import axis_label, decimal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from PIL import Image

WIDTH: Final = 1_200
"""Pixels; a chat shows the picture at about half of that, so nothing is smaller than `SMALL`."""
SMALL: Final = 9.5
NORMAL: Final = 10.5
LARGE: Final = 13.0
_DPI: Final = 144
_COLUMNS: Final = 1_000  # pixels that a line has to itself
_MAX_BYTES: Final = 200_000
_MANY_TIMES: Final = 8
_FEWEST: Final = 20  # characters that a text is not made shorter than
_FEW_MONTHS: Final = 200 * 86_400_000_000_000


class Canvas:
    """A picture in the making.

    Args:
        theme: Its colours.
        height: Pixels.
        ratios: Of the heights of the panes, top to bottom.
        share_x: All panes have one time axis.
    """

    def __init__(self, theme: Theme, height: int, ratios: Sequence[float] = (1,), *, share_x: bool = False) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        self.theme = theme
        layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.06)
        self.figure: Figure = Figure((WIDTH / _DPI, height / _DPI), _DPI, facecolor=theme.ground, layout=layout)
        FigureCanvasAgg(self.figure)
        made = self.figure.subplots(
            len(ratios), 1, sharex=share_x, squeeze=False, gridspec_kw={"height_ratios": list(ratios)}
        )
        self.panes: list[Axes] = list(made[:, 0])
        for pane in self.panes:
            self._dress(pane)

    def head(self, title: str, below: str) -> None:
        """Write what the picture is about above it, and a line of facts below; what is too long loses its middle."""
        above = self.figure.suptitle(
            title, x=0.012, ha="left", color=self.theme.ink, fontsize=LARGE, fontweight="bold", parse_math=False
        )
        facts = self.panes[0].annotate(
            below,
            (0.012, 1),
            xycoords=("figure fraction", "axes fraction"),
            xytext=(0, 26),
            textcoords="offset points",
            color=self.theme.quiet,
            fontsize=SMALL,
            parse_math=False,
        )
        for text in (above, facts):
            _fit(text, WIDTH * 0.976)

    def label(self, pane: Axes, text: str) -> None:
        """Write above a pane what it shows."""
        pane.set_title(plain(text), loc="left", color=self.theme.ink, fontsize=NORMAL, pad=7, parse_math=False)

    def legend(self, pane: Axes, handles: Sequence[Any] | None = None) -> None:
        """Name the lines of a pane at its right, above it, where they hide nothing."""
        extra = {"handles": handles} if handles is not None else {}
        pane.legend(
            loc="lower right", bbox_to_anchor=(1, 1.005), ncols=6, frameon=False, fontsize=SMALL,
            labelcolor=self.theme.ink, handlelength=1.6, columnspacing=1.4, borderaxespad=0, borderpad=0.25, **extra,
        )  # fmt: skip

    def say(self, pane: Axes, text: str) -> None:
        """Write into the middle of a pane why there is nothing to see in it."""
        pane.text(
            0.5, 0.5, plain(text), transform=pane.transAxes, ha="center", va="center", color=self.theme.quiet,
            fontsize=NORMAL, parse_math=False,
        )  # fmt: skip

    def line(self, pane: Axes, stamps: NDArray[np.int64], values: NDArray[np.float64], **style: Any) -> None:
        """Draw a line over time, however long: of each pixel column its extremes; of a single bar a dot."""
        chosen = extremes(values, _COLUMNS)
        if len(chosen) == 1:
            style |= {"marker": "o", "markersize": 4}
        pane.plot(dates(stamps[chosen]), values[chosen], **style)

    def time_axis(self, pane: Axes, stamps: NDArray[np.int64]) -> None:
        """Give a pane dates in UTC, as few as are readable; below it stands what all of the stamps have in common."""
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator(tz=UTC, minticks=4, maxticks=8)  # type: ignore[no-untyped-call]  # matplotlib leaves it untyped
        pane.xaxis.set_major_locator(locator)
        formatter = ConciseDateFormatter(locator, tz=UTC, show_offset=False)  # type: ignore[no-untyped-call]  # as above
        pane.xaxis.set_major_formatter(formatter)
        first, last = dates(stamps[[0, -1]]).tolist()
        if first == last:
            pane.set_xlim(first - 0.5, last + 0.5)
        below = f"{common_date(int(stamps[0]), int(stamps[-1]))} UTC".strip()
        pane.set_xlabel(below, color=self.theme.quiet, fontsize=SMALL, loc="right", labelpad=1)

    def numbers(
        self, pane: Axes, *, axis: Literal["x", "y"] = "y", unit: Literal["", "%"] = "", whole: bool = False
    ) -> None:
        """Give an axis few round numbers, all with the decimals that tell them apart; "%" takes fractions."""
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        chosen = pane.yaxis if axis == "y" else pane.xaxis

        def text(value: float, _: object) -> str:
            return axis_label(value, chosen.get_majorticklocs().tolist(), unit)

        chosen.set_major_formatter(FuncFormatter(text))
        chosen.set_major_locator(MaxNLocator(5 if axis == "y" else 7, steps=[1, 2, 2.5, 5, 10], integer=whole))

    def logarithmic(self, pane: Axes) -> None:
        """Let equal ratios take equal heights."""
        from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

        pane.set_yscale("log")
        pane.yaxis.set_major_locator(LogLocator(10, (1, 2, 5)))
        pane.yaxis.set_major_formatter(FuncFormatter(lambda value, _: decimal(value)))
        pane.yaxis.set_minor_locator(NullLocator())

    def png(self) -> bytes:
        """Return the picture in 256 colours: some 50 KB, at most 200 KB."""
        from PIL import Image

        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", facecolor=self.theme.ground, pil_kwargs={"compress_level": 1})
        return _made_to_fit(Image.open(buffer).convert("RGB"))

    def _dress(self, pane: Axes) -> None:
        theme = self.theme
        pane.set_facecolor(theme.ground)
        pane.grid(visible=True, color=theme.grid, linewidth=0.8)
        pane.set_axisbelow(True)
        pane.tick_params(colors=theme.quiet, labelsize=SMALL, length=0)
        for side, spine in pane.spines.items():
            spine.set_visible(side == "bottom")
            spine.set_color(theme.quiet)
        pane.margins(x=0.01)


def dates(stamps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return ns UTC as matplotlib counts time: days since 1970."""
    return stamps / 86_400e9


def common_date(first: int, last: int) -> str:
    """Return the day, month, year or years that two instants, ns UTC, share; of many years nothing: ticks say them."""
    start, end = (str(np.datetime64(stamp, "ns").astype("datetime64[D]")) for stamp in (first, last))
    for shared in (10, 7, 4):
        if start[:shared] == end[:shared]:
            return start[:shared]
    return f"{start[:4]} to {end[:4]}" if last - first < _FEW_MONTHS else ""


def shortened(text: str, most: int) -> str:
    """Return `text` in at most so many characters, its middle left out where it has more."""
    if len(text) <= most:
        return text
    kept = most - len(" ... ")
    return f"{text[: kept - kept // 2]} ... {text[len(text) - kept // 2 :]}"


def _fit(text: Text, room: float) -> None:
    """Shorten a text until it takes at most so many pixels."""
    whole = plain(text.get_text())
    most = len(whole)
    text.set_text(whole)
    while most > _FEWEST and (width := text.get_window_extent().width) > room:
        most = max(_FEWEST, min(most - 1, int(most * room / width)))
        text.set_text(shortened(whole, most))


def spans_many_times(*lines: NDArray[np.float64]) -> bool:
    """Return whether values above 0 differ so much that only a logarithmic axis shows them all."""
    low, high = min(float(line.min()) for line in lines), max(float(line.max()) for line in lines)
    return low > 0 and high / low > _MANY_TIMES


def plain(text: str) -> str:
    """Return `text` with what the built-in font cannot draw replaced."""
    return "".join(letter if ord(letter) < 0x250 or letter in "−–·→" else "?" for letter in text)


def _made_to_fit(image: Image.Image) -> bytes:
    """Return the picture with a palette, and smaller if even that is too much: hosts and models pay by the byte."""
    while True:
        content = _encoded(_with_palette(image))
        if len(content) <= _MAX_BYTES:
            return content
        image = image.resize((image.width * 2 // 3, image.height * 2 // 3))


def _with_palette(image: Image.Image) -> Image.Image:
    """Return the picture in 256 colours, each of them one that it has."""
    from PIL.Image import Dither, Quantize

    # An octree keeps a colour that few pixels have, such as that of the best month; a median cut loses it.
    reduced = image.quantize(256, Quantize.FASTOCTREE, dither=Dither.NONE)
    # It mixes the colours of a leaf, which tints the ground: take the most frequent of them instead.
    red, green, blue = np.moveaxis(np.asarray(image, np.int64), 2, 0)
    pairs, counts = np.unique(np.asarray(reduced, np.int64) << 24 | red << 16 | green << 8 | blue, return_counts=True)
    palette = np.zeros((256, 3), np.uint8)
    for pair in pairs[np.argsort(counts, kind="stable")]:
        palette[pair >> 24] = (pair >> 16 & 255, pair >> 8 & 255, pair & 255)
    reduced.putpalette(palette.tobytes())
    return reduced


def _encoded(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
