"""Models by name: the user's own beside the shipped ones, the last few used kept open.

torch is imported when a model is first loaded, not before: listing names stays cheap.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ktrdr_engine.bars.dates import parse_stamp
from ktrdr_engine.catalog import Catalog, Source, Unusable, source_of
from ktrdr_engine.errors import ModelError, ModelExists, StorageError, did_you_mean

if TYPE_CHECKING:
    from ktrdr_engine.inference.bundle import ModelBundle
    from ktrdr_engine.inference.metadata import ModelMetadata

_KEPT: Final = 16
_LISTED: Final = 20
_TRIAL_BYTES: Final = 65_536

_Key = tuple[Path, int, int]


class _Summary(NamedTuple):
    """What is chosen by; `created` is in nanoseconds UTC."""

    strategy: str
    created: int
    partial: bool

    @property
    def words(self) -> str:
        return f"for {self.strategy}, cancelled" if self.partial else f"for {self.strategy}"


class ModelLibrary:
    """The `.pt` files in the `models/` folders under `roots`, the first root winning a clash of names.

    Guarantees: safe from any thread; a file that changes on disk is read again.
    """

    def __init__(self, roots: tuple[Path, ...]) -> None:
        self._catalog = Catalog("models", (".pt",), roots, ModelError)
        self._lock = threading.Lock()
        self._loaded: OrderedDict[_Key, ModelBundle] = OrderedDict()
        self._metadata: dict[_Key, ModelMetadata] = {}
        self._refused: dict[Path, tuple[_Key, ModelError]] = {}

    def names(self) -> list[str]:
        """Return the file names of all models, sorted."""
        return self._catalog.names()

    def unusable(self) -> list[Unusable]:
        """Return what lies among the models and cannot be used, whatever is in it."""
        return self._catalog.unusable()

    def load(self, name: str) -> ModelBundle:
        """Return the model called `name`; `.pt` and a leading `models/` may be left out.

        Raises:
            ModelError: No such model, or its file cannot be used; says why.
        """
        return self._bundle(self._key(name))

    def metadata(self, name: str) -> ModelMetadata:
        """Return everything about a model but its weights; kept for as long as its file stays as it is.

        Raises:
            ModelError: As `load`.
        """
        key = self._key(name)
        if key not in self._metadata:
            self._metadata[key] = self._bundle(key).metadata
        return self._metadata[key]

    def source(self, name: str) -> Source:
        """Return whose file `name` is.

        Raises:
            ModelError: No such model.
        """
        return source_of(self._catalog.find(name))

    def newest_for(self, strategy_name: str) -> str:
        """Return the file name of the latest created model trained for a strategy, whatever it was trained on.

        Raises:
            ModelError: As `newest_first`.
        """
        return self.newest_first(strategy_name)[0]

    def newest_first(self, strategy_name: str) -> list[str]:
        """Return the file names of the models trained for a strategy, the user's own and the shipped ones.

        A file that cannot be used is passed over here; loading it by name says why. So is one whose training was
        cancelled: nobody gets half a training without having named it.

        Raises:
            ModelError: There is none; the message lists the models there are and what each was trained for.
        """
        trained = self._trained_for()
        candidates = [
            (one.created, _version(name), name)
            for name, one in trained.items()
            if one.strategy == strategy_name and not one.partial
        ]
        if candidates:
            return [name for _, _, name in sorted(candidates, reverse=True)]
        strategies = {one.strategy for one in trained.values()}
        listed = ", ".join(f"{name} ({one.words})" for name, one in sorted(trained.items())[:_LISTED])
        raise ModelError(
            f"No model was trained for strategy {strategy_name!r}.{did_you_mean(strategy_name, strategies)} "
            f"Models: {listed or 'none'}.",
            details={"strategy": strategy_name, "known": sorted(trained)},
        )

    def save(self, bundle: ModelBundle, stem: str, version: str) -> str:
        """Write a model into the user's folder as `<stem>_v<version>.pt` and return its file name.

        A name that any folder has already is left alone: the last number of the version rises until one is free, also
        when several trainings save at once.

        Raises:
            StorageError: The folder cannot be written.
        """
        from ktrdr_engine.inference.bundle import save_bundle

        folder = self.writable_folder()
        major, minor, patch = semantic(version)
        taken = set(self.names())
        while True:
            name = f"{stem}_v{major}.{minor}.{patch}.pt"
            if name not in taken:
                with contextlib.suppress(ModelExists):
                    save_bundle(bundle, folder / name)
                    return name
            patch += 1

    def writable_folder(self) -> Path:
        """Return the user's folder of models, made if need be, after a trial file could be written there.

        Raises:
            StorageError: It cannot be written.
        """
        folder = self._catalog.roots[0] / self._catalog.kind
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{folder} cannot be made ({error.strerror}): make it, or set KTRDR_HOME.") from error
        trial = folder / f".trial.{secrets.token_hex(8)}"
        try:
            # What a file system says of rights is not always so, and of room it says nothing.
            trial.write_bytes(os.urandom(_TRIAL_BYTES))
        except OSError as error:
            raise StorageError(
                f"{folder} cannot be written ({error.strerror}): make room or make it writable, or set KTRDR_HOME to a "
                "folder that is."
            ) from error
        finally:
            with contextlib.suppress(OSError):
                trial.unlink()
        return folder

    def _trained_for(self) -> dict[str, _Summary]:
        found = {}
        for name in self.names():
            with contextlib.suppress(ModelError, OSError):
                metadata = self.metadata(name)
                created, _ = parse_stamp(metadata.created_at)
                found[name] = _Summary(metadata.strategy_name, created, metadata.partial)
        return found

    def _key(self, name: str) -> _Key:
        path = self._catalog.find(name)
        try:
            state = path.stat()
        except OSError as error:
            raise ModelError(f"{path.name}: cannot be read ({error.strerror}).") from error
        return path, state.st_mtime_ns, state.st_size

    def _bundle(self, key: _Key) -> ModelBundle:
        from ktrdr_engine.inference.bundle import load_bundle

        with self._lock:
            if key in self._loaded:
                self._loaded.move_to_end(key)
                return self._loaded[key]
        # Examining a file that is no model can take seconds, and lists ask about each file each time.
        known, refusal = self._refused.get(key[0], (None, None))
        if refusal is not None and known == key:
            raise ModelError(refusal.message, details=refusal.details)
        # Outside the lock: two threads may read one file twice, but no one waits for another's file.
        try:
            bundle = load_bundle(key[0])
        except ModelError as error:
            self._refused[key[0]] = key, error
            raise
        with self._lock:
            self._loaded[key] = bundle
            if len(self._loaded) > _KEPT:
                self._loaded.popitem(last=False)
        return bundle


def semantic(version: str) -> tuple[int, int, int]:
    """Return the three numbers of a version such as "1.2.0" or "2"; (1, 0, 0) for one that is none."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6}){0,2}", version):
        return 1, 0, 0
    major, minor, patch = (*map(int, version.split(".")), 0, 0)[:3]
    return major, minor, patch


def _version(name: str) -> tuple[int, ...]:
    found = re.search(r"_v(\d+)\.(\d+)\.(\d+)\.pt$", name)
    return tuple(map(int, found.groups())) if found else ()
