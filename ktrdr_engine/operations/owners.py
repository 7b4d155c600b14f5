"""Which process runs an operation, and whether it still lives: one locked file a process, no heartbeat.

The operating system lets go of a lock when its process ends, however it ends. Beside it lies a reserve: some room that
is given up when the disk is full, so that how an operation ended can be written down all the same.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ktrdr_engine.errors import StorageError

if TYPE_CHECKING:
    from filelock import FileLock

_RESERVE_BYTES: Final = 65_536  # a few pages of the database and of its log


class Owner:
    """This process as an owner of operations.

    Guarantees:
        - An owner's rows are only written while its lock is held, so a lock that can be taken means a dead owner.
        - Names are random and never used twice, so nobody tests a lock before its owner holds it.
        - Testers may race: whoever fails to take a dead lock sees "alive" and may ask again.

    Args:
        folder: Where all owners' lock files are; made when the lock is first taken.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._guard = threading.Lock()
        self._held: FileLock | None = None
        self.owner_id = secrets.token_hex(8)

    def claim(self) -> str:
        """Take this process's lock, once, and return the owner's id.

        Raises:
            StorageError: The folder cannot be written.
        """
        with self._guard:
            if self._held is not None and not self._path(self.owner_id).exists():
                # Its file was deleted, with the home perhaps: to others this process would be dead.
                self._held.release()
                self._held = None
            if self._held is None:
                self._held = self._locked()
        return self.owner_id

    def is_dead(self, owner_id: str) -> bool:
        """Return whether another owner's process has ended; remove what it left."""
        from filelock import Timeout

        if owner_id == self.owner_id:
            return False
        if not isinstance(owner_id, str) or not owner_id.isalnum():
            return True  # a damaged row; no process has such a name, and no file outside the folder is touched
        path = self._path(owner_id)
        try:
            if not path.exists():
                return True
            with _lock(path).acquire(blocking=False):
                self._reserve(owner_id).unlink(missing_ok=True)
                path.unlink(missing_ok=True)
        except Timeout:
            return False
        except (OSError, NotImplementedError):
            # It cannot be told; alive is the verdict that destroys nothing.
            return False
        return True

    def keep_reserve(self) -> None:
        """Set the reserve aside, unless it is there; on a disk that is full there is none."""
        reserve = self._reserve(self.owner_id)
        # Random, since some file systems store zeros in no room.
        with contextlib.suppress(OSError):
            if not reserve.exists():
                reserve.write_bytes(os.urandom(_RESERVE_BYTES))

    def give_up_reserve(self) -> None:
        """Make room on a full disk, until it is kept again."""
        with contextlib.suppress(OSError):
            self._reserve(self.owner_id).unlink(missing_ok=True)

    def release(self) -> None:
        """Let go of the lock and take a new name, for whatever is claimed later."""
        with self._guard:
            if self._held is not None:
                self.give_up_reserve()
                self._path(self.owner_id).unlink(missing_ok=True)
                self._held.release()
                self._held = None
                self.owner_id = secrets.token_hex(8)

    def _locked(self) -> FileLock:
        path = self._path(self.owner_id)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = _lock(path)
            lock.acquire(blocking=False)
        except (OSError, NotImplementedError) as error:
            raise StorageError(
                f"{path} cannot be locked ({error}): make the folder writable, or set KTRDR_HOME to one that is.",
                details={"path": str(path)},
            ) from error
        return lock

    def _reserve(self, owner_id: str) -> Path:
        return self._folder / f"{owner_id}.reserve"

    def _path(self, owner_id: str) -> Path:
        return self._folder / f"{owner_id}.lock"


def _lock(path: Path) -> FileLock:
    # Imported late: it costs more than the rest of the package, and only processes that start work need it.
    from filelock import FileLock

    # Taken in one thread of the pool, released in another.
    return FileLock(path, thread_local=False)
