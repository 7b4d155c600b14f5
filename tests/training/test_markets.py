from __future__ import annotations

import numpy as np
import pytest

from ktrdr_engine.bars.resampling import resample
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.errors import DataError
from ktrdr_engine.features.matrix import build_features
from ktrdr_engine.strategy.library import Strategy
from ktrdr_engine.training.dataset import labelled_rows, parted_rows
from ktrdr_engine.training.markets import Market, load_series, markets
from ktrdr_engine.training.trainer import train
from tests.training.prices import HOUR, series, wave
from tests.training.strategies import tiny


def ladder(*symbols: str) -> Strategy:
    return tiny(
        training_data={
            "symbols": {"mode": "multi_symbol", "list": list(symbols)},
            "timeframes": {"mode": "multi_timeframe", "list": ["1h", "4h"], "base_timeframe": "1h"},
        }
    )


PLAN = ladder("WAVE").config.feature_plan()
WAVE, OTHER = series(wave()), series(wave(500, seed=1), "OTHER", first=100)
SERIES = [one for base in (WAVE, OTHER) for one in (base, resample(base, Timeframe.H4))]


def test_series_in_any_order_are_put_together_by_symbol() -> None:
    found = markets(PLAN, [SERIES[3], SERIES[0], SERIES[2], SERIES[1]])
    assert [(market.base.symbol, [one.timeframe for one in market.higher]) for market in found] == [
        ("OTHER", ["4h"]),
        ("WAVE", ["4h"]),
    ]
    assert [market.base.timeframe for market in found] == ["1h", "1h"]


def test_each_symbol_is_labelled_featured_and_purged_on_its_own() -> None:
    config = ladder("WAVE", "OTHER").config
    alone = [labelled_rows(config, PLAN, market) for market in markets(PLAN, SERIES)]
    together = parted_rows(config, PLAN, SERIES)
    assert sum(len(part.labels) for part in together.values()) < sum(len(rows.labels) for rows in alone)
    pooled = np.concatenate([rows.features for rows in alone])
    known = {row.tobytes() for row in pooled}
    assert all(row.tobytes() in known for part in together.values() for row in part.features)
    for rows, base in zip(alone, (WAVE, OTHER), strict=True):
        expected = build_features(PLAN, base, [resample(base, Timeframe.H4)]).values
        at = np.searchsorted(base.timestamp, rows.stamps)
        assert rows.features.tobytes() == expected[at].tobytes()
        assert (rows.known == rows.stamps + 5 * HOUR).all()


def test_the_parts_of_several_symbols_are_cut_at_the_same_instants_and_purged() -> None:
    rows = parted_rows(ladder("WAVE", "OTHER").config, PLAN, SERIES)
    assert rows["train"].known.max() < rows["validation"].stamps.min()
    assert rows["validation"].known.max() < rows["test"].stamps.min()


def test_a_longer_bar_that_has_not_closed_changes_no_row() -> None:
    config = ladder("WAVE").config
    bars = SERIES[1]
    prices = bars.prices.copy()
    prices[:, 75:] *= 2
    changed = BarSeries("WAVE", Timeframe.H4, bars.timestamp, prices)
    before, after = (labelled_rows(config, PLAN, Market(WAVE, (one,))) for one in (bars, changed))
    untouched = before.stamps + HOUR < (75 + 1) * 4 * HOUR
    assert untouched.sum() > 200
    assert before.features[untouched].tobytes() == after.features[untouched].tobytes()
    assert before.features[~untouched].tobytes() != after.features[~untouched].tobytes()


def test_a_model_of_several_symbols_and_timeframes_says_so() -> None:
    model = train(ladder("WAVE", "OTHER"), SERIES)
    assert model.metadata.symbols == ("WAVE", "OTHER")
    assert model.metadata.timeframes == ("1h", "4h")
    assert model.metadata.feature_names == PLAN.names
    again = train(ladder("WAVE", "OTHER"), SERIES)
    weights, same = model.network.state_dict(), again.network.state_dict()
    assert all(weights[name].equal(same[name]) for name in weights)


def test_a_timeframe_that_is_not_given_is_named() -> None:
    with pytest.raises(DataError, match="reads 1h, 4h bars, OTHER was given without 4h"):
        train(ladder("WAVE", "OTHER"), SERIES[:3])


def test_a_timeframe_the_strategy_does_not_read_is_refused() -> None:
    with pytest.raises(DataError, match="works on 1h, 4h bars, WAVE was given in 1d"):
        markets(PLAN, [*SERIES, resample(WAVE, Timeframe.D1)])


def test_the_same_series_twice_is_refused() -> None:
    with pytest.raises(DataError, match="WAVE 1h bars were given twice"):
        markets(PLAN, [*SERIES, WAVE])


def test_longer_bars_that_stop_are_refused_where_rows_are_learned_from() -> None:
    stopped = [WAVE, SERIES[1].between(0, 100)]
    with pytest.raises(DataError, match="WAVE 4h has no bars from"):
        markets(PLAN, stopped)
    holed = [WAVE, SERIES[1].between(50, 150)]
    assert len(markets(PLAN, holed, since=300 * HOUR)) == 1


def test_all_series_of_a_training_are_loaded_shortest_first() -> None:
    store = BarStore((shipped_root(),))
    found = load_series(store, ["AAPL", "MSFT"], ["1d", "1w"])
    assert [(one.symbol, one.timeframe) for one in found] == [
        ("AAPL", "1d"), ("AAPL", "1w"), ("MSFT", "1d"), ("MSFT", "1w"),
    ]  # fmt: skip
    weeks = resample(found[0], Timeframe.W1)
    assert found[1].prices.tobytes() == weeks.between(0, len(weeks) - 1).prices.tobytes()  # the last has not closed
