"""LSTM and GRU: the numbers of the papers, and the same bits whoever asks and however much follows."""

from __future__ import annotations

import dataclasses
import io
import json
import threading
from typing import Any, Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from ktrdr_engine.errors import ModelError
from ktrdr_engine.features.matrix import FeatureMatrix
from ktrdr_engine.inference.archive import pack, unpack
from ktrdr_engine.inference.bundle import ModelBundle
from ktrdr_engine.inference.metadata import RecurrentArchitecture
from ktrdr_engine.inference.network import build_network, logits, rows_at_once
from tests.inference.models import PLAN, bundle, matrix, metadata

Kind = Literal["lstm", "gru"]
KINDS: list[Kind] = ["lstm", "gru"]
LONG = dataclasses.replace(PLAN, lags=6)
MANY = 10_000


def shape(kind: Kind = "lstm", **changes: Any) -> RecurrentArchitecture:
    values: dict[str, Any] = {"hidden_size": 5, "num_layers": 1, "dropout": 0.0}
    return RecurrentArchitecture(type=kind, **(values | changes))


def model(kind: Kind = "lstm", **changes: Any) -> ModelBundle:
    return bundle(seed=4, plan=LONG, architecture=shape(kind, **changes))


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-x)))


def lstm(x: NDArray[np.float64], w: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return all states of one sequence, shape (steps, hidden), gates in the order input, forget, cell, output."""
    size = w["weight_hh_l0"].shape[1]
    h = c = np.zeros(size)
    states = []
    for now in x:
        gates = w["weight_ih_l0"] @ now + w["bias_ih_l0"] + w["weight_hh_l0"] @ h + w["bias_hh_l0"]
        i, f, g, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        states.append(h)
    return np.array(states)


def gru(x: NDArray[np.float64], w: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return all states of one sequence, shape (steps, hidden), gates in the order reset, update, new."""
    h = np.zeros(w["weight_hh_l0"].shape[1])
    states = []
    for now in x:
        r_x, z_x, n_x = np.split(w["weight_ih_l0"] @ now + w["bias_ih_l0"], 3)
        r_h, z_h, n_h = np.split(w["weight_hh_l0"] @ h + w["bias_hh_l0"], 3)
        z = sigmoid(z_x + z_h)
        n = np.tanh(n_x + sigmoid(r_x + r_h) * n_h)
        h = (1 - z) * n + z * h
        states.append(h)
    return np.array(states)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layers", [1, 3])
def test_the_numbers_are_those_of_the_formulas_from_the_oldest_bar_to_the_newest(kind: Kind, layers: int) -> None:
    asked = model(kind, num_layers=layers)
    rows = matrix(40, LONG)
    weights = {name: value.numpy().astype(np.float64) for name, value in asked.network.state_dict().items()}
    answers = logits(asked.network, torch.from_numpy(rows.values[6:])).detach().numpy()
    for row in range(6, 40):
        sequence = rows.base[row - 6 : row + 1].astype(np.float64)
        for layer in range(layers):
            prefix = f"0.layers.{layer}."
            own = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
            sequence = (lstm if kind == "lstm" else gru)(sequence, own)
        expected = weights["1.weight"] @ sequence[-1] + weights["1.bias"]
        np.testing.assert_allclose(answers[row - 6], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [1, 7, 8, 4095, 4096, 4097, 9000])
def test_the_bits_of_a_row_do_not_depend_on_how_many_follow(kind: Kind, length: int) -> None:
    whole = matrix(MANY, LONG)
    prefix = FeatureMatrix(whole.names, whole.base[:length].copy(), whole.lags)
    asked = model(kind, num_layers=2)
    assert asked.predict(prefix).tobytes() == asked.predict(whole)[:length].tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_threads_predict_the_same_bits_at_once(kind: Kind) -> None:
    asked, rows = model(kind, hidden_size=32), matrix(MANY, LONG)
    expected = asked.predict(rows).tobytes()
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(asked.predict(rows).tobytes())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [5, 32])
def test_rows_that_see_a_nan_are_nan_and_the_others_are_untouched(kind: Kind, size: int) -> None:
    asked, whole = model(kind, num_layers=2, hidden_size=size), matrix(300, LONG)
    holed = whole.base.copy()
    holed[100, 2] = np.nan
    probabilities = asked.predict(FeatureMatrix(whole.names, holed, whole.lags))
    expected = asked.predict(whole)
    assert np.isnan(expected[:6]).all()
    assert np.isfinite(expected[6:]).all()
    expected[100:107] = np.nan
    np.testing.assert_array_equal(probabilities, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_an_infinite_input_is_no_answer(kind: Kind) -> None:
    asked, whole = model(kind), matrix(20, LONG)
    holed = whole.base.copy()
    holed[12, 1] = np.inf
    assert np.isnan(asked.predict(FeatureMatrix(whole.names, holed, whole.lags))[12:19]).all()


def test_the_weights_have_the_sizes_of_the_description() -> None:
    network = build_network(shape("gru", num_layers=2, dropout=0.2), 21, 7)
    assert {name: tuple(weight.shape) for name, weight in network.state_dict().items()} == {
        "0.layers.0.weight_ih_l0": (15, 3), "0.layers.0.weight_hh_l0": (15, 5),
        "0.layers.0.bias_ih_l0": (15,), "0.layers.0.bias_hh_l0": (15,),
        "0.layers.2.weight_ih_l0": (15, 5), "0.layers.2.weight_hh_l0": (15, 5),
        "0.layers.2.bias_ih_l0": (15,), "0.layers.2.bias_hh_l0": (15,),
        "2.weight": (3, 5), "2.bias": (3,),
    }  # fmt: skip


def test_building_and_asking_leave_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    asked = model(num_layers=2, dropout=0.5)
    asked.predict(matrix(50, LONG))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("size", "steps", "rows"), [(1, 1, 4096), (32, 21, 512), (5, 7, 4096), (512, 51, 16), (512, 256, 16)]
)
def test_the_memory_of_a_prediction_is_bounded_by_the_rows_at_once(size: int, steps: int, rows: int) -> None:
    network = build_network(shape(hidden_size=size), steps * 2, steps)
    assert rows_at_once(network) == rows
    assert rows * steps * 4 * size * 4 <= 64 * 2**20


@pytest.mark.parametrize("kind", KINDS)
def test_logits_in_groups_are_those_of_a_prediction(kind: Kind) -> None:
    asked, rows = model(kind), matrix(5_000, LONG)
    with torch.inference_mode():
        answers = logits(asked.network, torch.from_numpy(rows.values[6:]))
    np.testing.assert_allclose(torch.softmax(answers, dim=1).numpy(), asked.predict(rows)[6:], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_packed_network_comes_back(kind: Kind) -> None:
    asked = model(kind, num_layers=2, dropout=0.3)
    described, network = unpack(pack(asked.metadata, asked.network), "m.pt")
    assert described == asked.metadata
    assert ModelBundle.of(described, network).predict(matrix(90, LONG)).tobytes() == (
        asked.predict(matrix(90, LONG)).tobytes()
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": 0}, {"hidden_size": 513}, {"hidden_size": 10**12}, {"num_layers": 0}, {"num_layers": 5},
        {"dropout": 1.0}, {"hidden_layers": (5,)}, {"type": "transformer"}, {"type": ["lstm"]}, {"type": None},
    ],
)  # fmt: skip
def test_a_hostile_architecture_is_refused_before_anything_is_built(changes: dict[str, Any]) -> None:
    text = metadata(LONG, architecture=shape()).model_dump(mode="json")
    text["architecture"] |= changes
    with pytest.raises(ModelError, match=r"metadata is invalid \(architecture"):
        unpack(_file(text), "m.pt")


def test_an_endless_sequence_is_refused() -> None:
    endless = dataclasses.replace(PLAN, inputs=PLAN.inputs[1:], lags=256)
    assert metadata(endless)
    with pytest.raises(ValidationError, match="a sequence may have 255 lags, not 256"):
        metadata(endless, architecture=shape())


def test_an_architecture_without_a_type_is_that_of_a_file_from_before_there_were_several() -> None:
    text = bundle().metadata.model_dump(mode="json")
    del text["architecture"]["type"]
    text["feature_plan"].pop("higher")
    for item in text["feature_plan"]["inputs"]:
        item.pop("timeframes")
    described, _ = unpack(_file(text, bundle().network.state_dict()), "m.pt")
    assert described == bundle().metadata


def test_the_weights_of_another_kind_are_refused() -> None:
    asked = model("lstm")
    text = metadata(LONG, architecture=shape("gru")).model_dump(mode="json")
    with pytest.raises(ModelError, match=r"'0.layers.0.weight_ih_l0' has shape \(20, 3\), not \(15, 3\)"):
        unpack(_file(text, asked.network.state_dict()), "m.pt")


def _file(text: dict[str, Any], weights: dict[str, torch.Tensor] | None = None) -> bytes:
    buffer = io.BytesIO()
    payload = {"format": "ktrdr-model/1", "metadata": json.dumps(text), "state_dict": dict(weights or {})}
    torch.save(payload, buffer)
    return buffer.getvalue()
