"""The words about the numbers and the numbers themselves belong together."""

from __future__ import annotations

from ktrdr_engine.backtesting.models import BacktestResults
from ktrdr_engine.metrics.definitions import DEFINITIONS

_WORDS = {
    *("first_bar", "last_bar", "notes", "provenance", "partial", "market", "market_inferred", "tables"),
    *("model_relation", "model_beats_majority", "buy_and_hold_start"),
}


def test_every_number_of_the_results_is_defined_in_their_order() -> None:
    assert list(DEFINITIONS) == [name for name in BacktestResults.model_fields if name not in _WORDS]


def test_a_definition_says_when_a_number_that_may_be_null_is_null() -> None:
    for name, field in BacktestResults.model_fields.items():
        if name in DEFINITIONS and "None" not in str(field.annotation):
            assert not DEFINITIONS[name].undefined, name
    for name in ("sharpe_ratio", "calmar_ratio", "win_rate", "profit_factor"):
        assert DEFINITIONS[name].undefined


def test_every_definition_gives_a_formula() -> None:
    assert all(one.formula for one in DEFINITIONS.values())
