"""What rounding put an ulp out of place is mended; nothing else is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrdr_engine.bars.checks import find_unsound
from ktrdr_engine.bars.files import read_bars
from ktrdr_engine.bars.rounding import TOLERANCE, mend_rounding
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.errors import DataError


def column(*bar: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.array(bar, dtype=np.float64).reshape(5, 1)


@given(
    st.floats(1e-8, 1e8),
    st.lists(st.floats(0, 0.9), min_size=3, max_size=3),
    st.floats(1e-6, 1e6),
)
def test_bars_times_a_factor_are_sound_after_mending(low: float, parts: list[float], factor: float) -> None:
    high = low * (1 + max(parts))
    prices = column(low * (1 + parts[0]), high, low, low * (1 + parts[1]), 1)
    prices[:4] *= factor
    prices[1] = np.nextafter(prices[1], 0)
    prices[2] = np.nextafter(prices[2], np.inf)
    mend_rounding(prices)
    assert not find_unsound(prices).any()


def test_only_what_is_within_the_tolerance_is_moved_and_counted() -> None:
    near, far = 1.5 * (1 - TOLERANCE / 2), 1.5 * (1 - TOLERANCE * 2)
    prices = np.hstack([column(1, near, 0.5, 1.5, 1), column(1, far, 0.5, 1.5, 1), column(1, 2, 1 + 1e-12, 1.5, 1)])
    assert mend_rounding(prices) == 2
    assert prices[1].tolist() == [1.5, far, 2.0]
    assert prices[2].tolist() == [0.5, 0.5, 1.0]
    assert find_unsound(prices).tolist() == [False, True, False]


def test_missing_values_are_left_alone() -> None:
    prices = column(np.nan, 1, 1, 1, np.nan)
    assert mend_rounding(prices) == 0


@pytest.mark.parametrize(("high", "is_read"), [("31.686868686868", True), ("31.6868686", False)])
def test_a_file_of_prices_is_read_with_an_ulp_and_refused_with_more(tmp_path: Path, high: str, is_read: bool) -> None:
    path = tmp_path / "X_1d.csv"
    path.write_text(f"timestamp,open,high,low,close,volume\n2024-01-01,31,{high},30,31.6868686868685,1\n")
    if is_read:
        series = read_bars(path, "X", Timeframe.D1)
        assert series.high[0] == series.close[0]
    else:
        with pytest.raises(DataError, match="is below close"):
            read_bars(path, "X", Timeframe.D1)
