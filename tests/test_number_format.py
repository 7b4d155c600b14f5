"""No number is ever shown as zero unless it is zero."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrdr_engine.number_format import axis_label, decimal, exact, fixed, money, percent, plain, rate, shared_decimals

NUMBERS = st.floats(-1e300, 1e300)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123, "12 %"), (0.0234, "2.3 %"), (0.00123, "0.12 %"), (0.0, "0 %"), (-0.5, "−50 %"), (-0.0, "0 %"),
        (0.0000123, "0.0012 %"),
    ],
)  # fmt: skip
def test_a_share_has_the_decimals_that_its_size_asks_for(value: float, text: str) -> None:
    assert percent(value) == text


@pytest.mark.parametrize(("decimals", "text"), [(0, "−0.001 %"), (1, "−0.001 %"), (2, "−0.001 %")])
def test_a_percentage_is_never_rounded_to_zero(decimals: int, text: str) -> None:
    assert percent(-0.00001, decimals) == text


@given(NUMBERS, st.integers(0, 5), st.integers(1, 8))
def test_what_is_shown_is_the_number_to_its_significant_digits(value: float, at_least: int, significant: int) -> None:
    text = decimal(value, at_least, significant)
    shown = float(text.replace("−", "-").replace(",", ""))
    assert math.isclose(shown, value, rel_tol=0.5 * 10.0 ** (1 - significant) * (1 + 1e-9))
    assert (shown == 0) == (value == 0)
    assert text.startswith("−") == (value < 0)


@given(NUMBERS, st.integers(0, 8))
def test_a_number_of_a_column_is_never_minus_zero_nor_lost(value: float, decimals: int) -> None:
    shown = float(fixed(value, decimals).replace("−", "-").replace(",", ""))
    assert (shown == 0) == (value == 0)
    assert fixed(value, decimals).startswith("−") == (value < 0)


@given(NUMBERS)
def test_a_number_of_a_text_for_programs_is_one_they_can_read(value: float) -> None:
    assert float(plain(value)) == pytest.approx(value, rel=5.1e-6)
    assert re.fullmatch(r"-?[0-9.]+(e[+-][0-9]+)?", plain(value))


def test_a_small_number_is_written_out_where_a_reader_can_count_its_zeros() -> None:
    assert plain(5e-05) == "0.00005"
    assert plain(1e-9) == "0.000000001"
    assert plain(1.5e-12) == "1.5e-12"
    assert rate(0.00002) == "0.002 %"


def test_prices_of_one_column_share_the_decimals_that_the_smallest_needs() -> None:
    tiny = [7.594123e-8, 1.2e-7, None, math.nan]
    assert [fixed(value, shared_decimals(tiny)) for value in tiny[:2] if value] == [
        "0.0000000759412",
        "0.0000001200000",
    ]
    assert shared_decimals([118_268.434567, 99_000.5]) == 2
    assert shared_decimals([1.12345, 1.1]) == 5
    assert shared_decimals([]) == 2


@pytest.mark.parametrize(
    ("ticks", "unit", "labels"),
    [
        ([0.0, 0.5, 1.0], "", ["0.0", "0.5", "1.0"]),
        ([-0.0025, 0.0, 0.0025], "%", ["−0.25 %", "0.00 %", "0.25 %"]),
        ([0.0, 25.0, 50.0], "", ["0", "25", "50"]),
        ([7.25e-8, 7.5e-8, 7.75e-8], "", ["0.0000000725", "0.0000000750", "0.0000000775"]),
        ([-2e-7, 0.0, 2e-7], "%", ["−0.00002 %", "0.00000 %", "0.00002 %"]),
        ([10_000.0, 20_000.0], "", ["10,000", "20,000"]),
        ([1e-12, 2e-12], "", ["1e−12", "2e−12"]),
        ([0.1, 0.2, 0.30000000000000004], "", ["0.1", "0.2", "0.3"]),
        ([-0.2, -0.1, -2.7e-17, 0.1], "", ["−0.2", "−0.1", "0.0", "0.1"]),
        ([3.0], "", ["3"]),
        ([], "", []),
    ],
)
def test_numbers_along_an_axis_have_the_decimals_that_tell_them_apart(
    ticks: list[float], unit: str, labels: list[str]
) -> None:
    assert [axis_label(tick, ticks, "%" if unit else "") for tick in ticks] == labels


@pytest.mark.parametrize(
    ("value", "text"),
    [(10_000.0, "10,000"), (12_345.678, "12,345.68"), (0.0123, "0.0123"), (-0.5, "−0.50"), (1e16, "1e+16")],
)
def test_an_amount_in_a_sentence_has_decimals_only_where_it_is_not_whole(value: float, text: str) -> None:
    assert money(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_an_exact_number_reads_back_as_itself(value: float) -> None:
    assert float(exact(value)) == value


@pytest.mark.parametrize(
    ("value", "text"), [(5e-05, "0.00005"), (1234567.891, "1234567.891"), (100.0, "100"), (-0.0, "0"), (1e22, "1e+22")]
)
def test_an_exact_number_is_written_out_where_a_reader_can_count_its_zeros(value: float, text: str) -> None:
    assert exact(value) == text
