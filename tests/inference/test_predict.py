from __future__ import annotations

import threading
from typing import get_args

import numpy as np
import pytest
import torch

from ktrdr_engine.errors import OperationCancelled
from ktrdr_engine.features.matrix import FeatureMatrix
from ktrdr_engine.inference.dropout import Dropout
from ktrdr_engine.inference.metadata import Activation, Architecture, Normalization
from ktrdr_engine.inference.network import build_network
from tests.inference.models import PLAN, bundle, matrix

MANY = 10_000


def test_probabilities_of_a_row_sum_to_one() -> None:
    probabilities = bundle().predict(matrix(100))
    assert probabilities.shape == (100, 3)
    assert probabilities.dtype == np.float32
    assert np.isnan(probabilities[0]).all(), "the lag of the first row is unknown"
    np.testing.assert_allclose(probabilities[1:].sum(axis=1), 1, atol=1e-6)
    assert (probabilities[1:] > 0).all()


def test_softmax_is_applied_once() -> None:
    model = bundle()
    rows = matrix(50)
    logits = model.network(torch.from_numpy(rows.values[1:])).detach().numpy()
    powers = np.exp(logits.astype(np.float64))
    np.testing.assert_allclose(model.predict(rows)[1:], powers / powers.sum(axis=1, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize("length", [1, 2, 4095, 4096, 4097, 9000])
def test_the_bits_of_a_row_do_not_depend_on_how_many_follow(length: int) -> None:
    whole = matrix(MANY)
    prefix = FeatureMatrix(whole.names, whole.base[:length].copy(), whole.lags)
    model = bundle()
    assert model.predict(prefix).tobytes() == model.predict(whole)[:length].tobytes()


def test_changing_the_future_leaves_the_past_bit_identical() -> None:
    whole = matrix(MANY)
    other = whole.base.copy()
    other[5000:] = 1e6
    model = bundle()
    changed = model.predict(FeatureMatrix(whole.names, other, whole.lags))
    assert changed[:5000].tobytes() == model.predict(whole)[:5000].tobytes()
    assert (changed[5000:] != model.predict(whole)[5000:]).any()


def test_threads_predict_the_same_bits_at_once() -> None:
    model, rows = bundle(layers=(64, 32)), matrix(MANY)
    expected = model.predict(rows).tobytes()
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(model.predict(rows).tobytes())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


@pytest.mark.parametrize("activation", get_args(Activation))
def test_a_row_with_a_nan_is_nan_and_its_neighbours_are_untouched(activation: Activation) -> None:
    model, whole = bundle(activation=activation), matrix(300)
    holed = whole.base.copy()
    holed[100, 2] = np.nan
    probabilities = model.predict(FeatureMatrix(whole.names, holed, whole.lags))
    expected = model.predict(whole)
    expected[100:102] = np.nan
    assert probabilities.tobytes() == expected.tobytes()


def test_each_feature_is_shifted_then_scaled() -> None:
    width = len(PLAN.names)
    plain = bundle()
    fitted = bundle(normalization=Normalization(shift=(2.0,) * width, scale=(0.5,) * width))
    rows = matrix(20)
    moved = FeatureMatrix(rows.names, rows.base * np.float32(2) + np.float32(2), rows.lags)
    np.testing.assert_allclose(fitted.predict(moved)[1:], plain.predict(rows)[1:], atol=1e-6)


def test_every_chunk_is_announced_and_may_end_the_prediction() -> None:
    done: list[int] = []
    bundle().predict(matrix(MANY), on_chunk=done.append)
    assert done == [4096, 8192, MANY]

    def cancel(rows: int) -> None:
        raise OperationCancelled(f"after {rows}")

    with pytest.raises(OperationCancelled, match="after 4096"):
        bundle().predict(matrix(MANY), on_chunk=cancel)


def test_an_empty_matrix_gives_no_rows() -> None:
    assert bundle().predict(matrix(0)).shape == (0, 3)


def test_the_network_is_built_as_described() -> None:
    network = build_network(Architecture(hidden_layers=(8, 4), activation="tanh", dropout=0.5), 6)
    assert [type(layer).__name__ for layer in network] == [
        "Linear", "Tanh", "Dropout", "Linear", "Tanh", "Dropout", "Linear",
    ]  # fmt: skip
    assert {name: tuple(weight.shape) for name, weight in network.state_dict().items()} == {
        "0.weight": (8, 6), "0.bias": (8,), "3.weight": (4, 8), "3.bias": (4,), "6.weight": (3, 4), "6.bias": (3,),
    }  # fmt: skip
    assert torch.get_num_threads() == 1


def test_without_dropout_there_is_no_dropout_layer() -> None:
    network = build_network(Architecture(hidden_layers=(8,), activation="relu", dropout=0), 6)
    assert [type(layer).__name__ for layer in network] == ["Linear", "ReLU", "Linear"]


def test_building_a_network_leaves_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    build_network(Architecture(hidden_layers=(8, 4), activation="relu", dropout=0.5), 6)
    assert torch.equal(before, torch.get_rng_state())


def test_dropout_drops_its_share_while_training_and_nothing_after() -> None:
    layer = Dropout(0.25)
    layer.generator = torch.Generator().manual_seed(0)
    ones = torch.ones(10_000)
    dropped = layer(ones)
    assert dropped.unique().tolist() == [0.0, pytest.approx(1 / 0.75)]
    assert 0.2 < float((dropped == 0).float().mean()) < 0.3
    assert torch.equal(layer.eval()(ones), ones)
