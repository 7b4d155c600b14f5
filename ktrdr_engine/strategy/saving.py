"""The user's own strategy files, written so that nobody's work is lost.

A text is checked before it is written. Who replaces a file must say which text is meant to go; what goes is kept in
`.history/<name>/<number>-<sha256>.yaml`, so that it, and what a model was trained on, can still be read.

Guarantees: a reader sees the old file or the new one, never a part. Of two writers, threads or processes, one wins and
the other is told. What `save` returned for is on the disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ktrdr_engine.errors import StorageError, StrategyConflict, StrategyError
from ktrdr_engine.strategy.loader import parse_strategy
from ktrdr_engine.strategy.schema import StrategyConfig

_NAME = re.compile(r"(?!.*\.ya?ml$)[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", re.IGNORECASE)
_LOCK_SECONDS = 10
_FEWEST_LETTERS = 6


class Saved(NamedTuple):
    """What was written.

    Attributes:
        previous_sha256: Of the text that was replaced and kept; None for a new file.
        shadows_shipped: From now on the shipped strategy of this name is not found any more.
    """

    config: StrategyConfig
    file_name: str
    sha256: str
    previous_sha256: str | None
    shadows_shipped: bool = False


class StrategyFolder:
    """The files in one folder, made when the first is saved."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, name: str, text: str, *, expected_sha256: str | None) -> Saved:
        """Write `<name>.yaml`.

        Raises:
            StrategyError, StrategyConflict, StorageError: As `StrategyLibrary.save`.
        """
        content = text.encode("utf-8", errors="surrogatepass")
        config = _checked(name, content)
        sha256 = hashlib.sha256(content).hexdigest()
        path = self._folder / f"{name}.yaml"
        with _storage_errors(path), self._locked():
            _refuse_twin(self._folder / f"{name}.yml")
            previous = path.read_bytes() if path.is_file() else None
            there = hashlib.sha256(previous).hexdigest() if previous is not None else None
            if there != sha256:
                _require(name, there, expected_sha256)
                if previous is not None:
                    self._keep(name, previous)
                _write(path, content)
        return Saved(config, path.name, sha256, there)

    def versions(self, name: str) -> list[str]:
        """Return the sha256 of every kept text, the latest replaced first."""
        return list(dict.fromkeys(path.stem.partition("-")[2] for path in self._kept(name)))

    def version(self, name: str, sha256: str) -> Path:
        """Return the file of the kept text whose sha256 begins so.

        Raises:
            StrategyError: There is none, or more than one.
        """
        known = self.versions(name)
        found = [one for one in known if one.startswith(sha256)]
        if len(found) != 1 or len(sha256) < _FEWEST_LETTERS:
            shown = ", ".join(one[:12] for one in known[:20]) or "none"
            raise StrategyError(
                f"No version {sha256[:64]!r} of {name}. Kept versions, latest first: {shown}.",
                details={"field": "version", "value": sha256[:64], "known": known},
            )
        return next(path for path in self._kept(name) if path.stem.endswith(found[0]))

    def _keep(self, name: str, content: bytes) -> None:
        latest = next((int(path.stem.partition("-")[0]) for path in self._kept(name)), 0)
        sha256 = hashlib.sha256(content).hexdigest()
        _write(self._folder / ".history" / name / f"{latest + 1:06}-{sha256}.yaml", content)

    def _kept(self, name: str) -> list[Path]:
        """Return the files of the kept texts, the latest first; a text that came and went twice is there twice."""
        folder = self._folder / ".history" / name
        return sorted(folder.glob("[0-9]*-*.yaml"), reverse=True) if folder.is_dir() else []

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # Imported late: only who writes needs it.
        from filelock import FileLock

        self._folder.mkdir(parents=True, exist_ok=True)
        # A lock that cannot be had in time is an OSError: TimeoutError.
        with FileLock(self._folder / ".lock", timeout=_LOCK_SECONDS, thread_local=False):
            yield


def _checked(name: str, content: bytes) -> StrategyConfig:
    if not _NAME.fullmatch(name):
        raise StrategyError(
            f"{name[:120]!r} is no name for a strategy: use up to 100 letters, digits, '_', '-' and '.', "
            "beginning with a letter or a digit.",
            details={"field": "name", "value": name[:120]},
        )
    config = parse_strategy(content, f"{name}.yaml")
    if config.name != name:
        raise StrategyError(
            f"{name}.yaml: name = {config.name!r} inside the text is another name than the file's. "
            f"Write `name: {name}`, or save it as {config.name!r}.",
            details={"field": "name", "value": config.name, "known": [name]},
        )
    return config


def _refuse_twin(path: Path) -> None:
    if path.is_file():
        raise StrategyConflict(
            f"You have a file {path.name}, which the new one would hide. Nothing was written. "
            f"Rename it to {path.stem}.yaml first, or choose another name.",
            details={"field": "name", "value": path.name, "sha256": None},
        )


def _require(name: str, there: str | None, expected: str | None) -> None:
    if there == expected:
        return
    if there is None:
        raise StrategyConflict(
            f"You have no strategy {name!r} that could have sha256 {str(expected)[:64]}: nothing was written. "
            "Leave expected_sha256 out to write a new file.",
            details={"field": "expected_sha256", "value": str(expected)[:64], "sha256": None},
        )
    what = "was changed by someone else since" if expected else "exists already"
    raise StrategyConflict(
        f"Your strategy {name!r} {what}: its sha256 is {there}. Nothing was written. "
        f"Read it first, then save again with expected_sha256={there!r} to replace it, or choose another name.",
        details={"field": "expected_sha256", "value": expected and expected[:64], "sha256": there},
    )


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _sync_folder(folder: Path) -> None:
    """Make a renaming durable; where folders cannot be opened (Windows) it already is as durable as it gets."""
    with contextlib.suppress(PermissionError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, NotImplementedError) as error:
        raise StorageError(
            f"{path} cannot be written ({error}): make room or make the folder writable, "
            "or set KTRDR_HOME to one that is.",
            details={"path": str(path)},
        ) from error
