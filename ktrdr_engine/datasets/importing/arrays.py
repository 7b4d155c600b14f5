"""From Arrow's columns to numpy's, without the detour through pandas that `to_numpy` takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def as_numpy(column: pa.Array) -> NDArray[Any]:
    """Return a column of numbers or truths without nulls; read-only."""
    if pa.types.is_boolean(column.type):
        return np.from_dlpack(pc.cast(column, pa.uint8())).view(np.bool_)
    return np.from_dlpack(column)


def characters(text: pa.Array) -> NDArray[np.uint8] | None:
    """Return ASCII texts of one length as shape (n, length); None: they are not."""
    lengths = pc.min_max(pc.binary_length(text)).as_py()
    if lengths["min"] != lengths["max"] or not lengths["max"]:
        return None
    length = lengths["max"]
    _, _, data = text.buffers()
    whole = np.frombuffer(data, dtype=np.uint8)
    starts = np.frombuffer(text.buffers()[1], dtype=np.int32)
    begin = int(starts[text.offset])
    return whole[begin : begin + len(text) * length].reshape(len(text), length)
