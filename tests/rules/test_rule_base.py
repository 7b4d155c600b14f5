from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrdr_engine.errors import OperationCancelled
from ktrdr_engine.features.matrix import FeatureMatrix
from ktrdr_engine.inference.metadata import CLASSES
from ktrdr_engine.rules.conditions import SIGNALS, And, Condition, Is, Not, Or, Rule, Signal
from ktrdr_engine.rules.rule_base import RuleBase
from ktrdr_engine.simulation.models import BUY, HOLD, SELL
from tests.rules.degrees import PLAN, matrix, random_matrix, rule_base

TERMS = st.builds(
    Is, st.sampled_from("abc"), st.sampled_from(["low", "high"]), st.sampled_from([None, "1h"])
) | st.builds(Is, st.just("a"), st.sampled_from(["low", "high"]), st.just("4h"))


def _several(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    many = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, inner), st.builds(And, many), st.builds(Or, many))


RULES = st.builds(
    Rule,
    st.recursive(TERMS, _several, max_leaves=6),
    st.sampled_from(SIGNALS),
    st.sampled_from([1.0, 0.5]) | st.floats(0.01, 1),
)
BASES = st.builds(
    RuleBase,
    st.lists(RULES, min_size=1, max_size=5).map(tuple),
    st.sampled_from(["min_max", "product"]),
    st.just(PLAN),
)


def _degree(condition: Condition, row: dict[str, float], norm: str) -> float:
    """The degree once more, one row at a time."""
    if isinstance(condition, Is):
        return row[f"{condition.timeframe or '1h'}_{condition.fuzzy_set}_{condition.membership}"]
    if isinstance(condition, Not):
        return 1 - _degree(condition.operand, row, norm)
    degrees = [_degree(operand, row, norm) for operand in condition.operands]
    if norm == "min_max":
        return min(degrees) if isinstance(condition, And) else max(degrees)
    every, none = 1.0, 1.0
    for degree in degrees:
        every *= degree
        none *= 1 - degree
    return every if isinstance(condition, And) else 1 - none


def _probabilities(base: RuleBase, row: dict[str, float]) -> list[float]:
    strengths = dict.fromkeys(SIGNALS, 0.0)
    for rule in base.rules:
        fired = rule.weight * _degree(rule.condition, row, base.norm)
        before = strengths[rule.then]
        strengths[rule.then] = max(before, fired) if base.norm == "min_max" else min(1.0, before + fired)
    if "HOLD" not in [rule.then for rule in base.rules]:
        strengths["HOLD"] = 1 - max(strengths["BUY"], strengths["SELL"])
    total = sum(strengths.values())
    return [strength / total for strength in strengths.values()] if total else [0.0, 1.0, 0.0]


def test_the_classes_have_one_order_everywhere() -> None:
    assert tuple(CLASSES) == SIGNALS
    assert [SIGNALS[code] for code in (BUY, HOLD, SELL)] == ["BUY", "HOLD", "SELL"]


@given(BASES, st.integers(0, 2**32 - 1))
def test_probabilities_are_those_of_a_plain_reckoning(base: RuleBase, seed: int) -> None:
    # Eighths, with which float32 makes no error in so few steps: a strength of nothing is nothing.
    features = matrix(np.random.default_rng(seed).integers(0, 9, (12, 8)) / 8)
    found = base.predict(features)
    assert found.dtype == np.float32
    for row, probabilities in zip(features.values.astype(float).tolist(), found.tolist(), strict=True):
        expected = _probabilities(base, dict(zip(features.names, row, strict=True)))
        assert probabilities == pytest.approx(expected, abs=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize(
    ("rules", "norm", "degrees", "expected"),
    [
        # One rule: HOLD gets what it leaves.
        ([("a is low", "BUY", 1)], "min_max", [0.75], [0.75, 0.25, 0]),
        ([("a is low", "BUY", 0.5)], "min_max", [0.5], [0.25, 0.75, 0]),
        ([("a is low", "BUY", 1)], "min_max", [0], [0, 1, 0]),
        # And, or, not.
        ([("a is low and a is high", "BUY", 1)], "min_max", [0.5, 0.25], [0.25, 0.75, 0]),
        ([("a is low and a is high", "BUY", 1)], "product", [0.5, 0.5], [0.25, 0.75, 0]),
        ([("a is low or a is high", "BUY", 1)], "min_max", [0.5, 0.25], [0.5, 0.5, 0]),
        ([("a is low or a is high", "BUY", 1)], "product", [0.5, 0.5], [0.75, 0.25, 0]),
        ([("a is not low", "SELL", 1)], "product", [0.25], [0, 0.25, 0.75]),
        # BUY and SELL at once: HOLD is 1 less the stronger, all over their sum.
        ([("a is low", "BUY", 1), ("a is high", "SELL", 1)], "min_max", [1, 1], [0.5, 0, 0.5]),
        ([("a is low", "BUY", 1), ("a is high", "SELL", 1)], "min_max", [0.5, 0.25], [0.4, 0.4, 0.2]),
        # Several rules for one class.
        ([("a is low", "BUY", 1), ("a is high", "BUY", 1)], "min_max", [0.5, 0.25], [0.5, 0.5, 0]),
        ([("a is low", "BUY", 1), ("a is high", "BUY", 1)], "product", [0.5, 0.25], [0.75, 0.25, 0]),
        ([("a is low", "BUY", 1), ("a is high", "BUY", 1)], "product", [0.75, 0.75], [1, 0, 0]),
        # Rules that say HOLD take its place; when none fires, it holds.
        ([("a is low", "BUY", 1), ("a is high", "HOLD", 1)], "min_max", [0.75, 0.25], [0.75, 0.25, 0]),
        ([("a is low", "BUY", 1), ("a is high", "HOLD", 1)], "min_max", [0.5, 0], [1, 0, 0]),
        ([("a is low", "BUY", 1), ("a is high", "HOLD", 1)], "product", [0, 0], [0, 1, 0]),
        # A longer timeframe is another column.
        ([("4h a is low", "BUY", 1)], "min_max", [0, 0, 0, 0, 0, 0, 0.75], [0.75, 0.25, 0]),
    ],
)
def test_probabilities_by_hand(
    rules: list[tuple[str, Signal, float]], norm: str, degrees: list[float], expected: list[float]
) -> None:
    found = rule_base(*rules, norm=norm).predict(matrix(np.array([degrees])))
    np.testing.assert_allclose(found[0], expected, atol=1e-7)


@given(BASES, st.integers(1, 200))
def test_the_bits_of_a_row_depend_on_it_alone(base: RuleBase, length: int) -> None:
    whole = random_matrix(200)
    part = FeatureMatrix(whole.names, whole.base[:length].copy(), 0)
    assert base.predict(part).tobytes() == base.predict(whole)[:length].tobytes()


def test_chunks_leave_no_seam_and_are_reported() -> None:
    base, whole = rule_base(("a is low and b is high", "BUY", 0.7), norm="product"), random_matrix(20_000)
    done: list[int] = []
    found = base.predict(whole, on_chunk=done.append)
    assert done == [8192, 16_384, 20_000]
    pieces = [
        base.predict(FeatureMatrix(whole.names, whole.base[i : i + 777].copy(), 0)) for i in range(0, 20_000, 777)
    ]
    assert np.concatenate(pieces).tobytes() == found.tobytes()
    assert base.predict(matrix(np.empty((0, 8)))).shape == (0, 3)


def test_what_a_chunk_raises_ends_the_prediction() -> None:
    def stop(_: int) -> None:
        raise OperationCancelled

    with pytest.raises(OperationCancelled):
        rule_base(("a is low", "BUY", 1)).predict(random_matrix(10), on_chunk=stop)


@given(BASES, st.integers(0, 7))
def test_a_row_with_an_unknown_degree_has_no_probabilities_where_it_is_asked_for(base: RuleBase, column: int) -> None:
    whole = random_matrix(5)
    holed = whole.base.copy()
    holed[2, column] = np.nan
    found = base.predict(FeatureMatrix(whole.names, holed, 0))
    assert np.isnan(found[2]).all() or not np.isnan(found[2]).any()
    assert found[[0, 1, 3, 4]].tobytes() == base.predict(whole)[[0, 1, 3, 4]].tobytes()


@pytest.mark.parametrize("norm", ["min_max", "product"])
def test_one_unknown_degree_makes_all_three_unknown(norm: str) -> None:
    base = rule_base(("a is low and a is high", "BUY", 1), ("b is low or b is high", "SELL", 1), norm=norm)
    for column in range(4):
        degrees = np.zeros((1, 4))
        degrees[0, column] = np.nan
        assert np.isnan(base.predict(matrix(degrees))).all()


def test_threads_predict_the_same_bits_at_once() -> None:
    base, rows = rule_base(("a is low and not b is high", "BUY", 0.9), ("c is low", "SELL", 1)), random_matrix(30_000)
    expected, found = base.predict(rows).tobytes(), list[bytes]()
    threads = [threading.Thread(target=lambda: found.append(base.predict(rows).tobytes())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_the_peak_of_a_rule_is_its_earliest_strongest_row_in_the_range() -> None:
    base = rule_base(("a is low", "BUY", 0.5), ("a is high", "SELL", 1), ("b is low", "BUY", 1))
    degrees = np.zeros((20_000, 3))
    degrees[[5, 9000, 19_000], 0] = [1.0, 0.8, 0.8]
    degrees[19_999, 1] = 1.0
    degrees[:, 2] = np.nan
    peaks = base.peaks(matrix(degrees), 100, 19_999)
    assert [(peak.rule, round(peak.strength, 6), peak.row) for peak in peaks] == [
        (0, 0.4, 9000),
        (1, 0, 100),
        (2, -1, 0),
    ]
