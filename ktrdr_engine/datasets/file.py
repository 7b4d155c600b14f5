"""The file a load ends in: `<symbol>_<timeframe>.parquet` in the user's data folder, one writer at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import filelock

from ktrdr_engine.datasets.origin import Origin
from ktrdr_engine.errors import DatasetBusy, StorageError
from ktrdr_engine.symbols import file_name
from ktrdr_engine.trash import Trash, TrashEntry

if TYPE_CHECKING:
    from ktrdr_engine.bars.series import BarSeries


_SIDE_FILE: Final = re.compile(r"\.[a-z]+(\.[a-z]+)*")


def own_files(path: Path) -> list[Path]:
    """Return the files of the dataset that is read from `path`: that one first, then what lies beside it."""
    beside = (one for one in path.parent.iterdir() if one.name.startswith(f"{path.stem}.") and one.is_file())
    files = (one for one in beside if _SIDE_FILE.fullmatch(one.name.removeprefix(path.stem)))
    return sorted(files, key=lambda one: (one.name != path.name, one.name))


class DatasetFile:
    """One file of prices below a home.

    Guarantees: who reads it, in this process or another, sees the bars before a write or after it, never half of them;
    of several loads, in whatever processes, one at a time holds the lock; a killed process holds it no longer.
    """

    def __init__(self, home: Path, symbol: str, timeframe: str) -> None:
        self.name = f"{symbol}_{timeframe}"
        self._stem = f"{file_name(symbol)}_{timeframe}"
        self.path = home / "data" / f"{self._stem}.parquet"
        self._trash = Trash(home)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the right to write.

        Raises:
            DatasetBusy: Another load has it.
            StorageError: The folder cannot be written.
        """
        lock = filelock.FileLock(self.path.with_name(f".{self._stem}.lock"), timeout=0)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except filelock.Timeout:
            raise DatasetBusy(
                f"Another load writes {self.name} now: wait until it has ended, then load again.",
                details={"dataset": self.name},
            ) from None
        except OSError as error:
            raise self.unwritable(error) from error
        try:
            self._sweep()
            yield
        finally:
            lock.release()

    def origin(self) -> Origin:
        """Return where the bars came from."""
        from ktrdr_engine.bars.files import read_notes

        return Origin.from_notes(read_notes(self.path))

    def keep(self, read_from: Path, *, why: str) -> TrashEntry | None:
        """Keep in the trash what is there before it is written over; `read_from` may be a shipped file.

        Raises:
            StorageError: The trash cannot be written.
        """
        own = read_from.parent == self.path.parent.resolve()
        return self._trash.keep("dataset", self.name, own_files(read_from) if own else [read_from], why=why)

    def write(self, series: BarSeries, origin: Origin) -> None:
        """Replace the file.

        Raises:
            StorageError: There is no room, or no right to; the file is as it was.
        """
        from ktrdr_engine.bars.files import write_parquet

        try:
            write_parquet(series, self.path, notes=origin.to_notes())
        except OSError as error:
            raise self.unwritable(error) from error

    def _sweep(self) -> None:
        """Remove what a killed process left half written."""
        for left in self.path.parent.glob(f".{self.path.name}.*.partial"):
            left.unlink(missing_ok=True)

    def unwritable(self, error: OSError) -> StorageError:
        """Return the error that names the file and what to do."""
        return StorageError(
            f"{self.path} cannot be written ({error.strerror or error}): make room or make the folder writable, "
            "or set KTRDR_HOME to a folder that is.",
            details={"path": str(self.path)},
        )
