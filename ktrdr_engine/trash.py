"""The trash: what was deleted or written over in a user's home, kept so that it can be brought back.

One folder an entry, `trash/<number>/`: `entry.json` says what it is, `files/` holds the files as they were named.
Nothing leaves it by itself: only `empty` forgets. It knows folders and files, not what is in them (`authoring.library`
decides what may be deleted; loads and `strategy.saving` keep what they write over).

Guarantees, whenever a process is killed or a call raises:
- An entry is listed with all its files or not at all; a file in place is removed only once its entry is listed.
- A file comes back by one rename; what it takes the place of is an entry before that.
- Of several processes, one at a time changes the trash.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, get_args

from ktrdr_engine.durable_files import storage_errors, sync_folder
from ktrdr_engine.errors import InvalidRequest

Kind = Literal["strategy", "model", "dataset"]
FOLDERS: Final[dict[Kind, str]] = {"strategy": "strategies", "model": "models", "dataset": "data"}
"""Where the files of a kind lie, below a home."""

_LOCK_SECONDS = 10


@dataclass(frozen=True, slots=True)
class TrashEntry:
    """One thing that can be brought back.

    Attributes:
        id: Its number, digits only; later ones are higher.
        name: As lists show it: a file's name without suffix.
        when: ISO-8601, UTC.
        why: What was done to it, in a few words.
        files: Names of its files, the one to open first.
    """

    id: str
    kind: Kind
    name: str
    when: str
    why: str
    files: tuple[str, ...]


class Trash:
    """The trash of one home; its folder is made with the first entry."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._folder = home / "trash"

    def keep(self, kind: Kind, name: str, files: Iterable[Path], *, why: str) -> TrashEntry | None:
        """Remember files that are about to be written over; they stay in place. Returns None if there are none.

        Files of the home are linked, not copied, where the file system can: write a new file and rename it over the
        old one, never into it.

        Raises:
            StorageError: It cannot be written; nothing has changed.
        """
        there = [path for path in files if path.is_file()]
        if not there:
            return None
        with self._changing():
            return self._added(kind, name, there, why)

    def put(self, kind: Kind, name: str, files: Iterable[Path], *, why: str) -> TrashEntry | None:
        """Move files into the trash. Returns None if there are none.

        Raises:
            StorageError: It cannot be written, or a file cannot be removed; what is still in place is complete.
        """
        there = [path for path in files if path.is_file()]
        entry = self.keep(kind, name, there, why=why)
        with storage_errors(self._folder):
            for path in there:
                path.unlink()
        return entry

    def entries(self, kind: Kind | None = None, name: str | None = None) -> list[TrashEntry]:
        """Return what can be brought back, the latest first; what cannot be read is passed over."""
        found = (self._read(folder) for folder in self._numbered())
        return [entry for entry in found if entry and kind in (None, entry.kind) and name in (None, entry.name)]

    def paths(self, entry: TrashEntry) -> list[Path]:
        """Return where the files of an entry are now; those that an interrupted `restore` has moved are left out."""
        folder = self._folder / entry.id / "files"
        return [folder / name for name in entry.files if (folder / name).is_file()]

    def restore(self, entry: TrashEntry, *, replacing: Iterable[Path] = ()) -> TrashEntry | None:
        """Move the files of an entry back; return the entry of what was in place, or None.

        Args:
            entry: One of `entries`.
            replacing: Files that go into the trash first; any of the same name goes there too.

        Raises:
            InvalidRequest: It is not in the trash any more.
            StorageError: It cannot be written; called again, it goes on.
        """
        target = self._home / FOLDERS[entry.kind]
        with self._changing():
            if self._read(self._folder / entry.id) != entry:
                raise InvalidRequest(f"Entry {entry.id} ({entry.kind} {entry.name}) is not in the trash any more.")
            kept = self.paths(entry)
            places = [target / path.name for path in kept]
            moved = {target / name for name in entry.files} - set(places)
            there = [path for path in dict.fromkeys([*replacing, *places]) if path.is_file() and path not in moved]
            why = f"replaced when entry {entry.id} was restored"
            replaced = self._added(entry.kind, entry.name, there, why) if there else None
            for path in there:
                if path not in places:
                    path.unlink()
            target.mkdir(parents=True, exist_ok=True)
            # Without its first file it is no entry: that one goes last, so that what was interrupted is still listed.
            for path in reversed(kept):
                path.replace(target / path.name)
            sync_folder(target)
            self._discard(self._folder / entry.id)
        return replaced

    def empty(self) -> int:
        """Remove every entry for good and return how many there were.

        Raises:
            StorageError: They cannot be removed.
        """
        if not self._folder.is_dir():
            return 0
        with self._changing():
            folders = self._numbered()
            for folder in folders:
                self._discard(folder)
        return len(folders)

    def _added(self, kind: Kind, name: str, files: list[Path], why: str) -> TrashEntry:
        id = f"{self._next_number():06}"
        when = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        entry = TrashEntry(id, kind, name, when, why, tuple(path.name for path in files))
        making = self._folder / f".new-{id}"
        (making / "files").mkdir(parents=True)
        for path in files:
            self._link(path, making / "files" / path.name)
        with (making / "entry.json").open("x", encoding="utf-8") as file:
            json.dump(asdict(entry), file)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(making / "files")
        sync_folder(making)
        making.rename(self._folder / id)
        (self._folder / "last_number").write_text(id, encoding="ascii")
        sync_folder(self._folder)
        return entry

    def _next_number(self) -> int:
        """Return a number that no entry had before, unless the trash was emptied by hand."""
        numbers = [int(folder.name) for folder in self._numbered()]
        with contextlib.suppress(OSError, ValueError):
            numbers.append(int((self._folder / "last_number").read_text(encoding="ascii")))
        return max(numbers, default=0) + 1

    def _link(self, path: Path, to: Path) -> None:
        if path.parent.resolve().is_relative_to(self._home.resolve()):
            # Not every file system has links, nor every file the right to be linked.
            with contextlib.suppress(OSError, NotImplementedError):
                os.link(path, to, follow_symlinks=False)
                return
        shutil.copy2(path, to, follow_symlinks=False)
        with to.open("rb") as file:
            os.fsync(file.fileno())

    def _read(self, folder: Path) -> TrashEntry | None:
        try:
            data = json.loads((folder / "entry.json").read_text(encoding="utf-8"))
            entry = TrashEntry(**{**data, "id": folder.name, "files": tuple(data["files"])})
            is_ours = all(isinstance(text, str) for text in (entry.name, entry.when, entry.why))
            is_safe = all(Path(name).name == name for name in entry.files) and entry.kind in get_args(Kind)
            return entry if is_ours and is_safe and (folder / "files" / entry.files[0]).is_file() else None
        except (OSError, ValueError, TypeError, LookupError):
            return None

    def _numbered(self) -> list[Path]:
        """Return the folders of entries, the latest first."""
        found = self._folder.iterdir() if self._folder.is_dir() else ()
        return sorted((path for path in found if path.name.isdecimal()), key=lambda path: int(path.name), reverse=True)

    def _discard(self, folder: Path) -> None:
        """Remove an entry: by one rename it is none any more."""
        gone = self._folder / f".gone-{folder.name}"
        folder.rename(gone)
        _remove(gone)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        # Imported late: only who writes needs it.
        from filelock import FileLock

        with storage_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            # A lock that cannot be had in time is an OSError: TimeoutError.
            with FileLock(self._folder / ".lock", timeout=_LOCK_SECONDS, thread_local=False):
                # What a killed process left half made, or half removed.
                for left in (*self._folder.glob(".new-*"), *self._folder.glob(".gone-*")):
                    _remove(left)
                yield


def _remove(folder: Path) -> None:
    """Remove a folder with all that is in it; of a link, which is none of ours, the link alone."""
    if folder.is_symlink() or not folder.is_dir():
        folder.unlink()
    else:
        shutil.rmtree(folder)
