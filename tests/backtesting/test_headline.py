from __future__ import annotations

from typing import Any

import pytest

from ktrdr_engine.backtesting.service import BacktestingService


@pytest.mark.parametrize(
    ("results", "line"),
    [
        ({"total_return": 0.0234, "sharpe_ratio": 1.256, "total_trades": 9}, "return +2.34 %, Sharpe 1.26, 9 trades"),
        ({"total_return": None, "sharpe_ratio": None, "total_trades": 0}, "0 trades"),
        ({"total_return": 0.01, "sharpe_ratio": None, "total_trades": 1}, "return +1.00 %, 1 trade"),
        ({"answer": 42}, None),
    ],
)
def test_results_have_a_line_unless_they_are_those_of_something_else(results: dict[str, Any], line: str | None) -> None:
    assert BacktestingService.headline(results) == line
