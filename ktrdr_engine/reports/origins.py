"""Strategy and model of a run as their files say now, if those are still the files the run used.

The hashes that results carry decide; a file that has changed is named and not shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ktrdr_engine.errors import ModelError, StrategyError
from ktrdr_engine.strategy.summary import plain_words

if TYPE_CHECKING:
    from ktrdr_engine.inference.library import ModelLibrary
    from ktrdr_engine.inference.metadata import ModelMetadata
    from ktrdr_engine.operations.models import Operation
    from ktrdr_engine.strategy.library import StrategyLibrary

_SHORT: Final = 12
_NO_HASH: Final = "The operation has recorded no hash: this is the file as it is now."


class StrategyPart(NamedTuple):
    """What can be said of the strategy; without a text the remark says why."""

    words: tuple[str, ...] = ()
    yaml: str = ""
    remark: str = ""


class ModelPart(NamedTuple):
    """What can be said of the model; without metadata the remark says why."""

    name: str = ""
    metadata: ModelMetadata | None = None
    remark: str = ""


def strategy_of(operation: Operation, strategies: StrategyLibrary) -> StrategyPart:
    """Return the strategy an operation used."""
    name = operation.metadata.get("strategy_config_path")
    if not isinstance(name, str):
        return StrategyPart(remark="This operation used no strategy.")
    try:
        strategy = strategies.load(name)
    except StrategyError as error:
        return StrategyPart(remark=f"The strategy is not on this side any more: {error.message}")
    recorded = _recorded(operation, "strategy_sha256")
    if recorded and recorded != strategy.sha256:
        return StrategyPart(remark=_changed(name, recorded, strategy.sha256))
    words = tuple(plain_words(strategy.config).splitlines())
    return StrategyPart(words, strategy.text, "" if recorded else _NO_HASH)


def model_of(operation: Operation, models: ModelLibrary) -> ModelPart:
    """Return the model an operation used or made; imports torch."""
    name = (operation.results or {}).get("model_path") or operation.metadata.get("model_path")
    if not isinstance(name, str):
        return ModelPart(remark=_no_model(operation))
    try:
        bundle = models.load(name)
    except ModelError as error:
        return ModelPart(name, remark=f"The model is not on this side any more: {error.message}")
    recorded = _recorded(operation, "model_sha256")
    if recorded and recorded != bundle.sha256:
        return ModelPart(name, remark=_changed(name, recorded, bundle.sha256))
    return ModelPart(name, bundle.metadata, "" if recorded else _NO_HASH)


def _no_model(operation: Operation) -> str:
    provenance = (operation.results or {}).get("provenance") or {}
    if "model_sha256" in provenance:
        return "There is no model: the rules of the strategy decide."
    return f"This operation names no model{'' if operation.status.is_final else ' so far'}."


def _recorded(operation: Operation, name: str) -> str | None:
    provenance: Mapping[str, Any] = (operation.results or {}).get("provenance") or {}
    found = provenance.get(name)
    return found if isinstance(found, str) else None


def _changed(name: str, recorded: str, found: str) -> str:
    return (
        f"{name} has changed since the run (its sha256 was {recorded[:_SHORT]}..., now it is {found[:_SHORT]}...): "
        "it is left out rather than shown as what was run."
    )
