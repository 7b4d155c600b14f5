from __future__ import annotations

import json
import math

import pytest

from ktrdr_engine.backtesting.models import BacktestRequest
from ktrdr_engine.errors import InvalidRequest

GOOD = {
    "symbol": "EURUSD",
    "timeframe": "1h",
    "strategy_config_path": "strategies/rsi_mean_reversion.yaml",
    "start_date": "2017-01-02",
    "end_date": "2017-12-29",
}
DAY = 86_400_000_000_000


def test_the_request_model_owns_the_defaults() -> None:
    request = BacktestRequest.parse(GOOD)
    assert (request.initial_capital, request.commission, request.slippage) == (100_000.0, 0.001, 0.001)
    assert request.model_path is None


def test_an_end_date_without_a_time_includes_its_whole_day() -> None:
    first, last = BacktestRequest.parse(GOOD | {"start_date": "2017-01-02", "end_date": "2017-01-02"}).range_ns()
    assert last - first == DAY - 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"initial_capital": 0}, "initial_capital=0"),
        ({"initial_capital": -5}, "initial_capital=-5"),
        ({"initial_capital": math.nan}, "initial_capital=nan"),
        ({"initial_capital": math.inf}, "initial_capital=inf"),
        ({"initial_capital": True}, "initial_capital=true"),
        ({"commission": 1.5}, "0.001 means 0.1 %"),
        ({"commission": -0.1}, "commission=-0.1"),
        ({"slippage": math.nan}, "slippage=nan"),
        ({"symbol": "../etc/passwd"}, "symbol='../etc/passwd'"),
        ({"symbol": ""}, "symbol=''"),
        ({"startdate": "2017-01-01"}, "Did you mean 'start_date'?"),
        ({"start_date": None}, "start_date=null"),
    ],
)
def test_a_wrong_argument_is_named_with_its_value(change: dict[str, object], expected: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        BacktestRequest.parse(GOOD | change)
    assert expected in str(caught.value)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(InvalidRequest) as caught:
        BacktestRequest.parse({"symbol": "EURUSD", "commission": 2, "slippage": -1})
    fields = {mistake["field"] for mistake in caught.value.details["errors"]}
    assert fields == {"timeframe", "strategy_config_path", "start_date", "end_date", "commission", "slippage"}


@pytest.mark.parametrize(
    "wrong", [{f"name_{n}": n for n in range(80_000)}, {"symbol": "x" * 900_000}, {"y" * 900_000: 1}]
)
def test_a_refusal_is_short_however_long_the_request(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        BacktestRequest.parse(GOOD | wrong)
    assert len(caught.value.message) < 5_000
    assert len(json.dumps(caught.value.details)) < 10_000


def test_inverted_dates_say_so() -> None:
    request = BacktestRequest.parse(GOOD | {"start_date": "2017-06-01", "end_date": "2017-05-31"})
    with pytest.raises(InvalidRequest, match="before start_date"):
        request.range_ns()


def test_an_unreadable_date_shows_how_one_is_written() -> None:
    with pytest.raises(InvalidRequest, match="YYYY-MM-DD"):
        BacktestRequest.parse(GOOD | {"end_date": "yesterday"}).range_ns()
