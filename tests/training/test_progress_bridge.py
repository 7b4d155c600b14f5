from __future__ import annotations

import math

from ktrdr_engine.training.progress_bridge import COLUMNS, FITTING, TrainingProgressBridge

ID = "op_training_20250103_k3v9x2m7qa"


def told() -> TrainingProgressBridge:
    return TrainingProgressBridge(ID, "rsi", epochs=10, batches=4, clock=lambda: 1.0)


def values(epoch: int, validation_loss: float, is_best: bool, recall_sell: float = 0.3) -> tuple[float, ...]:
    return epoch, 1.1, validation_loss, 0.5, 0.4, 0.1, 0.2, recall_sell, 0.001, is_best


def test_before_the_first_batch_there_is_only_what_is_planned() -> None:
    progress = told().get_status().progress
    assert (progress.message, progress.percentage) == ("Training rsi", 0.0)
    assert progress.context == {"strategy": "rsi", "epochs": 10}


def test_each_batch_moves_the_progress_and_leaves_no_history() -> None:
    bridge = told()
    for _ in range(3):
        bridge.report_batch()
    progress = bridge.get_status().progress
    assert (progress.current_step, progress.total_steps, progress.percentage) == (3, 40, 7.5)
    assert progress.message == "Training rsi epoch 1 of 10"
    assert bridge.get_metrics().metrics == {"epochs": []}


def test_an_epoch_is_told_with_the_best_so_far_and_stays_while_the_next_runs() -> None:
    bridge = told()
    bridge.report_epoch(*values(1, 0.912, True))
    bridge.report_epoch(*values(2, 0.95, False))
    bridge.report_batch()
    progress = bridge.get_status().progress
    assert progress.message == "Training rsi epoch 3 of 10, validation loss 0.950"
    assert progress.current_step == 9
    assert progress.context["finished_epochs"] == 2
    assert progress.context["validation_loss"] == 0.95
    assert (progress.context["best_epoch"], progress.context["best_validation_loss"]) == (1, 0.912)


def test_until_an_epoch_was_better_than_none_there_is_no_best() -> None:
    bridge = told()
    bridge.report_epoch(*values(1, 0.9, False))
    assert "best_epoch" not in bridge.get_status().progress.context


def test_the_last_epoch_that_ran_is_the_one_shown_in_the_end() -> None:
    bridge = told()
    bridge.report_epoch(*values(6, 0.9, True))
    assert bridge.get_status().progress.context["epoch"] == 6


def test_every_epoch_is_an_entry_with_a_name_for_each_number() -> None:
    bridge = told()
    bridge.report_epoch(*values(1, 0.9, True, recall_sell=math.nan))
    (entry,) = bridge.get_metrics().metrics["epochs"]
    assert list(entry) == list(COLUMNS)
    assert (entry["epoch"], entry["is_best"], entry["recall_sell"]) == (1, True, None)


def test_the_percentage_rises_over_fitting_examining_and_scoring() -> None:
    bridge, seen = told(), [0.0]

    def look() -> None:
        seen.append(bridge.get_status().progress.percentage)

    bridge.enter(FITTING)
    for epoch in (1, 2):
        for _ in range(4):
            bridge.report_batch()
            look()
        for done in (10, 20):
            bridge.report_examined("validation", done, 20)
            look()
            assert "20 rows" in bridge.get_status().progress.message
        bridge.report_epoch(*values(epoch, 0.9, True))
        look()
    assert seen[-1] == 18  # 8 of 40 batches of what is nine tenths of the whole
    for part in ("train", "validation", "test"):  # after an early stop
        for done in (50, 100):
            bridge.report_scored(part, done, 100)
            look()
    assert seen == sorted(seen)
    assert seen[-1] == 100
