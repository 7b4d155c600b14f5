"""The numbers of an operation read the same in a chart, a report, a page and a terminal."""

from __future__ import annotations

import pytest

from ktrdr_engine.metrics.wording import label, number, unit_of


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("total_return", -0.25941, "−25.94 %"),
        ("total_return", -0.0000004, "−0.00004 %"),
        ("test_accuracy", 0.5, "50.00 %"),
        ("current_pnl", -3.0, "−3.00"),
        ("current_pnl", -0.0, "0.00"),
        ("expectancy", -0.00123456, "−0.00123456"),
        ("final_value", 1_234_567.891, "1,234,567.89"),
        ("final_value", 1, "1.00"),
        ("final_value", 1e300, "1e+300"),
        ("total_trades", 12_345, "12,345"),
        ("max_drawdown_duration_days", 358.44, "358.4 days"),
        ("loss", 1.08329, "1.08329"),
        ("sharpe_ratio", -1.2345, "−1.2345"),
        ("sharpe_ratio", -0.0000123, "−0.0000123"),
        ("learning_rate", 0.00012345, "0.00012345"),
        ("commission", 0.00005, "0.005 %"),
        ("slippage", 0.00002, "0.002 %"),
        ("commission", 0.00125, "0.125 %"),
        ("commission", 0, "0.00 %"),
        ("entry_price", 7.5941234e-8, "0.0000000759412"),
    ],
)
def test_a_number_is_written_in_the_unit_of_its_name(name: str, value: float, text: str) -> None:
    assert number(name, value) == text


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
