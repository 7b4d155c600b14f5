"""Models by name: the user's own beside the shipped ones, the last few used kept open.

torch is imported when a model is first loaded, not before: listing names stays cheap.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ktrdr_engine.catalog import Catalog
from ktrdr_engine.errors import ModelError, did_you_mean

if TYPE_CHECKING:
    from ktrdr_engine.inference.bundle import ModelBundle

_KEPT: Final = 16
_LISTED: Final = 20

_Key = tuple[Path, int, int]


class ModelLibrary:
    """The `.pt` files in the `models/` folders under `roots`, the first root winning a clash of names.

    Guarantees: safe from any thread; a file that changes on disk is read again.
    """

    def __init__(self, roots: tuple[Path, ...]) -> None:
        self._catalog = Catalog("models", (".pt",), roots, ModelError)
        self._lock = threading.Lock()
        self._loaded: OrderedDict[_Key, ModelBundle] = OrderedDict()
        self._summaries: dict[_Key, tuple[str, str]] = {}

    def names(self) -> list[str]:
        """Return the file names of all models, sorted."""
        return self._catalog.names()

    def load(self, name: str) -> ModelBundle:
        """Return the model called `name`; `.pt` and a leading `models/` may be left out.

        Raises:
            ModelError: No such model, or its file cannot be used; says why.
        """
        return self._bundle(self._key(name))

    def newest_for(self, strategy_name: str) -> str:
        """Return the file name of the latest created model trained for a strategy.

        A file that cannot be used is passed over here; loading it by name says why.

        Raises:
            ModelError: There is none; the message lists the models there are and what each was trained for.
        """
        trained = self._trained_for()
        candidates = [(created, name) for name, (strategy, created) in trained.items() if strategy == strategy_name]
        if candidates:
            return max(candidates)[1]
        strategies = {strategy for strategy, _ in trained.values()}
        listed = ", ".join(f"{name} (for {strategy})" for name, (strategy, _) in sorted(trained.items())[:_LISTED])
        raise ModelError(
            f"No model was trained for strategy {strategy_name!r}.{did_you_mean(strategy_name, strategies)} "
            f"Models: {listed or 'none'}.",
            details={"strategy": strategy_name, "known": sorted(trained)},
        )

    def _trained_for(self) -> dict[str, tuple[str, str]]:
        found = {}
        for name in self.names():
            with contextlib.suppress(ModelError):
                found[name] = self._summary(self._key(name))
        return found

    def _key(self, name: str) -> _Key:
        path = self._catalog.find(name)
        try:
            state = path.stat()
        except OSError as error:
            raise ModelError(f"{path.name}: cannot be read ({error.strerror}).") from error
        return path, state.st_mtime_ns, state.st_size

    def _summary(self, key: _Key) -> tuple[str, str]:
        if key not in self._summaries:
            metadata = self._bundle(key).metadata
            self._summaries[key] = (metadata.strategy_name, metadata.created_at)
        return self._summaries[key]

    def _bundle(self, key: _Key) -> ModelBundle:
        from ktrdr_engine.inference.bundle import load_bundle

        with self._lock:
            if key in self._loaded:
                self._loaded.move_to_end(key)
                return self._loaded[key]
        # Outside the lock: two threads may read one file twice, but no one waits for another's file.
        bundle = load_bundle(key[0])
        with self._lock:
            self._loaded[key] = bundle
            if len(self._loaded) > _KEPT:
                self._loaded.popitem(last=False)
        return bundle
