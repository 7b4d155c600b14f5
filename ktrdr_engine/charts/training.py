"""A training over its epochs: losses, accuracies, and the epoch whose weights were kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.charts.canvas import SMALL, Canvas, shortened
from ktrdr_engine.charts.epochs import Epochs
from ktrdr_engine.charts.theme import Theme
from ktrdr_engine.charts.wording import sentence
from ktrdr_engine.fields import request_subject
from ktrdr_engine.number_format import decimal, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Curves = Mapping[str, NDArray[np.float64]]

_DOTTED: Final = 40  # epochs up to which each is a dot
_FEW: Final = 7
_LONGEST: Final = 40  # characters of one name among several
_WHEN: Final = {
    "train_loss": "train, during the epoch",
    "validation_loss": "validation, after it",
    "train_accuracy": "train, during the epoch",
    "validation_accuracy": "validation, after it",
}
"""What tells two curves apart that measure the same: on which rows, and when (while it learns, dropout is on)."""
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
    if len(epochs.epoch) <= _FEW:
        # Between so few a locator finds fractions, which are no epochs.
        canvas.panes[-1].set_xlim(epochs.epoch[0] - 0.5, epochs.epoch[-1] + 0.5)
        canvas.panes[-1].set_xticks(epochs.epoch)
    return canvas.png()


def describe(epochs: Epochs) -> str:
    """Return what the picture shows, in words: each curve's beginning, its best and its end."""
    curves = " ".join(words_on(named, epochs) for _, named in panes_of(epochs))
    parts = (sentence(_name(epochs), _facts(epochs)), curves, baseline_words(epochs))
    return " ".join(part for part in parts if part)


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
        ("Loss (class-weighted)", epochs.of("loss")),
        ("Accuracy", epochs.of("accuracy")),
    ]
    return [pane for pane in found if pane[1]] or [("Metrics", epochs.columns)]


def curve_name(name: str) -> str:
    """Return what a legend calls a curve."""
    return _WHEN.get(name, name.replace("_", " "))


def baseline_words(epochs: Epochs) -> str:
    """Return what accuracies have to be compared with; nothing where it is not known."""
    if epochs.baseline is None:
        return ""
    return sentence(
        f"always giving the most frequent label is right in {percent(epochs.baseline, 1)} of the validation rows"
    )


def _name(epochs: Epochs) -> str:
    about = request_subject(epochs.operation.metadata)
    strategy = about.get("strategy", epochs.operation.operation_id)
    market = " ".join(shortened(about[name], _LONGEST) for name in ("symbol", "timeframe") if name in about)
    return f"Training of {strategy}{f' on {market}' if market else ''}"


def _facts(epochs: Epochs) -> str:
    operation = epochs.operation
    state = "" if operation.status == "COMPLETED" else f"{operation.status.lower()}: what there is so far"
    best = f"best epoch {epochs.best}" if epochs.best is not None else ""
    count = int(epochs.epoch[-1])
    span = request_subject(operation.metadata).get("range", "")
    model = str((operation.results or {}).get("model_path") or "")
    return " · ".join(part for part in (span, f"{count} epoch{'s' * (count != 1)}", best, model, state) if part)


def _curves(canvas: Canvas, pane: Axes, label: str, curves: Curves, epochs: Epochs) -> None:
    theme = canvas.theme
    canvas.label(pane, label)
    colours = (theme.main, theme.loss, theme.other, theme.quiet)
    for row, (name, values) in enumerate(curves.items()):
        style: dict[str, Any] = {"color": colours[row % len(colours)], "linestyle": _DASHES[row % len(_DASHES)]}
        if len(values) <= _DOTTED:
            style |= {"marker": "o", "markersize": 3}
        pane.plot(epochs.epoch, values, label=curve_name(name), linewidth=1.5, **style)
    is_share = all(name.endswith("accuracy") for name in curves)
    if epochs.best is not None:
        # The legend of the accuracies has the baseline in its place.
        told = "" if is_share else f"best epoch {epochs.best}"
        pane.axvline(epochs.best, color=theme.ink, linewidth=1, linestyle=(0, (2, 2)), label=told)
    if is_share and epochs.baseline is not None:
        told = f"majority baseline {percent(epochs.baseline, 1)}"
        pane.axhline(epochs.baseline, color=theme.quiet, linewidth=1.2, linestyle=(0, (1, 1.5)), label=told)
    canvas.numbers(pane, unit="%" if is_share else "")
    canvas.legend(pane)


def _number(name: str, value: float) -> str:
    if value != value:
        return "unknown"
    return percent(float(value), 1) if name.endswith("accuracy") else decimal(float(value))
