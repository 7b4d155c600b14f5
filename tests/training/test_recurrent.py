"""Training LSTM and GRU: what depends on order is learned, and equal seeds give equal weights."""

from __future__ import annotations

import threading
from typing import Literal

import numpy as np
import pytest
import torch

from ktrdr_engine.features.matrix import build_features
from ktrdr_engine.inference.metadata import RecurrentArchitecture
from ktrdr_engine.inference.network import build_network
from ktrdr_engine.strategy.schema import Training
from ktrdr_engine.training.fitting import Epoch, Examples, Listener, fit
from ktrdr_engine.training.trainer import train
from tests.training.prices import series, wave
from tests.training.strategies import tiny

Kind = Literal["lstm", "gru"]
KINDS: list[Kind] = ["lstm", "gru"]
STEPS = 6
SETTINGS = Training(epochs=15, learning_rate=0.03, early_stopping=None, seed=2)


def examples(rows: int, seed: int) -> Examples:
    """Return sequences of one input, newest first, whose label is where the highest value lies: old, middle, new."""
    features = torch.rand((rows, STEPS), generator=torch.Generator().manual_seed(seed))
    return Examples(features, features.argmax(dim=1) // 2)


def fitted(kind: Kind, settings: Training = SETTINGS, listener: Listener | None = None) -> torch.nn.Sequential:
    architecture = RecurrentArchitecture(type=kind, hidden_size=12, num_layers=2, dropout=0.1)
    network = build_network(architecture, STEPS, STEPS)
    fit(network, examples(400, 1), examples(200, 2), settings, listener or Listener())
    return network


def bits(network: torch.nn.Sequential) -> bytes:
    return b"".join(value.numpy().tobytes() for value in network.state_dict().values())


@pytest.mark.parametrize("kind", KINDS)
def test_an_order_is_learned(kind: Kind) -> None:
    seen: list[Epoch] = []
    fitted(kind, listener=Listener(seen.append))
    assert seen[-1].validation_accuracy > 0.7
    assert seen[0].validation_accuracy < 0.6


@pytest.mark.parametrize("kind", KINDS)
def test_equal_seeds_give_equal_weights_whatever_the_global_state_and_the_thread(kind: Kind) -> None:
    settings = SETTINGS.model_copy(update={"epochs": 3})
    torch.manual_seed(1)
    first = bits(fitted(kind, settings))
    torch.manual_seed(2)
    state = torch.get_rng_state()
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(bits(fitted(kind, settings)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [first] * 3
    assert torch.equal(torch.get_rng_state(), state)
    assert bits(fitted(kind, settings.model_copy(update={"seed": 3}))) != first


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_weights_are_drawn_within_the_bounds_torch_itself_uses(kind: Kind) -> None:
    network = fitted(kind, SETTINGS.model_copy(update={"epochs": 1, "learning_rate": 1e-9}))
    drawn = torch.cat([weight.detach().flatten() for weight in network[0].parameters()])
    assert float(drawn.abs().max()) == pytest.approx(12**-0.5, rel=0.02)
    assert abs(float(drawn.mean())) < 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_a_strategy_of_this_kind_is_trained_and_predicts_as_it_was_scored(kind: Kind) -> None:
    strategy = tiny(
        {"epochs": 2},
        model={
            "type": kind,
            "architecture": {"hidden_size": 6, "dropout": 0.1},
            "features": {"lookback_periods": 5},
        },
    )
    bars = series(wave())
    model = train(strategy, [bars])
    assert model.metadata.architecture == RecurrentArchitecture(type=kind, hidden_size=6, num_layers=1, dropout=0.1)
    model.require(strategy.config.feature_plan())
    answers = model.predict(build_features(strategy.config.feature_plan(), bars)).argmax(axis=1)
    stamps = bars.timestamp.view("datetime64[ns]")
    for metrics in model.metadata.metrics.values():
        assert metrics.range is not None
        first, last = (np.datetime64(text.removesuffix("Z"), "ns") for text in (metrics.range.start, metrics.range.end))
        chosen = (stamps >= first) & (stamps <= last)
        assert np.bincount(answers[chosen], minlength=3).tolist() == np.sum(metrics.confusion, axis=0).tolist()
    assert train(strategy, [bars]).network.state_dict().keys() == model.network.state_dict().keys()
    assert bits(train(strategy, [bars]).network) == bits(model.network)
