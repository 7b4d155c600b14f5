from __future__ import annotations

import numpy as np
import pytest

from ktrdr_engine.errors import DataError
from ktrdr_engine.training.dataset import fit_normalization, labelled_rows, parted_rows
from ktrdr_engine.training.markets import Market
from tests.training.prices import HOUR, series, wave
from tests.training.strategies import tiny

CONFIG = tiny().config
PLAN = CONFIG.feature_plan()


def test_rows_are_those_with_features_and_a_label() -> None:
    rows = labelled_rows(CONFIG, PLAN, Market(series(wave(50)), ()))
    assert np.isfinite(rows.features).all()
    assert rows.features.shape == (50 - PLAN.warmup - 5, len(PLAN.names))
    assert rows.stamps[0] == PLAN.warmup * HOUR
    assert (rows.known == rows.stamps + 5 * HOUR).all()
    assert set(rows.labels.tolist()) <= {0, 1, 2}


def test_the_future_changes_no_earlier_row() -> None:
    closes = wave()
    changed = closes.copy()
    changed[300:] *= 2
    before, after = (labelled_rows(CONFIG, PLAN, Market(series(values), ())) for values in (closes, changed))
    untouched = before.known < 300 * HOUR
    assert untouched.sum() > 200
    assert before.features[untouched].tobytes() == after.features[untouched].tobytes()
    assert before.labels[untouched].tobytes() == after.labels[untouched].tobytes()


def test_no_part_knows_a_later_one() -> None:
    rows = parted_rows(CONFIG, PLAN, [series(wave())])
    assert list(rows) == ["train", "validation", "test"]
    assert rows["train"].known.max() < rows["validation"].stamps.min()
    assert rows["validation"].known.max() < rows["test"].stamps.min()


def test_several_series_are_parted_at_the_same_instants() -> None:
    rows = parted_rows(CONFIG, PLAN, [series(wave()), series(wave(300, seed=1), "OTHER", first=400)])
    assert rows["train"].known.max() < rows["validation"].stamps.min()
    assert sum(len(part.labels) for part in rows.values()) > 800


def test_normalization_sees_the_rows_it_is_given_and_lags_share_it() -> None:
    features = labelled_rows(CONFIG, PLAN, Market(series(wave()), ())).features
    fitted = fit_normalization(PLAN, features)
    assert PLAN.names[4:] == ("1h_rsi_5_raw", "1h_rsi_5_raw_lag_1", "1h_roc_3_raw", "1h_roc_3_raw_lag_1")
    assert fitted.shift[:4] == (0.0,) * 4
    assert fitted.scale[:4] == (1.0,) * 4
    assert fitted.shift[4:6] == (float(features[:, 4].min()),) * 2
    assert fitted.scale[4] == fitted.scale[5]
    normalised = (features - np.array(fitted.shift)) * np.array(fitted.scale)
    assert (normalised[:, 4].min(), normalised[:, 4].max()) == pytest.approx((0, 1))
    assert normalised[:, 6].mean() == pytest.approx(0, abs=1e-6)
    assert normalised[:, 6].std() == pytest.approx(1)


def test_a_raw_input_that_never_changes_is_only_shifted() -> None:
    fitted = fit_normalization(PLAN, np.full((10, 8), 5, dtype=np.float32))
    assert fitted.shift[4:] == (5.0,) * 4
    assert fitted.scale == (1.0,) * 8


def test_an_input_without_normalization_stays_as_it_is() -> None:
    plan = tiny(nn_inputs=[{"raw_indicator": "roc_3"}]).config.feature_plan()
    fitted = fit_normalization(plan, np.arange(8, dtype=np.float32).reshape(4, 2))
    assert (fitted.shift, fitted.scale) == ((0.0, 0.0), (1.0, 1.0))


def test_no_usable_row_is_a_data_error() -> None:
    with pytest.raises(DataError, match="No bar has both features and a label: WAVE 1h has 8 bars"):
        parted_rows(CONFIG, PLAN, [series(wave(8))])


def test_a_part_without_rows_is_a_data_error() -> None:
    with pytest.raises(DataError, match="No rows are left for validation: WAVE 1h has 20 bars, 9 labelled rows"):
        parted_rows(CONFIG, PLAN, [series(wave(20))])


def test_labels_that_are_all_the_same_are_a_data_error() -> None:
    config = tiny({"labels": {"source": "forward_return", "threshold": 0.9, "lookahead": 5}}).config
    with pytest.raises(DataError, match=r"same label.* Lower training\.labels\.threshold \(now 0\.9\)") as refused:
        parted_rows(config, PLAN, [series(wave())])
    assert refused.value.details["field"] == "training.labels"  # not an argument of the call: its dates may be right
