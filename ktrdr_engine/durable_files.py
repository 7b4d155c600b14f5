"""Files written so that they are there whole or not at all, also after a crash of the machine.

Below whoever writes a user's files; what is written, and where, is theirs.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ktrdr_engine.errors import StorageError


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Yield an empty file that takes the place of `path` when the block has ended without an error.

    Who reads meanwhile sees the old content or the new, never a part. What a killed process leaves is
    `.<name>.<random>.partial` in the same folder.

    Raises:
        OSError: There is no room, or no right to write; what was there is as it was.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def sync_folder(folder: Path) -> None:
    """Make a renaming durable; where folders cannot be opened (Windows) it already is as durable as it gets."""
    with contextlib.suppress(PermissionError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn what the file system refuses while `path` is written into an error that says what to do.

    Raises:
        StorageError: For an OSError, of a lock that cannot be had in time too (TimeoutError).
    """
    try:
        yield
    except (OSError, NotImplementedError) as error:  # NotImplementedError: a file system without links or locks
        raise StorageError(
            f"{path} cannot be written ({error}): make room or make the folder writable, or set KTRDR_HOME to one "
            "that is.",
            details={"path": str(path)},
        ) from error
