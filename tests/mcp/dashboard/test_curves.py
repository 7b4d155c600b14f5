from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ktrdr_mcp.dashboard.curves import COLUMNS, HEIGHT, WIDTH, Line, Point, draw, points_of

finite = st.floats(-1e9, 1e9)


def spots_of(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (spot.split(",") for spot in path.split())]


@example([0.0, 5e-324], 0.0)
@given(st.lists(finite, min_size=2, max_size=2_000), finite)
def test_a_curve_stays_in_its_picture_and_goes_from_left_to_right(values: list[float], base: float) -> None:
    line = Line("Equity", [Point(index, value) for index, value in enumerate(values)])
    chart = draw("Equity", [line], unit="pnl", base=base)
    assert chart is not None
    ((name, path),) = chart.paths
    spots = spots_of(path)
    assert name == "Equity"
    assert [x for x, _ in spots] == sorted(x for x, _ in spots)
    assert (spots[0][0], spots[-1][0]) == (0, WIDTH)
    assert all(0 <= y <= HEIGHT for _, y in spots)
    assert chart.base is not None
    assert 0 <= chart.base <= HEIGHT


def test_a_long_curve_is_thinned_and_keeps_its_extremes() -> None:
    values = [math.sin(index / 50) for index in range(20_000)]
    values[7_777], values[12_345] = 9.0, -9.0
    chart = draw("Equity", [Line("E", [Point(i, value) for i, value in enumerate(values)])], unit="pnl")
    assert chart is not None
    spots = spots_of(chart.paths[0][1])
    assert len(spots) <= 2 * COLUMNS + 2
    heights = [y for _, y in spots]
    assert (min(heights), max(heights)) == (6, HEIGHT - 6)


def test_two_lines_share_their_axes() -> None:
    early, late = Line("A", [Point(0, 0), Point(100, 1)]), Line("B", [Point(50, -1), Point(200, 0)])
    chart = draw("Return", [early, late], unit="total_return", base=0.0, dated=False)
    assert chart is not None
    first, second = (spots_of(path) for _, path in chart.paths)
    assert first == [(0.0, 150.0), (500.0, 6.0)]
    assert second == [(250.0, 294.0), (1000.0, 150.0)]
    assert chart.levels == ("100.00 %", "0.00 %", "−100.00 %")
    assert chart.places == ("0", "100", "200")
    assert "A from 0.00 % to 100.00 %" in chart.summary


@pytest.mark.parametrize(("days", "last"), [(365, "2020-01-01"), (1, "2019-01-02 00:00")])
def test_places_within_a_few_days_are_told_apart_by_their_time(days: int, last: str) -> None:
    begin = datetime(2019, 1, 1, tzinfo=UTC).timestamp()
    chart = draw("Equity", [Line("A", [Point(begin, 1), Point(begin + days * 86_400, 2)])], unit="pnl")
    assert chart is not None
    assert chart.places[2] == last
    assert len(set(chart.places)) == 3


def test_fewer_than_two_points_are_no_curve() -> None:
    assert draw("Equity", [Line("E", [Point(0, 1)])], unit="pnl") is None
    assert draw("Equity", [], unit="pnl") is None


def test_points_come_from_rows_with_a_finite_value() -> None:
    rows: list[dict[str, object]] = [
        {"timestamp": "1970-01-01T00:01:00Z", "pnl": 1},
        {"timestamp": "1970-01-01T00:02:00Z", "pnl": None},
        {"timestamp": "1970-01-01T00:03:00Z", "pnl": math.inf},
        {"pnl": 2.5},
    ]
    assert points_of(rows, "pnl") == [Point(60, 1), Point(3, 2.5)]
    assert points_of([{"epoch": 4, "loss": 0.5}], "loss", "epoch") == [Point(4, 0.5)]


def test_a_curve_that_never_moves_lies_in_the_middle_between_labels_that_differ() -> None:
    chart = draw("Equity", [Line("Equity", [Point(0, 100.0), Point(60, 100.0)])], unit="pnl", base=100.0)
    assert chart is not None
    assert chart.base == HEIGHT / 2
    assert len(set(chart.levels)) == 3
