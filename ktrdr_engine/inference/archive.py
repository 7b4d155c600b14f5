"""The bytes of a model file: one `torch.save` archive, read without ever running what is inside.

`{"format": "ktrdr-model/1", "metadata": <JSON text>, "state_dict": {...}}`. The pickle in it is opened by torch's
weights-only reader alone, and only after the archive around it has proved whole and of a bounded size. Where the file
lies is `bundle`'s matter.
"""

from __future__ import annotations

import io
import logging
import math
import pickle
import pickletools
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import Final, NoReturn

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from ktrdr_engine.errors import ModelError, StrategyError
from ktrdr_engine.inference.metadata import ModelMetadata
from ktrdr_engine.inference.network import build_network

logger = logging.getLogger(__name__)

FORMAT: Final = "ktrdr-model/1"
MAX_BYTES: Final = 256 * 1024 * 1024
MAX_PICKLE_BYTES: Final = 2 * 1024 * 1024
"""Of the entry that is a program; the metadata are in it, as one text."""
_MAX_STEPS: Final = 20_000
"""Of that program: each can cost microseconds and make an object. A network of 16 layers takes some 800."""
_CALLED_FROM: Final = {"torch", "torch._utils", "torch.serialization", "collections OrderedDict"}
"""What it may call: how tensors are put together. torch's reader itself also allows `bytearray(8_000_000_000)`."""
_NAMING: Final = {"STACK_GLOBAL", "INST", "OBJ", "EXT1", "EXT2", "EXT4"}
"""Other ways to name what is called, which torch.save does not use."""
_KEYS: Final = {"format", "metadata", "state_dict"}
_RETRAIN: Final = "Train the model again, or take it from where it came once more."
_UNSAFE: Final = "Use only models trained by this program; nothing in the file was run."

# What zipfile and torch raise on bytes that are not what they seem; a hostile pickle chooses freely among these.
_UNREADABLE: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


def pack(metadata: ModelMetadata, network: nn.Module) -> bytes:
    """Return the file's bytes: equal metadata and weights give equal bytes."""
    weights = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "metadata": metadata.model_dump_json(), "state_dict": weights}, buffer)
    return buffer.getvalue()


def unpack(content: bytes, source: str) -> tuple[ModelMetadata, nn.Sequential]:
    """Return what `pack` was given, the network ready to predict.

    Args:
        content: The file's bytes.
        source: The file's name, for messages.

    Raises:
        ModelError: Not a model file, damaged, unsafe, of another format, or contradicting itself; says which.
    """
    _check_archive(content, source)
    payload = _read(content, source)
    metadata = _metadata(payload["metadata"], source)
    network = build_network(metadata.architecture, len(metadata.feature_names), metadata.feature_plan.lags + 1)
    _fill(network, payload["state_dict"], source)
    return metadata, network.eval()


def _refuse(source: str, problem: str, repair: str = _RETRAIN) -> NoReturn:
    raise ModelError(f"{source}: {problem}. {repair}", details={"model": source, "problem": problem})


def _check_archive(content: bytes, source: str) -> None:
    if not content:
        _refuse(source, "the file is empty")
    if not content.startswith(b"PK"):
        _refuse(source, "this is not a model file (no archive written by torch.save)")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            programs = _programs(archive, source)
    except _UNREADABLE as error:
        _refuse(source, f"the file is truncated or damaged ({error})")
    if "constants.pkl" in programs:
        _refuse(source, "this is a TorchScript program, not a model file", _UNSAFE)
    if "data.pkl" not in programs:
        _refuse(source, "this archive was not written by torch.save")
    for program in programs.values():
        _check_program(program, source)


def _programs(archive: zipfile.ZipFile, source: str) -> dict[str, bytes]:
    """Return the pickles of an archive that is whole, and of which nothing is larger than it may be."""
    entries = archive.infolist()
    if sum(entry.file_size for entry in entries) > MAX_BYTES:
        _refuse(source, f"unpacked it is larger than {MAX_BYTES // 2**20} MB")
    # Before anything is unpacked: torch.save compresses nothing, so that no entry is larger than the file.
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        _refuse(source, "this archive was not written by torch.save: its entries are compressed")
    pickles = [entry for entry in entries if entry.filename.endswith(".pkl")]
    if any(entry.file_size > MAX_PICKLE_BYTES for entry in pickles):
        _refuse(source, f"what describes its weights is larger than {MAX_PICKLE_BYTES // 2**20} MB")
    if damaged := archive.testzip():
        _refuse(source, f"the file is damaged (the checksum of {damaged!r} is wrong)")
    return {entry.filename.rpartition("/")[2]: archive.read(entry) for entry in pickles}


def _check_program(program: bytes, source: str) -> None:
    """Refuse a pickle that does more than put tensors together, from its steps alone; none is taken."""
    try:
        for step, (opcode, argument, _) in enumerate(pickletools.genops(program)):
            named = str(argument)
            called = opcode.name == "GLOBAL" and not {named, named.partition(" ")[0]} & _CALLED_FROM
            if called or opcode.name in _NAMING or step == _MAX_STEPS:
                logger.warning("%s was refused (step %d: %s %s)", source, step, opcode.name, named[:100])
                _refuse(source, "it holds something other than weights and was not opened", _UNSAFE)
    except _UNREADABLE:
        _refuse(source, "it holds something other than weights and was not opened", _UNSAFE)


def _read(content: bytes, source: str) -> Mapping[str, object]:
    try:
        payload = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        # torch's own text advises loading it all the same: not for an agent's eyes.
        logger.warning("%s was refused (%s)", source, type(error).__name__)
        _refuse(source, "it holds something other than weights and was not opened", _UNSAFE)
    if not isinstance(payload, dict) or "format" not in payload:
        _refuse(source, "it was not written by this program: the 'format' entry is missing", _UNSAFE)
    if payload["format"] != FORMAT:
        _refuse(source, f"its format is {payload['format']!r}, this version reads {FORMAT!r}")
    if set(payload) != _KEYS:
        _refuse(source, f"its entries are {sorted(map(str, payload))}, not {sorted(_KEYS)}")
    return payload


def _metadata(text: object, source: str) -> ModelMetadata:
    if not isinstance(text, str):
        _refuse(source, "its metadata is not text")
    try:
        return ModelMetadata.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "metadata"
        _refuse(source, f"its metadata is invalid ({where}: {first['msg']})")
    except StrategyError as error:
        _refuse(source, f"its feature plan is invalid ({error.message})")


def _fill(network: nn.Sequential, weights: object, source: str) -> None:
    expected = network.state_dict()
    if not isinstance(weights, dict) or set(weights) != set(expected):
        found = sorted(map(str, weights)) if isinstance(weights, dict) else type(weights).__name__
        _refuse(source, f"its weights are {found}, its architecture needs {sorted(expected)}")
    for name, tensor in weights.items():
        _check_tensor(name, tensor, expected[name], source)
    network.load_state_dict(weights)


def _check_tensor(name: str, tensor: object, expected: Tensor, source: str) -> None:
    # A meta, sparse or quantised tensor would only fail later, inside a run.
    if type(tensor) is not Tensor or tensor.device.type != "cpu" or tensor.layout is not torch.strided:
        _refuse(source, f"weight {name!r} is not a plain tensor")
    if tensor.dtype is not expected.dtype:
        _refuse(source, f"weight {name!r} is {tensor.dtype}, not {expected.dtype}")
    if tensor.shape != expected.shape:
        _refuse(source, f"weight {name!r} has shape {tuple(tensor.shape)}, not {tuple(expected.shape)}")
    if not math.isfinite(float(tensor.abs().sum(dtype=torch.float64))):
        _refuse(source, f"weight {name!r} holds NaN or infinite numbers")
