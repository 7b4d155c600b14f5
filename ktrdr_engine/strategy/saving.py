"""The user's own strategy files, written so that nobody's work is lost.

A text is checked before it is written. Who replaces a file must say which text is meant to go; what goes, also a
shipped one that is hidden from now on, is kept in the trash, so that it can be restored, and read by its hash. Texts
that were replaced before there was a trash are in `.history/<name>/<number>-<sha256>.yaml`.

Guarantees: a reader sees the old file or the new one, never a part. Of two writers, threads or processes, one wins and
the other is told. What `save` returned for is on the disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ktrdr_engine.durable_files import replacing, storage_errors
from ktrdr_engine.errors import StrategyConflict, StrategyError
from ktrdr_engine.strategy.loader import parse_strategy
from ktrdr_engine.strategy.schema import StrategyConfig
from ktrdr_engine.trash import Trash

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
    """The `strategies/` of a home, made when the first is saved."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "strategies"
        self._trash = Trash(home)

    def save(self, name: str, text: str, *, expected_sha256: str | None, hidden: Path | None = None) -> Saved:
        """Write `<name>.yaml`; `hidden` is a shipped file that will not be found any more.

        Raises:
            StrategyError, StrategyConflict, StorageError: As `StrategyLibrary.save`.
        """
        content = text.encode("utf-8", errors="surrogatepass")
        config = _checked(name, content)
        sha256 = hashlib.sha256(content).hexdigest()
        path = self._folder / f"{name}.yaml"
        with self.locked(), storage_errors(path):
            _refuse_twin(self._folder / f"{name}.yml")
            previous = path.read_bytes() if path.is_file() else None
            there = hashlib.sha256(previous).hexdigest() if previous is not None else None
            if there != sha256:
                _require(name, there, expected_sha256)
                gone = [path] if previous is not None else [hidden] if hidden is not None else []
                self._trash.keep("strategy", name, gone, why="replaced by save_strategy")
                with replacing(path) as file:
                    file.write(content)
        return Saved(config, path.name, sha256, there)

    def versions(self, name: str) -> list[str]:
        """Return the sha256 of every kept text, the latest replaced first."""
        return list(self._kept(name))

    def version(self, name: str, sha256: str) -> Path:
        """Return the file of the kept text whose sha256 begins so.

        Raises:
            StrategyError: There is none, or more than one.
        """
        kept = self._kept(name)
        found = [one for one in kept if one.startswith(sha256)]
        if len(found) != 1 or len(sha256) < _FEWEST_LETTERS:
            shown = ", ".join(one[:12] for one in [*kept][:20]) or "none"
            raise StrategyError(
                f"No version {sha256[:64]!r} of {name}. Kept versions, latest first: {shown}.",
                details={"field": "version", "value": sha256[:64], "known": list(kept)},
            )
        return kept[found[0]]

    def _kept(self, name: str) -> dict[str, Path]:
        """Return the files of the kept texts by their sha256, the latest first."""
        paths = [path for entry in self._trash.entries("strategy", name) for path in self._trash.paths(entry)]
        kept: dict[str, Path] = {}
        for path in paths:
            if path.is_symlink():  # it may lead out of the home
                continue
            with contextlib.suppress(OSError):  # restored meanwhile
                kept.setdefault(hashlib.sha256(path.read_bytes()).hexdigest(), path)
        folder = self._folder / ".history" / name
        older = sorted(folder.glob("[0-9]*-*.yaml"), reverse=True) if folder.is_dir() else []
        return kept | {sha: path for path in older if (sha := path.stem.partition("-")[2]) not in kept}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the right to write.

        Raises:
            StorageError: The folder cannot be written, or somebody else writes and does not end.
        """
        # Imported late: only who writes needs it.
        from filelock import FileLock

        lock = FileLock(self._folder / ".lock", timeout=_LOCK_SECONDS, thread_local=False)
        with storage_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            # A lock that cannot be had in time is an OSError: TimeoutError.
            lock.acquire()
        try:
            yield
        finally:
            lock.release()


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
