"""Material for reports made up for tests."""

from __future__ import annotations

import re
from typing import Any

from ktrdr_engine.charts.gathering import Subject
from ktrdr_engine.charts.run import Run
from ktrdr_engine.operations.models import Operation
from ktrdr_engine.reports.gathering import Material
from ktrdr_engine.reports.origins import ModelPart, StrategyPart
from ktrdr_engine.reports.page import render
from tests.charts.material import operation, run

RESULTS: dict[str, Any] = {
    "total_return": 0.0234,
    "sharpe_ratio": None,
    "max_drawdown": 0.031,
    "total_trades": 40,
    "win_rate": 0.5,
    "final_value": 102_340.5,
    "model_relation": "out_of_sample",
    "notes": ["sharpe_ratio, sortino_ratio undefined: the daily returns do not vary."],
    "provenance": {"data_sha256": "abc", "library_versions": {"numpy": "2.4.6"}},
}


def material(
    of: Operation | None = None,
    drawn: Run | None = None,
    *,
    strategy: StrategyPart | None = None,
    model: ModelPart | None = None,
) -> Material:
    of = of or operation(results=RESULTS)
    return Material(Subject(of, drawn), strategy or StrategyPart(), model or ModelPart())


def page(*arguments: Any, **options: Any) -> str:
    """Return a page without Plotly's script, which is most of it."""
    text = render(material(*arguments, **options))
    return re.sub(r"<script>.*?</script>", "<script></script>", text, count=1, flags=re.DOTALL)


def whole() -> str:
    return page(operation(results=RESULTS), run(2_400, made=operation(results=RESULTS)))
