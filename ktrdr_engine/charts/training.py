"""A training over its epochs: losses, accuracies, and the epoch whose weights were kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.charts.canvas import SMALL, Canvas
from ktrdr_engine.charts.epochs import Epochs
from ktrdr_engine.charts.theme import Theme
from ktrdr_engine.charts.wording import sentence
from ktrdr_engine.metrics.wording import decimal, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Curves = Mapping[str, NDArray[np.float64]]

_DOTTED: Final = 40  # epochs up to which each is a dot
_DASHES: Final = ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))


def draw(epochs: Epochs, theme: Theme) -> bytes:
    """Return the picture as PNG: a pane for losses, one for accuracies; of other numbers one if there are no such."""
    panes = panes_of(epochs)
    canvas = Canvas(theme, 240 + 330 * len(panes), [1] * len(panes), share_x=True)
    canvas.head(_name(epochs), _facts(epochs))
    for pane, (label, curves) in zip(canvas.panes, panes, strict=True):
        _curves(canvas, pane, label, curves, epochs)
    canvas.panes[-1].set_xlabel("epoch", color=theme.quiet, fontsize=SMALL, loc="right", labelpad=1)
    canvas.numbers(canvas.panes[-1], axis="x", whole=True)
    return canvas.png()


def describe(epochs: Epochs) -> str:
    """Return what the picture shows, in words: each curve's beginning, its best and its end."""
    curves = " ".join(words_on(named, epochs) for _, named in panes_of(epochs))
    return f"{sentence(_name(epochs), _facts(epochs))} {curves}"


def words_on(curves: Curves, epochs: Epochs) -> str:
    """Return where each curve begins, where it ends, and where it was in the best epoch."""
    return sentence(*(_words_on(name, values, epochs) for name, values in curves.items()))


def _words_on(name: str, values: NDArray[np.float64], epochs: Epochs) -> str:
    words = f"{name.replace('_', ' ')} {_number(name, values[0])} to {_number(name, values[-1])}"
    best = values[epochs.epoch == epochs.best]
    return f"{words}, {_number(name, best[0])} in the best epoch" if len(best) else words


def panes_of(epochs: Epochs) -> list[tuple[str, Curves]]:
    """Return what to draw, a pane each: a label and its curves."""
    found = [
        ("Loss (cross entropy)", epochs.of("loss")),
        ("Accuracy (share of rows)", epochs.of("accuracy")),
    ]
    return [pane for pane in found if pane[1]] or [("Metrics", epochs.columns)]


def _name(epochs: Epochs) -> str:
    operation = epochs.operation
    strategy = str(operation.metadata.get("strategy_config_path") or operation.operation_id)
    return f"Training of {strategy.removeprefix('strategies/').removesuffix('.yaml')}"


def _facts(epochs: Epochs) -> str:
    status = epochs.operation.status
    state = "" if status == "COMPLETED" else f"{status.lower()}: what there is so far"
    best = f"best epoch {epochs.best}" if epochs.best is not None else ""
    count = int(epochs.epoch[-1])
    return " · ".join(part for part in (f"{count} epoch{'s' * (count != 1)}", best, state) if part)


def _curves(canvas: Canvas, pane: Axes, label: str, curves: Curves, epochs: Epochs) -> None:
    theme = canvas.theme
    canvas.label(pane, label)
    colours = (theme.main, theme.loss, theme.other, theme.quiet)
    for row, (name, values) in enumerate(curves.items()):
        style: dict[str, Any] = {"color": colours[row % len(colours)], "linestyle": _DASHES[row % len(_DASHES)]}
        if len(values) <= _DOTTED:
            style |= {"marker": "o", "markersize": 3}
        pane.plot(epochs.epoch, values, label=name.replace("_", " "), linewidth=1.5, **style)
    if epochs.best is not None:
        pane.axvline(
            epochs.best, color=theme.ink, linewidth=1, linestyle=(0, (2, 2)), label=f"best epoch {epochs.best}"
        )
    is_share = all(name.endswith("accuracy") for name in curves)
    canvas.numbers(pane, unit="%" if is_share else "")
    canvas.legend(pane)


def _number(name: str, value: float) -> str:
    if value != value:
        return "unknown"
    return percent(float(value), 1) if name.endswith("accuracy") else decimal(float(value))
