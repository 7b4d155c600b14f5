"""Rule bases over made-up degrees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.features.matrix import FeatureMatrix
from ktrdr_engine.features.plan import FeaturePlan, FuzzyInput, IndicatorPlan, MembershipPlan
from ktrdr_engine.rules.conditions import Rule, Signal
from ktrdr_engine.rules.grammar import parse
from ktrdr_engine.rules.rule_base import RuleBase


def _input(name: str, *timeframes: str) -> FuzzyInput:
    memberships = tuple(MembershipPlan(word, "triangular", (0, 1, 2)) for word in ("low", "high"))
    return FuzzyInput(name, "rsi", None, memberships, timeframes)


PLAN = FeaturePlan(
    "1h",
    (IndicatorPlan("rsi", "rsi"),),
    (_input("a", "1h"), _input("b", "1h"), _input("c", "1h"), _input("a", "4h")),
    higher=("4h",),
)
"""Columns: a low, a high, b low, b high, c low, c high, and a again on 4h bars."""


def rule_base(*rules: tuple[str, Signal, float], norm: str = "min_max") -> RuleBase:
    return RuleBase(tuple(Rule(parse(text), then, weight) for text, then, weight in rules), norm, PLAN)


def matrix(degrees: NDArray[np.float64]) -> FeatureMatrix:
    """Return features with these degrees as the first columns; the others are 0."""
    base = np.zeros((len(degrees), 8), dtype=np.float32)
    base[:, : degrees.shape[1]] = degrees
    return FeatureMatrix(PLAN.names, base, 0)


def random_matrix(n: int, seed: int = 0) -> FeatureMatrix:
    random = np.random.default_rng(seed)
    return matrix(random.choice([0.0, 1.0, 0.5, *random.uniform(0, 1, 6)], (n, 8)))
