from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrdr_engine.errors import StrategyError
from ktrdr_engine.features.fuzzy import membership
from ktrdr_engine.features.registry import MEMBERSHIPS

NUMBERS = st.floats(-1e9, 1e9)
VALUES = st.floats(allow_nan=True, allow_infinity=True)


@st.composite
def sets(draw: st.DrawFn) -> tuple[str, tuple[float, ...]]:
    """Draw a membership function with numbers that keep its rule, corners that meet included."""
    function = draw(st.sampled_from(list(MEMBERSHIPS)))
    spec = MEMBERSHIPS[function]
    corners = st.one_of(NUMBERS, st.integers(-3, 3).map(float))
    drawn = draw(st.tuples(*[corners] * len(spec.parameters)))
    numbers = tuple(sorted(drawn)) if len(drawn) > 2 else (drawn[0], abs(drawn[1]))
    return (function, numbers) if spec.problem(numbers) is None else (function, spec.example)


@given(sets(), st.lists(VALUES, min_size=1, max_size=40))
def test_a_degree_is_from_0_to_1_and_nan_only_for_nan(fuzzy: tuple[str, tuple[float, ...]], xs: list[float]) -> None:
    values = np.array(xs)
    degrees = membership(fuzzy[0], values, fuzzy[1])
    np.testing.assert_array_equal(np.isnan(degrees), np.isnan(values))
    known = degrees[~np.isnan(degrees)]
    assert ((known >= 0) & (known <= 1)).all()


@given(sets(), st.lists(VALUES, min_size=1, max_size=40))
def test_a_number_and_an_array_have_the_same_degree(fuzzy: tuple[str, tuple[float, ...]], xs: list[float]) -> None:
    degrees = membership(fuzzy[0], np.array(xs), fuzzy[1])
    one_by_one = [membership(fuzzy[0], x, fuzzy[1]) for x in xs]
    assert all(isinstance(degree, float) for degree in one_by_one)
    np.testing.assert_array_equal(degrees.view(np.int64), np.array(one_by_one).view(np.int64))


@given(sets().filter(lambda fuzzy: fuzzy[0] in ("triangular", "trapezoidal")))
def test_the_inner_corners_are_1_and_the_outer_ones_0_unless_they_meet(fuzzy: tuple[str, tuple[float, ...]]) -> None:
    function, numbers = fuzzy
    for inner in numbers[1:-1]:
        assert membership(function, inner, numbers) == 1
    for outer, inner in ((numbers[0], numbers[1]), (numbers[-1], numbers[-2])):
        assert membership(function, outer, numbers) == (1 if outer == inner else 0)
    assert membership(function, math.nextafter(numbers[0], -math.inf), numbers) == 0
    assert membership(function, math.nextafter(numbers[-1], math.inf), numbers) == 0


@pytest.mark.parametrize(
    ("function", "numbers", "x", "degree"),
    [
        ("triangular", (0, 20, 35), 10, 0.5),
        ("triangular", (0, 20, 35), 27.5, 0.5),
        ("triangular", (0, 0, 40), 0, 1),
        ("triangular", (0, 0, 40), 10, 0.75),
        ("triangular", (60, 100, 100), 100, 1),
        ("triangular", (60, 100, 100), 101, 0),
        ("trapezoidal", (0, 10, 20, 40), 15, 1),
        ("trapezoidal", (0, 10, 20, 40), 30, 0.5),
        ("trapezoidal", (0, 0, 1, 1), 0.5, 1),
        ("gaussian", (5, 2), 5, 1),
        ("gaussian", (5, 2), 7, math.exp(-0.5)),
        ("gaussian", (5, 2), 3, math.exp(-0.5)),
        ("sigmoid", (50, 0.2), 50, 0.5),
        ("sigmoid", (50, 0.2), 60, 1 / (1 + math.exp(-2))),
        ("sigmoid", (50, -0.2), 60, 1 / (1 + math.exp(2))),
        ("sigmoid", (50, 0.2), 1e9, 1),
        ("sigmoid", (50, 0.2), -1e9, 0),
    ],
)
def test_degrees_by_hand(function: str, numbers: tuple[float, ...], x: float, degree: float) -> None:
    assert membership(function, x, numbers) == pytest.approx(degree, abs=1e-15)


def test_an_array_keeps_its_shape() -> None:
    assert membership("gaussian", np.zeros((3, 2)), (0, 1)).shape == (3, 2)
    assert membership("triangular", np.empty(0), (0, 1, 2)).shape == (0,)


def test_an_unknown_function_is_refused_with_the_nearest() -> None:
    with pytest.raises(StrategyError, match=r"No membership function 'triangle'\. Did you mean 'triangular'"):
        membership("triangle", 1, (0, 1, 2))


def test_numbers_that_break_the_rule_are_refused() -> None:
    with pytest.raises(StrategyError, match=r"triangular needs a <= b <= c and a < c\. Give") as caught:
        membership("triangular", 1, (2, 1, 0))
    assert caught.value.details == {"value": [2, 1, 0]}
