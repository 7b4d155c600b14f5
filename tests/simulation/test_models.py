from __future__ import annotations

import math

import numpy as np
import pytest

from ktrdr_engine.errors import EngineError, InvalidRequest
from ktrdr_engine.simulation.models import ExitReason, SimulationRules
from ktrdr_engine.simulation.simulator import simulate
from tests.simulation.markets import FREE, bars, flat_bars


def test_exit_reasons_have_the_words_clients_see() -> None:
    words = [reason.word for reason in ExitReason]
    assert words == ["signal", "stop_loss", "take_profit", "trailing_stop", "end_of_data"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("initial_capital", 0.0),
        ("initial_capital", -5.0),
        ("initial_capital", math.inf),
        ("commission", 1.5),
        ("commission", -0.001),
        ("slippage", 1.0),
        ("slippage", math.nan),
        ("position_fraction", 0.0),
        ("position_fraction", 1.01),
        ("stop_loss", 0.0),
        ("stop_loss", 1.0),
        ("take_profit", -0.1),
        ("take_profit", math.nan),
        ("trailing_stop", 1.2),
        ("min_signal_separation", -1),
    ],
)
def test_a_rule_out_of_range_is_refused_by_name_and_value(field: str, value: float) -> None:
    arguments: dict[str, float] = {"initial_capital": 1000.0, "commission": 0.0, "slippage": 0.0, field: value}
    with pytest.raises(InvalidRequest, match=rf"{field}={value!r} must be"):
        SimulationRules(**arguments)  # type: ignore[arg-type]  # the point of the test


def test_all_wrong_rules_are_named_at_once() -> None:
    with pytest.raises(InvalidRequest, match=r"initial_capital.*commission.*stop_loss"):
        SimulationRules(0.0, 2.0, 0.0, stop_loss=3.0)


def test_prices_of_another_type_or_shape_are_refused() -> None:
    codes = np.ones(2, np.int8)
    unaligned = np.zeros(81, np.uint8)[1:].view(np.float64).reshape(5, 2)
    for prices in (np.ones((5, 2), np.float32), np.ones((4, 2)), np.ones((2, 5)).T, np.ones(10), np.ones(5), unaligned):
        with pytest.raises(InvalidRequest, match="Prices must be"):
            simulate(prices, codes, FREE)  # type: ignore[arg-type]  # the point of the test


def test_codes_of_another_type_or_length_are_refused() -> None:
    prices = flat_bars(1, 1)
    for codes in (np.ones(2, np.int64), np.ones(3, np.int8), np.ones((2, 1), np.int8), np.ones(4, np.int8)[::2]):
        with pytest.raises(InvalidRequest, match="Codes must be contiguous"):
            simulate(prices, codes, FREE)  # type: ignore[arg-type]  # the point of the test


@pytest.mark.parametrize("code", [3, -1, 127])
def test_a_code_that_means_nothing_is_refused(code: int) -> None:
    with pytest.raises(InvalidRequest, match="another one is among them"):
        simulate(flat_bars(1, 1), np.array([1, code], np.int8), FREE)


@pytest.mark.parametrize("start", [-1, 3])
def test_a_start_outside_the_data_is_refused(start: int) -> None:
    with pytest.raises(InvalidRequest, match=f"start={start}"):
        simulate(flat_bars(1, 1), np.ones(2, np.int8), FREE, start=start)


def test_an_equity_beyond_all_numbers_is_an_error_not_a_result() -> None:
    tiny, huge = 5e-324, 1e300
    prices = bars((tiny, tiny, tiny, tiny), (tiny, tiny, tiny, tiny), (huge, huge, huge, huge))
    with pytest.raises(EngineError, match="left the range of numbers"):
        simulate(prices, np.array([0, 1, 1], np.int8), FREE)


def test_results_cannot_be_written_to() -> None:
    simulation = simulate(flat_bars(10, 10, 10), np.array([0, 2, 1], np.int8), FREE)
    with pytest.raises(ValueError, match="read-only"):
        simulation.equity[0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        simulation.trades.net_pnl[0] = 1.0


def test_read_only_prices_are_accepted() -> None:
    prices, codes = flat_bars(10, 10, 10), np.array([0, 2, 1], np.int8)
    prices.flags.writeable = codes.flags.writeable = False
    assert simulate(prices, codes, FREE).final_value == 1000.0
