from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.errors import DataError, EngineError, OperationCancelled
from ktrdr_engine.features.matrix import build_features
from ktrdr_engine.inference.bundle import ModelBundle, load_bundle, save_bundle
from ktrdr_engine.strategy.loader import check_mapping
from ktrdr_engine.training.fitting import Listener
from ktrdr_engine.training.trainer import gather, train, train_on
from tests.training.prices import HOUR, series, wave
from tests.training.strategies import tiny

THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def bits(model: ModelBundle) -> bytes:
    return b"".join(value.numpy().tobytes() for value in model.network.state_dict().values())


def test_training_twice_gives_the_same_file() -> None:
    torch.manual_seed(1)
    first = train(tiny(), [series(wave())], created_at=THEN)
    torch.manual_seed(2)
    assert train(tiny(), [series(wave())], created_at=THEN).sha256 == first.sha256


def test_training_in_a_thread_beside_others_gives_the_same_weights() -> None:
    expected = bits(train(tiny(), [series(wave())]))
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(bits(train(tiny(), [series(wave())])))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 2


def test_the_seed_of_the_call_wins_and_is_remembered() -> None:
    own, given = train(tiny(), [series(wave())]), train(tiny(), [series(wave())], seed=99)
    assert (own.metadata.seed, given.metadata.seed) == (3, 99)
    assert bits(own) != bits(given)


def test_the_time_of_creation_changes_nothing_else() -> None:
    now, then = train(tiny(), [series(wave())]), train(tiny(), [series(wave())], created_at=THEN)
    assert then.metadata.created_at == "2026-01-02T03:04:05Z"
    assert now.metadata.model_copy(update={"created_at": then.metadata.created_at}) == then.metadata
    assert bits(now) == bits(then)


def test_the_test_part_teaches_nothing() -> None:
    closes = wave()
    changed = closes.copy()
    changed[-80:] *= np.linspace(1, 3, 80)
    before, after = train(tiny(), [series(closes)]), train(tiny(), [series(changed)])
    assert bits(before) == bits(after)
    assert before.metadata.normalization == after.metadata.normalization
    assert before.metadata.metrics["test"] != after.metadata.metrics["test"]


def test_the_metadata_says_what_was_done() -> None:
    strategy = tiny()
    model = train(strategy, [series(wave())])
    metadata = model.metadata
    assert check_mapping(metadata.strategy, "model") == strategy.config
    assert metadata.strategy_name == "tiny"
    assert metadata.strategy_sha256 == strategy.sha256
    assert metadata.feature_names == strategy.config.feature_plan().names
    assert metadata.symbols == ("WAVE",)
    assert metadata.timeframes == ("1h",)
    assert metadata.labels == {"source": "forward_return", "threshold": 0.01, "lookahead": 5}
    assert list(metadata.metrics) == ["train", "validation", "test"]
    assert metadata.metrics["train"].range == metadata.training_range
    assert 1 <= metadata.best_epoch <= metadata.epochs_run <= 4
    assert set(metadata.versions) == {"python", "ktrdr", "numpy", "TA-Lib", "torch"}
    model.require(strategy.config.feature_plan())


def test_a_trained_model_predicts_the_same_after_saving(tmp_path: Path) -> None:
    model, bars = train(tiny(), [series(wave())]), series(wave(seed=7))
    save_bundle(model, tmp_path / "m.pt")
    features = build_features(tiny().config.feature_plan(), bars)
    loaded = load_bundle(tmp_path / "m.pt")
    assert loaded.predict(features).tobytes() == model.predict(features).tobytes()
    assert loaded.sha256 == model.sha256


def test_the_model_predicts_as_it_was_scored() -> None:
    strategy, bars = tiny(), series(wave())
    model = train(strategy, [bars])
    stamps = {part: metrics.range for part, metrics in model.metadata.metrics.items()}
    answers = model.predict(build_features(strategy.config.feature_plan(), bars)).argmax(axis=1)
    times = np.array([format_stamp(int(stamp)) for stamp in bars.timestamp])
    for part, metrics in model.metadata.metrics.items():
        chosen = (times >= stamps[part].start) & (times <= stamps[part].end)  # type: ignore[union-attr]  # every part has rows
        assert np.bincount(answers[chosen], minlength=3).tolist() == np.sum(metrics.confusion, axis=0).tolist()


def test_several_symbols_teach_one_model() -> None:
    model = train(tiny(), [series(wave()), series(wave(seed=1), "OTHER")])
    assert model.metadata.symbols == ("WAVE", "OTHER")
    assert model.metadata.metrics["train"].rows > 600


def test_epochs_are_told_and_a_training_can_be_stopped() -> None:
    told: list[int] = []
    train(tiny(), [series(wave())], listener=Listener(on_epoch=lambda epoch: told.append(epoch.epoch)))
    assert told == [1, 2, 3, 4]
    with pytest.raises(OperationCancelled) as stopped:
        train(tiny(), [series(wave())], listener=Listener(should_stop=lambda: True))
    assert stopped.value.partial is None


def stopped_in(epoch: int, training: dict[str, Any]) -> ModelBundle:
    told: list[int] = []
    listener = Listener(on_epoch=lambda one: told.append(one.epoch), should_stop=lambda: len(told) == epoch - 1)
    with pytest.raises(OperationCancelled) as stopped:
        train(tiny(training), [series(wave())], listener=listener)
    assert isinstance(stopped.value.partial, ModelBundle)
    return stopped.value.partial


@pytest.mark.parametrize("early_stopping", [None, {"patience": 15}])
def test_a_training_that_is_stopped_gives_what_the_last_whole_epoch_would_have(
    early_stopping: dict[str, Any] | None,
) -> None:
    partial = stopped_in(4, {"epochs": 9, "early_stopping": early_stopping})
    whole = train(tiny({"epochs": 3, "early_stopping": early_stopping}), [series(wave())])
    assert bits(partial) == bits(whole)
    assert (partial.metadata.epochs_run, partial.metadata.best_epoch) == (3, whole.metadata.best_epoch)
    assert partial.metadata.metrics == whole.metadata.metrics
    assert (partial.metadata.partial, whole.metadata.partial) == (True, False)


def test_bars_before_the_first_wanted_one_only_settle_the_indicators() -> None:
    bars, since = series(wave()), 200 * HOUR
    rows = gather(tiny(), [bars], since=since).rows
    assert min(int(part.stamps.min()) for part in rows.values()) == since
    late = gather(tiny(), [bars.between(200, 600)]).rows["train"]
    assert len(rows["train"].labels) > len(late.labels)


def test_validation_rows_that_teach_nothing_known_are_a_data_error() -> None:
    steps = np.where(np.arange(600) % 20 < 4, 0.995, 1.0)
    steps[415:] = 1.003
    with pytest.raises(DataError, match="nothing can be judged"):
        gather(tiny(), [series(100 * steps.cumprod())])


def test_weights_that_run_away_are_an_error_that_says_what_to_lower() -> None:
    raw = [{"raw_indicator": "rsi_5", "normalization": "none"}]
    training = {"learning_rate": 1.0, "epochs": 50, "early_stopping": None}
    material = gather(tiny(training, nn_inputs=raw), [series(wave())])
    rows = {part: rows._replace(features=np.full_like(rows.features, np.inf)) for part, rows in material.rows.items()}
    with pytest.raises(EngineError, match=r"diverged in epoch 1.*Lower training\.learning_rate \(now 1\)"):
        train_on(material._replace(rows=rows))


def test_no_series_is_a_data_error() -> None:
    with pytest.raises(DataError, match="no prices to train on"):
        train(tiny(), [])


def test_bars_of_another_length_are_a_data_error() -> None:
    bars = series(wave())
    daily = BarSeries(bars.symbol, Timeframe.D1, bars.timestamp, bars.prices)
    with pytest.raises(DataError, match="works on 1h bars, WAVE was given in 1d"):
        train(tiny(), [daily])
