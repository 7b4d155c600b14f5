from __future__ import annotations

import math

import pytest

from ktrdr_engine.features.registry import INDICATORS, MEMBERSHIPS
from ktrdr_engine.features.specs import Problem

RSI = INDICATORS["rsi"]
MACD = INDICATORS["macd"]
BBANDS = INDICATORS["bbands"]
SAR = INDICATORS["parabolicsar"]
VWAP = INDICATORS["vwap"]


def test_good_parameters_have_no_problems() -> None:
    assert RSI.problems({"period": 14, "source": "high"}) == []
    assert BBANDS.problems({"multiplier": 2}) == []
    assert MACD.problems({}) == []


@pytest.mark.parametrize("value", [1, 1001, 0, -5, 14.0, 14.5, True, "14", None, [14], math.nan, math.inf, 10**400])
def test_a_period_that_is_no_whole_number_in_range_is_a_problem(value: object) -> None:
    assert RSI.problems({"period": value}) == [
        Problem(
            "period",
            value,
            "period must be a whole number from 2 to 1000",
            "Give a whole number from 2 to 1000; the default is 14.",
        )
    ]


@pytest.mark.parametrize("value", [0.0, 0.09, 10.1, math.nan, math.inf, -math.inf, False, "2"])
def test_a_multiplier_out_of_range_is_a_problem(value: object) -> None:
    (problem,) = BBANDS.problems({"multiplier": value})
    assert problem.problem == "multiplier must be a number from 0.1 to 10"


def test_the_ends_of_a_range_belong_to_it() -> None:
    for period in (2, 1000):
        assert RSI.problems({"period": period}) == []
    for multiplier in (0.1, 10):
        assert BBANDS.problems({"multiplier": multiplier}) == []


@pytest.mark.parametrize(("value", "hint"), [("clos", " Did you mean 'close'"), (7, "the default is close.")])
def test_a_choice_that_is_not_offered_is_a_problem(value: object, hint: str) -> None:
    (problem,) = RSI.problems({"source": value})
    assert problem.problem == "source must be one of open, high, low, close"
    assert hint in problem.repair


@pytest.mark.parametrize("value", [1, 0, "true", None, 1.0])
def test_only_true_and_false_are_yes_or_no(value: object) -> None:
    assert VWAP.problems({"use_typical_price": False}) == []
    (problem,) = VWAP.problems({"use_typical_price": value})
    assert problem.problem == "use_typical_price must be true or false"
    assert problem.repair == "Give true or false; the default is true."


def test_an_unknown_parameter_is_a_problem_and_the_nearest_is_offered() -> None:
    (problem,) = RSI.problems({"perido": 14})
    assert problem.parameter == "perido"
    assert problem.problem == "rsi has no parameter 'perido'"
    assert problem.repair == "Did you mean 'period'?"


def test_an_indicator_without_parameters_says_so() -> None:
    (problem,) = INDICATORS["obv"].problems({"period": 3})
    assert problem.repair == "It takes no parameters: leave this one out."


def test_all_problems_are_found_at_once() -> None:
    found = MACD.problems({"fast": 3, "signal_period": 0, "source": 1})
    assert [problem.parameter for problem in found] == ["fast", "signal_period", "source"]


@pytest.mark.parametrize("fast", [26, 27])
def test_the_fast_average_must_be_faster_than_the_slow_one_also_by_default(fast: int) -> None:
    (problem,) = MACD.problems({"fast_period": fast})
    assert problem == Problem(
        None,
        {"fast_period": fast, "slow_period": 26},
        "fast_period must be smaller than slow_period",
        "Lower fast_period or raise slow_period.",
    )


def test_acceleration_may_start_at_its_end_but_not_beyond() -> None:
    assert SAR.problems({"initial_af": 0.2, "step_af": 0.2, "max_af": 0.2}) == []
    (problem,) = SAR.problems({"max_af": 0.01, "step_af": 0.005})
    assert problem.problem == "initial_af must not exceed max_af"


def test_defaults_are_filled_in_with_the_declared_kind() -> None:
    assert BBANDS.complete({"multiplier": 3}) == {"period": 20, "multiplier": 3.0, "source": "close"}
    assert isinstance(BBANDS.complete({"multiplier": 3})["multiplier"], float)


@pytest.mark.parametrize("output", ["line", "signal", "histogram"])
def test_an_output_is_known_by_name(output: str) -> None:
    assert MACD.output_problem(output) is None


def test_a_single_output_needs_no_name() -> None:
    assert RSI.output_problem(None) is None
    assert RSI.output_problem("value") is None


def test_several_outputs_need_a_name() -> None:
    problem = MACD.output_problem(None)
    assert problem is not None
    assert problem.repair == "Write <id>.<output>, one of: line, signal, histogram."


def test_an_unknown_output_is_a_problem() -> None:
    problem = MACD.output_problem("hist")
    assert problem is not None
    assert problem.problem == "macd has no output 'hist'"
    assert problem.repair.startswith("Its outputs: line, signal, histogram.")


@pytest.mark.parametrize(
    ("function", "numbers"),
    [
        ("triangular", [0, 20, 35]),
        ("triangular", [0, 0, 35]),
        ("triangular", [0, 35, 35]),
        ("trapezoidal", [0, 0, 1, 1]),
        ("trapezoidal", [-3, -2, -2, -1]),
        ("gaussian", [-0.002, 0.002]),
        ("sigmoid", [0, -5]),
    ],
)
def test_numbers_that_keep_the_rule_are_fine(function: str, numbers: list[float]) -> None:
    assert MEMBERSHIPS[function].problem(numbers) is None


@pytest.mark.parametrize(
    ("function", "numbers", "text"),
    [
        ("triangular", [30, 20, 40], "triangular needs a <= b <= c and a < c"),
        ("triangular", [20, 20, 20], "triangular needs a <= b <= c and a < c"),
        ("trapezoidal", [0, 2, 1, 3], "trapezoidal needs a <= b <= c <= d and a < d"),
        ("gaussian", [0, 0], "gaussian needs sigma > 0"),
        ("gaussian", [0, -1], "gaussian needs sigma > 0"),
        ("sigmoid", [50, 0], "sigmoid needs slope other than 0"),
        ("triangular", [1, 2], "triangular takes 3 numbers, not 2"),
        ("trapezoidal", [1, 2, 3], "trapezoidal takes 4 numbers, not 3"),
        ("gaussian", [], "gaussian takes 2 numbers, not 0"),
        ("triangular", [0, math.nan, 1], "triangular takes finite numbers only"),
        ("triangular", [0, 1, math.inf], "triangular takes finite numbers only"),
        ("triangular", [0, 1, 10**400], "triangular takes finite numbers only"),
        ("triangular", [0, "1", 2], "triangular takes finite numbers only"),
        ("triangular", [False, 1, 2], "triangular takes finite numbers only"),
    ],
)
def test_numbers_that_break_the_rule_are_a_problem(function: str, numbers: list[object], text: str) -> None:
    problem = MEMBERSHIPS[function].problem(numbers)
    assert problem is not None
    assert problem.problem == text
    assert problem.value == numbers
    assert f"for example {list(MEMBERSHIPS[function].example)}" in problem.repair
