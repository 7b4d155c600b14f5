from __future__ import annotations

import math

import pytest
import torch

from ktrdr_engine.errors import OperationCancelled
from ktrdr_engine.inference.metadata import Architecture, RecurrentArchitecture
from ktrdr_engine.inference.network import build_network, rows_at_once
from ktrdr_engine.strategy.schema import EarlyStopping, Training
from ktrdr_engine.training.fitting import Epoch, Examples, Listener, class_weights, fit

ARCHITECTURE = Architecture(hidden_layers=(6,), activation="relu", dropout=0.1)


def examples(rows: int, seed: int, noise: float = 0.0) -> Examples:
    generator = torch.Generator().manual_seed(seed)
    features = torch.rand((rows, 2), generator=generator)
    labels = (features[:, 0] * 3).long().clamp(max=2)
    wrong = torch.rand(rows, generator=generator) < noise
    return Examples(features, torch.where(wrong, torch.randint(3, (rows,), generator=generator), labels))


def run(
    settings: Training, listener: Listener | None = None, noise: float = 0.0
) -> tuple[torch.nn.Sequential, int, int]:
    network = build_network(ARCHITECTURE, 2)
    fitted = fit(network, examples(200, 1, noise), examples(80, 2, noise), settings, listener or Listener())
    return network, fitted.epochs_run, fitted.best_epoch


def bits(network: torch.nn.Sequential) -> bytes:
    return b"".join(value.numpy().tobytes() for value in network.state_dict().values())


def test_something_that_can_be_learned_is_learned() -> None:
    seen: list[Epoch] = []
    run(Training(epochs=40, learning_rate=0.02), Listener(seen.append))
    assert seen[-1].validation_accuracy > 0.85
    assert seen[-1].validation_loss < seen[0].validation_loss
    assert [epoch.epoch for epoch in seen] == list(range(1, len(seen) + 1))
    assert {epoch.epochs for epoch in seen} == {40}


def test_equal_seeds_give_equal_weights_whatever_the_global_state() -> None:
    settings = Training(epochs=3, seed=5)
    torch.manual_seed(1)
    first = bits(run(settings)[0])
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert bits(run(settings)[0]) == first
    assert torch.equal(torch.get_rng_state(), state)
    assert bits(run(Training(epochs=3, seed=6))[0]) != first


def test_early_stopping_brings_the_best_weights_back() -> None:
    seen: list[Epoch] = []
    kept: list[bytes] = []
    network = build_network(ARCHITECTURE, 2)

    def remember(epoch: Epoch) -> None:
        seen.append(epoch)
        kept.append(bits(network))

    settings = Training(epochs=60, learning_rate=0.1, early_stopping=EarlyStopping(patience=4, min_delta=0.0))
    fitted = fit(network, examples(40, 1, 0.8), examples(40, 2, 0.8), settings, Listener(remember))
    best = min(seen, key=lambda epoch: epoch.validation_loss)
    assert fitted.epochs_run == len(seen) < 60
    assert fitted.best_epoch == best.epoch == fitted.epochs_run - 4
    assert [epoch.epoch for epoch in seen if epoch.is_best][-1] == best.epoch
    assert bits(network) == kept[best.epoch - 1] != kept[-1]


def test_small_improvements_do_not_renew_patience_but_are_kept() -> None:
    settings = Training(epochs=50, learning_rate=1e-4, early_stopping=EarlyStopping(patience=5, min_delta=0.5))
    _, epochs_run, best_epoch = run(settings)
    assert epochs_run == 6
    assert best_epoch > 1


def test_without_early_stopping_the_last_weights_are_kept() -> None:
    seen: list[Epoch] = []
    _, epochs_run, best_epoch = run(Training(epochs=5, early_stopping=None), Listener(seen.append))
    assert epochs_run == best_epoch == 5
    lowest = [min(epoch.validation_loss for epoch in seen[: n + 1]) for n in range(5)]
    assert [epoch.is_best for epoch in seen] == [
        epoch.validation_loss == low and epoch.validation_loss not in lowest[:n]
        for n, (epoch, low) in enumerate(zip(seen, lowest, strict=True))
    ]


def test_an_epoch_tells_how_each_class_is_recognised_and_how_the_weights_were_moved() -> None:
    seen: list[Epoch] = []
    batches: list[None] = []
    settings = Training(epochs=30, learning_rate=0.02, batch_size=64, early_stopping=None)
    network, _, _ = run(settings, Listener(seen.append, lambda: batches.append(None)))
    rows, last = examples(80, 2), seen[-1]
    answers = network(rows.features).argmax(dim=1)
    recall = [float((answers[rows.labels == code] == code).float().mean()) for code in range(3)]
    assert last.recall == pytest.approx(recall)
    assert last.validation_accuracy == pytest.approx(float((answers == rows.labels).float().mean()))
    assert 0.7 < last.train_accuracy <= 1
    assert last.learning_rate == 0.02
    assert len(batches) == 30 * 4


def test_a_class_without_validation_rows_has_no_recall() -> None:
    seen: list[Epoch] = []
    rows, network = examples(80, 2), build_network(ARCHITECTURE, 2)
    known = Examples(rows.features[rows.labels < 2], rows.labels[rows.labels < 2])
    fit(network, examples(200, 1), known, Training(epochs=1), Listener(seen.append))
    assert math.isnan(seen[0].recall[2])


def test_a_stop_in_the_middle_of_an_epoch_keeps_the_last_whole_one() -> None:
    network = build_network(ARCHITECTURE, 2)
    kept: list[bytes] = []
    asked = iter(range(10_000))
    listener = Listener(lambda _: kept.append(bits(network)), should_stop=lambda: next(asked) == 17)
    with pytest.raises(OperationCancelled) as stopped:
        fit(
            network,
            examples(200, 1),
            examples(80, 2),
            Training(epochs=9, early_stopping=None, batch_size=32),
            listener,
        )
    assert stopped.value.partial == (2, 2)
    assert bits(network) == kept[1]


def test_the_listener_may_stop_between_two_batches() -> None:
    asked: list[None] = []

    def third_time() -> bool:
        asked.append(None)
        return len(asked) == 3

    with pytest.raises(OperationCancelled) as stopped:
        run(Training(epochs=50, batch_size=32), Listener(should_stop=third_time))
    assert stopped.value.partial is None
    assert len(asked) == 3


def test_every_class_that_occurs_weighs_the_same() -> None:
    labels = torch.tensor([0] * 10 + [1] * 80 + [2] * 10)
    weights = class_weights(labels)
    assert (weights * torch.tensor([10, 80, 10])).tolist() == pytest.approx([100 / 3] * 3)
    assert class_weights(torch.tensor([0, 0, 0, 1])).tolist() == pytest.approx([2 / 3, 2, 0])


def test_class_weights_keep_a_rare_class_alive() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.rand((400, 2), generator=generator)
    labels = torch.where(features[:, 0] > 0.93, 0, 1)
    network = build_network(ARCHITECTURE, 2)
    rows = Examples(features, labels)
    fit(network, rows, rows, Training(epochs=30, learning_rate=0.02), Listener())
    answers = network(features).argmax(dim=1)
    assert float((answers[labels == 0] == 0).float().mean()) > 0.9


def test_examined_rows_are_told_group_by_group_and_may_end_the_fitting() -> None:
    shape = RecurrentArchitecture(type="gru", hidden_size=128, num_layers=2, dropout=0)
    network = build_network(shape, 40, 40)
    validation = Examples(torch.rand((200, 40)), torch.zeros(200, dtype=torch.int64))
    train = Examples(torch.rand((20, 40)), torch.arange(20) % 3)
    told: list[tuple[str, int, int]] = []
    group = rows_at_once(network)

    def heard(part: str, done: int, total: int) -> None:
        told.append((part, done, total))

    fit(network, train, validation, Training(epochs=1), Listener(on_examined=heard))
    assert told == [("validation", min(first + group, 200), 200) for first in range(0, 200, group)]
    told.clear()
    with pytest.raises(OperationCancelled):
        fit(network, train, validation, Training(epochs=2), Listener(on_examined=heard, should_stop=lambda: bool(told)))
    assert len(told) == 1
