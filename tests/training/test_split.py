from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrdr_engine.strategy.schema import DataSplit
from ktrdr_engine.training.split import cut, parts


def test_the_parts_have_their_shares_in_order_of_time() -> None:
    stamps = np.arange(100, dtype=np.int64)
    found = parts(stamps, stamps, cut(stamps, DataSplit()))
    assert found["train"].tolist() == list(range(70))
    assert found["validation"].tolist() == list(range(70, 85))
    assert found["test"].tolist() == list(range(85, 100))


def test_rows_whose_label_reaches_into_the_next_part_are_purged() -> None:
    stamps = np.arange(100, dtype=np.int64)
    found = parts(stamps, stamps + 5, cut(stamps, DataSplit()))
    assert found["train"].tolist() == list(range(65)), "row 64 is known at 69, row 65 only at 70"
    assert found["validation"].tolist() == list(range(70, 80))
    assert found["test"].tolist() == list(range(85, 100))


def test_all_series_are_cut_at_the_same_instants() -> None:
    early, late = np.arange(0, 80, dtype=np.int64), np.arange(60, 100, dtype=np.int64)
    together = np.concatenate([early, late])
    cuts = cut(together, DataSplit())
    found = parts(together, together, cuts)
    assert together[found["train"]].max() < cuts.validation <= together[found["validation"]].min()
    assert together[found["validation"]].max() < cuts.test <= together[found["test"]].min()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 40)), min_size=1, max_size=80),
    st.sampled_from([(0.7, 0.15, 0.15), (0.5, 0.3, 0.2), (0.98, 0.01, 0.01)]),
)
def test_no_label_of_a_part_knows_a_later_part(rows: list[tuple[int, int]], shares: tuple[float, float, float]) -> None:
    stamps = np.array([stamp for stamp, _ in rows], dtype=np.int64)
    known = stamps + np.array([reach for _, reach in rows])
    cuts = cut(stamps, DataSplit(train=shares[0], validation=shares[1], test=shares[2]))
    found = parts(stamps, known, cuts)
    assert (known[found["train"]] < cuts.validation).all()
    assert (known[found["validation"]] < cuts.test).all()
    assert (stamps[found["validation"]] >= cuts.validation).all()
    assert (stamps[found["test"]] >= cuts.test).all()


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_next_to_no_rows_can_still_be_cut(rows: int) -> None:
    stamps = np.arange(rows, dtype=np.int64)
    found = parts(stamps, stamps, cut(stamps, DataSplit()))
    assert sum(len(numbers) for numbers in found.values()) == rows
