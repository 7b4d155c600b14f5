"""One number reads the same in a chart, a report and a page."""

from __future__ import annotations

import pytest

from ktrdr_engine.metrics.wording import label, number, percent, unit_of


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("total_return", -0.25941, "−25.94 %"),
        ("test_accuracy", 0.5, "50.00 %"),
        ("current_pnl", -3.0, "−3.00"),
        ("final_value", 1_234_567.891, "1,234,567.89"),
        ("total_trades", 12_345, "12,345"),
        ("max_drawdown_duration_days", 358.44, "358.4 days"),
        ("train_loss", 1.08329, "1.083"),
        ("loss", 1.08329, "1.0833"),
        ("sharpe_ratio", -1.2345, "−1.234"),
        ("learning_rate", 0.00012345, "0.000123"),
    ],
)
def test_a_number_is_written_in_the_unit_of_its_name(name: str, value: float, text: str) -> None:
    assert number(name, value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.123, "12 %"), (0.0234, "2.3 %"), (0.00123, "0.12 %"), (0.0, "0 %"), (-0.5, "−50 %")],
)
def test_a_share_has_the_decimals_that_its_size_asks_for(value: float, text: str) -> None:
    assert percent(value) == text


def test_nothing_is_ever_minus_zero() -> None:
    assert percent(-0.00001, 1) == "0.0 %"


def test_a_plain_number_has_no_unit() -> None:
    assert unit_of("seed") is None
    assert unit_of("validation_majority_baseline") == "fraction"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("total_return", "Total return"),
        ("current_pnl", "Current P&L"),
        ("data_sha256", "Data SHA-256"),
        ("avg_win", "Average win"),
    ],
)
def test_a_key_is_read_as_words(name: str, words: str) -> None:
    assert label(name) == words
