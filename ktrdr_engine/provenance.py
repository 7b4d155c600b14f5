"""Where numbers come from: what every result says of its inputs and of the programs that made it."""

from __future__ import annotations

import functools
import importlib.metadata

from pydantic import BaseModel, ConfigDict


class Provenance(BaseModel):
    """What the numbers were made from; equal provenance means equal bytes. Rules have no model: the strategy is it."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    data_sha256: str
    strategy_sha256: str
    model_sha256: str | None
    seed: int | None
    engine_version: str
    library_versions: dict[str, str]


@functools.cache
def library_version(name: str) -> str:
    """Return the version of an installed library."""
    return importlib.metadata.version(name)
