"""Any chart of any operation: which kinds it can show, the picture, and the same in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from ktrdr_engine.charts import monthly, overview, trades, training
from ktrdr_engine.charts.gathering import Subject
from ktrdr_engine.charts.kinds import ChartKind
from ktrdr_engine.charts.run import Run
from ktrdr_engine.charts.theme import THEMES, Theme, ThemeName
from ktrdr_engine.errors import InvalidRequest, KtrdrError, NothingToShow

if TYPE_CHECKING:
    from ktrdr_engine.charts.epochs import Epochs


class Chart(NamedTuple):
    """A picture and what it shows.

    Attributes:
        png: In 256 colours, at most 200 KB.
        text: The same in words, its alternative text.
        kinds: What else can be shown of the operation, this one included.
    """

    png: bytes
    text: str
    kinds: tuple[ChartKind, ...]


class _OfRun(NamedTuple):
    draw: Callable[[Run, Theme], bytes]
    describe: Callable[[Run], str]


_OF_RUN: Final[dict[ChartKind, _OfRun]] = {
    "overview": _OfRun(overview.draw, overview.describe),
    "monthly": _OfRun(monthly.draw, monthly.describe),
    "trades": _OfRun(trades.draw, trades.describe),
}


def kinds_of(subject: Subject) -> tuple[ChartKind, ...]:
    """Return the kinds of charts that there is material for."""
    run, epochs = subject.run, subject.epochs
    there: dict[ChartKind, bool] = {
        "overview": run is not None,
        "monthly": run is not None,
        "trades": run is not None and len(run.trades) > 0,
        "training": epochs is not None,
    }
    return tuple(kind for kind, is_there in there.items() if is_there)


def draw(subject: Subject, kind: ChartKind, theme: ThemeName) -> Chart:
    """Draw one chart; may take a second, so call it in a thread.

    Raises:
        InvalidRequest: The operation has nothing for this kind; the message names what it has.
        NothingToShow: It has nothing for any kind, or not yet.
    """
    kinds = kinds_of(subject)
    if kind not in kinds:
        raise _nothing_for(subject, kind, kinds)
    colours = THEMES[theme]
    if subject.run is not None and kind in _OF_RUN:
        png, text = _OF_RUN[kind].draw(subject.run, colours), _OF_RUN[kind].describe(subject.run)
    else:
        epochs = cast("Epochs", subject.epochs)
        png, text = training.draw(epochs, colours), training.describe(epochs)
    return Chart(png, text, kinds)


def _nothing_for(subject: Subject, kind: ChartKind, kinds: tuple[ChartKind, ...]) -> KtrdrError:
    operation = subject.operation
    what = f"{operation.operation_id} ({operation.operation_type}, {operation.status})"
    details = {"field": "kind", "value": kind, "known": list(kinds)}
    if kinds:
        why = "no trade was closed; " if kind == "trades" and subject.run is not None else ""
        return InvalidRequest(
            f"{what} has nothing for kind={kind!r}: {why}it can show {', '.join(kinds)}.", details=details
        )
    later = "" if operation.status.is_final else " yet"
    return NothingToShow(f"{what} has nothing for kind={kind!r}: it can show no chart{later}.", details=details)
