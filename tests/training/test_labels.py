from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.strategy.schema import Labels
from ktrdr_engine.training.labels import BUY, HOLD, SELL, UNKNOWN, make_labels, turning_points
from tests.training.prices import series, wave

Source = Literal["zigzag", "forward_return", "triple_barrier"]
SOURCES: tuple[Source, ...] = ("zigzag", "forward_return", "triple_barrier")


def labelled(source: Source, bars: BarSeries, threshold: float = 0.05, lookahead: int = 4) -> list[int]:
    rules = Labels(source=source, threshold=threshold, lookahead=lookahead)
    return [int(code) for code in make_labels(bars, rules).codes]


def test_turning_points_are_the_extremes_known_once_the_price_has_turned() -> None:
    closes = np.array([100, 104, 110, 108, 103, 100, 101, 106, 111, 112, 100.0])
    assert turning_points(closes, 0.05) == [(0, 2, False), (2, 4, True), (5, 7, False), (9, 10, True)]


def test_zigzag_asks_for_the_way_to_the_next_turning_point() -> None:
    closes = [100, 104, 110, 108, 103, 100, 101, 106, 111, 112, 100]
    found = make_labels(series(closes), Labels(source="zigzag", threshold=0.05, lookahead=4))
    # High at bar 2, low at 5, high at 9; nothing is known of the turn after 9.
    assert found.codes.tolist() == [BUY, BUY, SELL, SELL, HOLD, BUY, BUY, BUY, HOLD, UNKNOWN, UNKNOWN]
    assert found.reach.tolist() == [4, 4, 7, 7, 7, 10, 10, 10, 10, 11, 11]


def test_zigzag_holds_when_the_turn_is_too_far_away() -> None:
    closes = [100, 104, 110, 108, 103, 100, 101, 106, 111, 112, 100]
    assert labelled("zigzag", series(closes), lookahead=1)[:5] == [HOLD, BUY, HOLD, HOLD, HOLD]


def test_zigzag_of_a_price_that_never_turns_knows_nothing() -> None:
    assert labelled("zigzag", series([100.0] * 5)) == [UNKNOWN] * 5


def test_forward_return_compares_two_closes() -> None:
    closes = [100, 100, 110, 94, 105.0, 120, 94]
    assert labelled("forward_return", series(closes), lookahead=2) == [BUY, SELL, HOLD, BUY, SELL, UNKNOWN, UNKNOWN]


def test_forward_return_of_too_few_bars_knows_nothing() -> None:
    assert labelled("forward_return", series([100, 101, 102]), lookahead=9) == [UNKNOWN] * 3


def test_triple_barrier_takes_the_first_barrier_met() -> None:
    closes = [100, 102, 106, 90, 90, 90, 90]
    # 0: up at bar 2. 1: down at 3. 2: down at 3. 3 and 4: nothing within 2 bars. The rest is not known.
    assert labelled("triple_barrier", series(closes), lookahead=2) == [BUY, SELL, SELL, HOLD, HOLD, UNKNOWN, UNKNOWN]


def test_triple_barrier_holds_when_one_bar_meets_both() -> None:
    bars = series([100, 100, 100])
    prices = bars.prices.copy()
    prices[1, 1], prices[2, 1] = 120, 80
    wild = BarSeries(bars.symbol, bars.timeframe, bars.timestamp, prices)
    assert labelled("triple_barrier", wild, lookahead=2)[0] == HOLD


def plain_triple_barrier(bars: BarSeries, threshold: float, lookahead: int) -> list[int]:
    found = []
    for bar, start in enumerate(bars.close):
        label = UNKNOWN
        for later in range(bar + 1, min(bar + lookahead, len(bars) - 1) + 1):
            above, below = bars.high[later] >= start * (1 + threshold), bars.low[later] <= start * (1 - threshold)
            if above or below:
                label = HOLD if above and below else BUY if above else SELL
                break
        else:
            label = HOLD if bar + lookahead < len(bars) else UNKNOWN
        found.append(label)
    return found


@pytest.mark.parametrize("lookahead", [1, 7, 300])
def test_triple_barrier_agrees_with_a_plain_loop(lookahead: int) -> None:
    bars = series(wave(200))
    assert labelled("triple_barrier", bars, 0.02, lookahead) == plain_triple_barrier(bars, 0.02, lookahead)


_walks = st.lists(st.floats(-0.04, 0.04), min_size=3, max_size=60).map(lambda moves: 100 * np.exp(np.cumsum(moves)))


@pytest.mark.parametrize("source", SOURCES)
@settings(max_examples=30, deadline=None)
@given(closes=_walks, data=st.data())
def test_a_label_depends_on_nothing_after_its_reach(
    source: Source, closes: NDArray[np.float64], data: st.DataObject
) -> None:
    rules = Labels(source=source, threshold=0.03, lookahead=data.draw(st.integers(1, 10)))
    found = make_labels(series(closes), rules)
    bar = data.draw(st.integers(0, len(closes) - 1))
    if found.codes[bar] == UNKNOWN:
        assert found.reach[bar] == len(closes)
        return
    reach = int(found.reach[bar])
    assert bar < reach < len(closes)
    changed = closes.copy()
    changed[reach + 1 :] *= data.draw(st.floats(0.5, 2))
    for other in (changed, closes[: reach + 1]):
        again = make_labels(series(other), rules)
        assert (again.codes[bar], again.reach[bar]) == (found.codes[bar], reach)


@pytest.mark.parametrize("source", SOURCES)
def test_a_wave_asks_for_both_directions(source: Source) -> None:
    assert set(labelled(source, series(wave()), 0.02, 20)) == {UNKNOWN, BUY, HOLD, SELL}
