"""Curves as SVG geometry: points in, path texts and labels out. The template draws; nothing here knows HTML.

The drawing stretches with the page, so labels are not part of it: they stand beside it as text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from ktrdr_mcp.dashboard.figures import figure, moment

WIDTH: Final = 1000
HEIGHT: Final = 300
COLUMNS: Final = 500
"""Pixel columns that a curve is kept sharp for."""

_MARGIN: Final = 6
_FEW_DAYS: Final = 5 * 86_400  # seconds within which a date alone would not tell three places apart
_DATE, _DATE_AND_TIME = slice(10), slice(16)


class Point(NamedTuple):
    """A value at a place on the axis: seconds since 1970, or an epoch's number."""

    place: float
    value: float


@dataclass(frozen=True, slots=True)
class Line:
    """One curve.

    Attributes:
        name: What the legend calls it.
        points: In order of their place.
    """

    name: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Chart:
    """What a template needs to draw lines.

    Attributes:
        title: Its heading.
        paths: (name, points of a polyline), one a line.
        base: Height of the dashed line, None without one.
        levels: Labels of the value axis: highest, middle, lowest.
        places: Labels of the other axis: first, middle, last.
        summary: The same in a sentence, for who cannot see it.
    """

    title: str
    paths: tuple[tuple[str, str], ...]
    base: float | None
    levels: tuple[str, str, str]
    places: tuple[str, str, str]
    summary: str


def draw(
    title: str, lines: Iterable[Line], *, unit: str, base: float | None = None, dated: bool = True
) -> Chart | None:
    """Return the chart of the lines that have at least two points; None without any.

    Args:
        title: Its heading.
        lines: What to draw, on common axes.
        unit: A name of a number with that unit, for the labels.
        base: A value to compare with, drawn as a dashed line.
        dated: Whether places are times.
    """
    drawn = [line for line in lines if len(line.points) > 1]
    if not drawn:
        return None
    values = [point.value for line in drawn for point in line.points] + ([] if base is None else [base])
    first = min(line.points[0].place for line in drawn)
    last = max(line.points[-1].place for line in drawn)
    low, high = _range(values)
    across, up = _Scale(first, last, 0, WIDTH), _Scale(low, high, HEIGHT - _MARGIN, _MARGIN)
    shown = _DATE if last - first > _FEW_DAYS else _DATE_AND_TIME
    places = _once([_place(place, shown if dated else None) for place in (first, (first + last) / 2, last)])
    levels = [figure(unit, float(level)) for level in (high, (low + high) / 2, low)]
    return Chart(
        title,
        tuple((line.name, _path(line.points, across, up)) for line in drawn),
        None if base is None else round(up.at(base), 1),
        (levels[0], levels[1], levels[2]),
        (places[0], places[1], places[2]),
        _summary(title, drawn, unit, places),
    )


def points_of(rows: Sequence[Mapping[str, Any]], value: str, place: str = "timestamp") -> list[Point]:
    """Return the points of a history; rows without a finite value are left out."""
    points = []
    for index, row in enumerate(rows):
        number = row.get(value)
        if isinstance(number, int | float) and math.isfinite(number):
            points.append(Point(_coordinate(row.get(place), index), float(number)))
    return points


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Return the lowest and the highest value; of values that are all the same a little room around them."""
    low, high = min(values), max(values)
    room = 0.0 if low < high else abs(low) / 100 or 1.0
    return low - room, high + room


class _Scale:
    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self._low, self._span = low, (high - low) or 1.0
        self._start, self._length = start, end - start

    def at(self, value: float) -> float:
        return self._start + (value - self._low) / self._span * self._length


def _path(points: Sequence[Point], across: _Scale, up: _Scale) -> str:
    return " ".join(f"{across.at(point.place):.1f},{up.at(point.value):.1f}" for point in _thinned(points))


def _thinned(points: Sequence[Point]) -> Iterator[Point]:
    """Yield so many points as can be told apart, the extremes among them."""
    import numpy as np

    from ktrdr_engine.charts.decimation import extremes

    yield from (points[at] for at in extremes(np.array([point.value for point in points]), COLUMNS))


def _coordinate(place: object, index: int) -> float:
    if isinstance(place, str):
        return datetime.fromisoformat(place).timestamp()
    return float(place) if isinstance(place, int | float) else float(index)


def _place(place: float, shown: slice | None) -> str:
    """Return the label of a place: that part of its time, or the number of an epoch, nothing between two of them."""
    if shown is None:
        return f"{place:,.0f}" if place == round(place) else ""
    return moment(datetime.fromtimestamp(place, tz=UTC))[shown]


def _once(labels: Sequence[str]) -> list[str]:
    """Return the labels of an axis, a repeated one left out."""
    return [label if label not in labels[:index] else "" for index, label in enumerate(labels)]


def _summary(title: str, lines: Sequence[Line], unit: str, places: Sequence[str]) -> str:
    ends = "; ".join(
        f"{line.name} from {figure(unit, line.points[0].value)} to {figure(unit, line.points[-1].value)}"
        for line in lines
    )
    return f"{title}, {' to '.join(place for place in (places[0], places[2]) if place)}: {ends}."
