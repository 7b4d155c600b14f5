"""Files that are not what they seem: each is refused with its reason, and nothing inside is ever run."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ktrdr_engine.errors import ModelError
from ktrdr_engine.inference.archive import FORMAT, MAX_BYTES, pack, unpack
from ktrdr_engine.inference.bundle import load_bundle
from tests.inference.models import bundle

GOOD = bundle()
CONTENT = pack(GOOD.metadata, GOOD.network)


def payload(**changes: object) -> bytes:
    values = {
        "format": FORMAT,
        "metadata": GOOD.metadata.model_dump_json(),
        "state_dict": dict(GOOD.network.state_dict()),
    }
    return saved(values | changes)


def saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def described(edit: Callable[[dict[str, Any]], object]) -> bytes:
    values = json.loads(GOOD.metadata.model_dump_json())
    edit(values)
    return payload(metadata=json.dumps(values))


def weights(**changes: object) -> bytes:
    return payload(state_dict=dict(GOOD.network.state_dict()) | {k.replace("_", "."): v for k, v in changes.items()})


def zipped(compression: int = zipfile.ZIP_STORED, /, **entries: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return buffer.getvalue()


def torchscript() -> bytes:
    buffer = io.BytesIO(CONTENT)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("archive/constants.pkl", b"")
    return buffer.getvalue()


def flipped(place: int) -> bytes:
    content = bytearray(CONTENT)
    content[place] ^= 0xFF
    return bytes(content)


def place_of_weights() -> int:
    with zipfile.ZipFile(io.BytesIO(CONTENT)) as archive:
        entry = next(e for e in archive.infolist() if "/data/0" in e.filename)
        content = archive.read(entry)
    return CONTENT.index(content)


REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "the file is empty"),
    "text": (b"this is not a model\n" * 50, "not a model file"),
    "bare pickle": (pickle.dumps({"format": FORMAT}), "not a model file"),
    "truncated": (CONTENT[: len(CONTENT) // 2], "truncated"),
    "without its last byte": (CONTENT[:-1], r"truncated|damaged"),
    "one weight damaged": (flipped(place_of_weights()), "damaged .*checksum"),
    "zip of other things": (zipped(readme_txt=b"hello"), "not written by torch.save"),
    "zip bomb": (zipped(archive__data_pkl=b"\0" * (MAX_BYTES + 1)), "unpacked it is larger than 256 MB"),
    "torchscript": (torchscript(), "TorchScript"),
    "foreign state_dict": (saved(dict(GOOD.network.state_dict())), "'format' entry is missing"),
    "foreign module": (saved(GOOD.network), "something other than weights and was not opened"),
    "a list": (saved([1, 2, 3]), "'format' entry is missing"),
    "future format": (payload(format="ktrdr-model/2"), "its format is 'ktrdr-model/2', this version reads"),
    "format of another kind": (payload(format=1), "its format is 1"),
    "further entry": (payload(extra=1), "its entries are"),
    "metadata not text": (payload(metadata={"a": 1}), "metadata is not text"),
    "metadata not json": (payload(metadata="{"), r"metadata is invalid \(metadata: Invalid JSON"),
    "metadata nested without end": (payload(metadata="[" * 100_000), "metadata is invalid"),
    "metadata lacks a field": (described(lambda m: m.pop("seed")), r"metadata is invalid \(seed: Field required"),
    "metadata has one more": (described(lambda m: m.update(x=1)), r"metadata is invalid \(x"),
    "names and scales differ": (described(lambda m: m["feature_names"].pop()), "differ in length"),
    "names of other features": (
        described(lambda m: m["feature_names"].reverse()),
        "feature_names are not those of feature_plan",
    ),
    "lags without end": (
        described(lambda m: m["feature_plan"].update(lags=10**12)),
        "feature_names are not those of feature_plan",
    ),
    "a range that is no date": (
        described(lambda m: m["training_range"].update(end="last year")),
        r"metadata is invalid \(training_range.end: .*not an ISO-8601 date",
    ),
    "infinite scale": (described(lambda m: m["normalization"]["scale"].__setitem__(0, float("inf"))), "scale"),
    "huge layer": (described(lambda m: m["architecture"].update(hidden_layers=[10**9])), "hidden_layers"),
    "unknown indicator": (
        described(lambda m: m["feature_plan"]["indicators"][0].update(type="rsii")),
        "feature plan is invalid",
    ),
    "a small file that unpacks to a large one": (
        zipped(zipfile.ZIP_DEFLATED, m__data_pkl=b"\x80\x02" + b"]" * 40_000_000 + b"."),
        "its entries are compressed",
    ),
    "a large program": (zipped(m__data_pkl=b"\x80\x02" + b"]" * 3_000_000 + b"."), "larger than 2 MB"),
    "a program of many steps": (
        zipped(m__data_pkl=b"\x80\x02" + b"]" * 1_000_000 + b"."),
        "something other than weights",
    ),
    "a call that takes all memory": (
        zipped(m__data_pkl=b"\x80\x02cbuiltins\nbytearray\n\x8a\x05" + (10**10).to_bytes(5, "little") + b"\x85R."),
        "something other than weights",
    ),
    "a call named otherwise": (
        zipped(m__data_pkl=b"\x80\x04\x8c\x08builtins\x8c\x09bytearray\x93K\x01\x85R."),
        "something other than weights",
    ),
    "weights not a mapping": (payload(state_dict=[1]), "its weights are list"),
    "weights of another architecture": (
        described(lambda m: m["architecture"].update(hidden_layers=[8])),
        "its weights are .* its architecture needs",
    ),
    "wrong shape": (weights(**{"0_weight": torch.zeros(8, 5)}), r"'0.weight' has shape \(8, 5\), not \(8, 6\)"),
    "wrong kind": (weights(**{"0_bias": torch.zeros(8, dtype=torch.float64)}), "'0.bias' is torch.float64"),
    "nan weights": (weights(**{"0_bias": torch.full((8,), float("nan"))}), "'0.bias' holds NaN or infinite"),
    "infinite weights": (weights(**{"0_bias": torch.full((8,), float("-inf"))}), "NaN or infinite"),
    "meta tensor": (weights(**{"0_bias": torch.zeros(8, device="meta")}), "not a plain tensor"),
    "sparse tensor": (weights(**{"0_bias": torch.zeros(8).to_sparse()}), "not a plain tensor"),
    "parameter": (weights(**{"0_bias": torch.nn.Parameter(torch.zeros(8))}), "not a plain tensor"),
    "number as weight": (weights(**{"0_bias": 3}), "not a plain tensor"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore:Sparse invariant checks:UserWarning")
def test_a_file_that_is_no_model_is_refused_with_its_reason(name: str) -> None:
    content, reason = REFUSED[name]
    with pytest.raises(ModelError, match=reason) as caught:
        unpack(content, "m.pt")
    assert caught.value.message.startswith("m.pt: ")
    assert caught.value.details["model"] == "m.pt"


class Payload:
    """Runs a command when it is unpickled by anything that trusts it."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("kind", ["inside", "whole", "bare", "legacy"])
def test_a_malicious_pickle_is_refused_and_never_run(tmp_path: Path, kind: str) -> None:
    marker = tmp_path / "marker"
    harm = Payload(marker)
    content = {
        "inside": lambda: payload(metadata=harm),
        "whole": lambda: saved(harm),
        "bare": lambda: pickle.dumps(harm),
        "legacy": lambda: legacy(harm),
    }[kind]()
    path = tmp_path / "m.pt"
    path.write_bytes(content)
    with pytest.raises(ModelError):
        load_bundle(path)
    assert not marker.exists()


def legacy(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def test_the_malicious_pickle_of_these_tests_does_harm_where_it_is_trusted(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    torch.load(io.BytesIO(saved(Payload(marker))), weights_only=False)
    assert marker.exists()


def test_random_damage_is_refused_or_harmless() -> None:
    chance = random.Random(1)
    expected = GOOD.network.state_dict()
    for _ in range(150):
        content = bytearray(CONTENT)
        for _ in range(chance.choice([1, 2, 20])):
            content[chance.randrange(len(content))] = chance.randrange(256)
        try:
            metadata, network = unpack(bytes(content), "m.pt")
        except ModelError:
            continue
        assert metadata == GOOD.metadata
        assert all(torch.equal(value, expected[name]) for name, value in network.state_dict().items())


def test_any_truncation_is_refused() -> None:
    for length in range(0, len(CONTENT) - 1, 97):
        with pytest.raises(ModelError):
            unpack(CONTENT[:length], "m.pt")


def test_packing_twice_gives_the_same_bytes() -> None:
    metadata, network = unpack(CONTENT, "m.pt")
    assert pack(metadata, network) == CONTENT == pack(bundle().metadata, bundle().network)
