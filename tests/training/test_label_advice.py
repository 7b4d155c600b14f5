"""Advice on labels is followed here to the letter, and the training must then have something to learn."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ktrdr_engine.errors import DataError
from ktrdr_engine.training.dataset import parted_rows
from tests.training.prices import series
from tests.training.strategies import tiny

STEPS = np.random.default_rng(4).normal(0, 0.01, 600)
RISING = 100 * np.exp(np.cumsum(np.abs(STEPS)))
FALLING = 100 * np.exp(-np.cumsum(np.abs(STEPS)))
QUIET = 100 * np.exp(np.cumsum(STEPS / 100))
WAVES = 100 + 10 * np.sin(np.arange(600) / 15) + np.cumsum(STEPS)


def refused(closes: NDArray[np.float64], **labels: Any) -> DataError:
    strategy = tiny({"labels": labels})
    with pytest.raises(DataError) as caught:
        parted_rows(strategy.config, strategy.config.feature_plan(), [series(closes)])
    return caught.value


def follow(advice: str, labels: dict[str, Any]) -> dict[str, Any]:
    found = re.search(
        r"(?:Raise|Lower) training\.labels\.(threshold|lookahead) \(now [^)]*\) to ([0-9.e-]+[0-9])", advice
    )
    assert found, advice
    return labels | {found[1]: float(found[2]) if found[1] == "threshold" else int(found[2])}


@pytest.mark.parametrize(
    ("closes", "source", "threshold", "label", "verb"),
    [
        (RISING, "forward_return", 0.0001, "BUY", "Raise"),
        (RISING, "triple_barrier", 0.002, "BUY", "Raise"),
        (FALLING, "forward_return", 0.0001, "SELL", "Raise"),
        (FALLING, "triple_barrier", 0.002, "SELL", "Raise"),
        (QUIET, "forward_return", 0.05, "HOLD", "Lower"),
        (QUIET, "triple_barrier", 0.05, "HOLD", "Lower"),
        (WAVES, "forward_return", 0.9, "HOLD", "Lower"),
    ],
)
def test_labels_that_are_all_the_same_are_told_what_makes_them_differ(
    closes: NDArray[np.float64], source: str, threshold: float, label: str, verb: str
) -> None:
    labels = {"source": source, "threshold": threshold, "lookahead": 10}
    error = refused(closes, **labels)
    assert error.details["label"] == label
    assert f"{verb} training.labels.threshold" in error.message
    strategy = tiny({"labels": follow(error.message, labels)})
    rows = parted_rows(strategy.config, strategy.config.feature_plan(), [series(closes)])
    counts = dict(zip(("BUY", "HOLD", "SELL"), np.bincount(rows["train"].labels, minlength=3).tolist(), strict=True))
    assert ", ".join(f"{name} {count}" for name, count in counts.items()) in error.message


def test_a_zigzag_whose_price_never_turns_by_its_threshold_is_told_a_lower_one() -> None:
    labels = {"source": "zigzag", "threshold": 0.6, "lookahead": 50}
    error = refused(WAVES, **labels)
    assert "Lower training.labels.threshold" in error.message
    strategy = tiny({"labels": follow(error.message, labels)})
    assert parted_rows(strategy.config, strategy.config.feature_plan(), [series(WAVES)])


def test_a_lookahead_beyond_the_bars_is_told_a_shorter_one() -> None:
    labels = {"source": "forward_return", "threshold": 0.02, "lookahead": 5_000}
    error = refused(WAVES, **labels)
    assert "Lower training.labels.lookahead" in error.message
    strategy = tiny({"labels": follow(error.message, labels)})
    assert parted_rows(strategy.config, strategy.config.feature_plan(), [series(WAVES)])


def test_prices_that_never_move_are_told_that_no_setting_helps() -> None:
    error = refused(np.full(600, 100.0), source="forward_return", threshold=0.01, lookahead=5)
    assert "No setting near these helps" in error.message
    assert "Lower" not in error.message
