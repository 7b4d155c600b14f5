from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.inference.bundle import ModelBundle
from ktrdr_engine.inference.metadata import SplitMetrics, TimeRange
from ktrdr_engine.training.fitting import Epoch, Listener
from ktrdr_engine.training.job import Coverage, TrainingJob
from ktrdr_engine.training.models import TrainingRequest, TrainingResults
from ktrdr_engine.training.results import make_results
from ktrdr_engine.training.trainer import gather, train_on
from tests.training.prices import series, wave
from tests.training.strategies import tiny

DAY = 86_400 * 10**9


def trained(bars: BarSeries | None = None, **training: Any) -> tuple[TrainingJob, ModelBundle, list[Epoch]]:
    strategy, used = tiny(training), bars or series(wave())
    request = TrainingRequest(strategy_config_path="tiny", start_date="1970-01-01", end_date="1970-01-25")
    material = gather(strategy, [used])
    job = TrainingJob(request, strategy, material, "d" * 64, (Coverage("WAVE", 0, 24 * DAY),))
    epochs: list[Epoch] = []
    return job, train_on(material, listener=Listener(epochs.append)), epochs


def split(*confusion: tuple[int, int, int]) -> SplitMetrics:
    counts = np.array(confusion)
    labels = counts.sum(axis=1)
    return SplitMetrics(
        rows=int(counts.sum()),
        range=TimeRange(start="2017-01-02T00:00:00Z", end="2017-02-02T00:00:00Z"),
        loss=1.0,
        accuracy=float(np.trace(counts) / counts.sum()),
        majority_baseline=float(labels.max() / counts.sum()),
        recall=dict.fromkeys(("BUY", "HOLD", "SELL"), 0.5),
        confusion=tuple(map(tuple, counts.tolist())),
    )


GOOD = split((30, 5, 5), (5, 30, 5), (5, 5, 30))


def results_of(change: dict[str, Any] | None = None, job: TrainingJob | None = None) -> TrainingResults:
    made, model, epochs = trained()
    metadata = model.metadata.model_copy(update={"metrics": dict.fromkeys(("train", "validation", "test"), GOOD)})
    changed = ModelBundle(metadata.model_copy(update=change or {}), model.network, model.sha256)
    return make_results(job or made, changed, "models/m.pt", epochs)


def test_results_repeat_what_the_model_says_of_itself() -> None:
    job, model, epochs = trained()
    results = make_results(job, model, "models/tiny_v1.0.0.pt", epochs, ("It lies there.",))
    test, told = model.metadata.metrics["test"], results.splits["test"]
    assert (results.test_accuracy, results.test_majority_baseline, results.test_rows) == (
        test.accuracy,
        test.majority_baseline,
        test.rows,
    )
    assert told.confusion == test.confusion
    assert sum(told.labels.values()) == told.rows
    assert max(told.labels, key=lambda name: told.labels[name]) == told.majority
    assert results.provenance.model_sha256 == model.sha256
    assert results.notes[-1] == "It lies there."
    assert "partial" not in results.to_json()


def test_the_epochs_are_a_table() -> None:
    job, model, epochs = trained()
    table = make_results(job, model, "m", epochs).tables["epochs"]
    assert table["epoch"] == [1, 2, 3, 4]
    assert table["validation_loss"] == [epoch.validation_loss for epoch in epochs]
    assert table["recall_sell"] == [epoch.recall[2] for epoch in epochs]


def test_a_model_that_is_good_and_whole_needs_no_notes() -> None:
    assert results_of({"best_epoch": 2}).notes == ()


@pytest.mark.parametrize(
    ("test", "words"),
    [
        (split((4, 6, 0), (3, 41, 0), (6, 0, 40)), None),
        (split((1, 9, 0), (0, 44, 0), (0, 46, 0)), "No better than always SELL on test: accuracy 0.45, majority 0.46."),
        (
            split((0, 30, 0), (0, 44, 0), (0, 26, 0)),
            "It answers HOLD to every row of test: it has learned no difference.",
        ),
        (split((40, 10, 0), (10, 40, 0), (0, 0, 0)), "No row of test has the label SELL."),
        (split((0, 0, 0), (10, 40, 0), (0, 0, 0)), "No row of test has the label BUY or SELL."),
    ],
)
def test_what_to_think_of_the_numbers_is_said(test: SplitMetrics, words: str | None) -> None:
    notes = results_of({"best_epoch": 2, "metrics": {"train": GOOD, "validation": GOOD, "test": test}}).notes
    assert (words in notes) if words else notes == ()


def test_a_best_epoch_at_the_end_suggests_more_of_them() -> None:
    assert results_of({"best_epoch": 4}).notes == (
        "The last epoch was the best: a higher training.epochs (now 4) may do better.",
    )


def test_a_cancelled_training_says_what_its_model_is() -> None:
    results = results_of({"partial": True, "epochs_run": 3, "best_epoch": 2})
    assert results.to_json()["partial"] is True
    assert results.notes[0].startswith("Cancelled after 3 of 4 epochs; the weights are those of epoch 2.")


def test_data_that_do_not_cover_the_range_are_named() -> None:
    job, _, _ = trained()
    late = tuple(Coverage(f"S{n}", 10 * DAY, 12 * DAY) for n in range(7))
    changed = TrainingJob(job.request, job.strategy, job.material, job.data_sha256, late)
    notes = results_of({"best_epoch": 2}, changed).notes
    begins = ", ".join(f"S{n} 1970-01-11" for n in range(5))
    assert notes[0] == f"The data begin after start_date: {begins} and 2 more."
    assert notes[1].startswith("The data end before end_date: S0 1970-01-13, ")
