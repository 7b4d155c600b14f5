from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ktrdr_engine.metrics.definitions import DEFINITIONS
from ktrdr_engine.metrics.wording import label
from ktrdr_engine.operations.models import OperationType
from ktrdr_mcp.dashboard.figures import figure, kind, moment, subject, tone


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("total_return", -0.25941, "−25.94 %"),
        ("final_value", 1_234_567.891, "1,234,567.89"),
        ("current_pnl", -3.0, "−3.00"),
        ("total_trades", 12_345, "12,345"),
        ("sharpe_ratio", 1.2345, "1.2345"),
        ("sharpe_ratio", 0.012345, "0.012345"),
        ("max_drawdown_duration_days", 358.4, "358.4 days"),
        ("loss", 1.08329, "1.08329"),
        ("sortino_ratio", None, "–"),
        ("partial", True, "yes"),
        ("partial", False, "no"),
        ("first_bar", "2017-01-02T14:00:00Z", "2017-01-02 14:00"),
        ("symbol", "EURUSD", "EURUSD"),
    ],
)
def test_a_value_is_shown_with_its_unit(name: str, value: object, shown: str) -> None:
    assert figure(name, value) == shown


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_number_of_a_run_has_a_figure(name: str) -> None:
    assert figure(name, 0.5)
    assert label(name)[0].isupper()


def test_only_gains_and_losses_have_a_tone() -> None:
    assert [tone("total_return", value) for value in (0.1, -0.1, 0.0, None)] == ["gain", "loss", "", ""]
    assert tone("max_drawdown", 0.3) == ""


def test_words_are_those_of_people() -> None:
    assert label("current_pnl") == "Current P&L"
    assert label("data_sha256") == "Data SHA-256"
    assert kind(OperationType.DATA_LOADING) == "Data loading"
    assert moment(datetime(2026, 11, 25, 9, 5, tzinfo=UTC)) == "2026-11-25 09:05"
    assert moment(None) == "–"


def test_a_subject_is_what_the_request_names() -> None:
    whole = {"symbol": "EURUSD", "timeframe": "1h", "strategy_config_path": "strategies/rsi.yaml"}
    assert subject(whole) == "EURUSD 1h · rsi"
    assert subject({"strategy_config_path": "rsi.yaml"}) == "rsi"
    assert subject({"symbols": ["AAPL", "MSFT"], "timeframes": ["1d"]}) == "AAPL, MSFT 1d"
    assert subject({}) == ""
