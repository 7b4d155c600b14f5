"""The file a load ends in: `<symbol>_<timeframe>.parquet` in the user's data folder, one writer at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import filelock

from ktrdr_engine.datasets.origin import Origin
from ktrdr_engine.errors import DatasetBusy, StorageError
from ktrdr_engine.symbols import file_name

if TYPE_CHECKING:
    from ktrdr_engine.bars.series import BarSeries


class DatasetFile:
    """One file of prices below a home.

    Guarantees: who reads it, in this process or another, sees the bars before a write or after it, never half of them;
    of several loads, in whatever processes, one at a time holds the lock; a killed process holds it no longer.
    """

    def __init__(self, home: Path, symbol: str, timeframe: str) -> None:
        self.name = f"{symbol}_{timeframe}"
        self._stem = f"{file_name(symbol)}_{timeframe}"
        self.path = home / "data" / f"{self._stem}.parquet"

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
            raise self._unwritable(error) from error
        try:
            self._sweep()
            yield
        finally:
            lock.release()

    def origin(self) -> Origin:
        """Return where the bars came from."""
        from ktrdr_engine.bars.files import read_notes

        return Origin.from_notes(read_notes(self.path))

    def write(self, series: BarSeries, origin: Origin) -> None:
        """Replace the file.

        Raises:
            StorageError: There is no room, or no right to; the file is as it was.
        """
        from ktrdr_engine.bars.files import write_parquet

        try:
            write_parquet(series, self.path, notes=origin.to_notes())
        except OSError as error:
            raise self._unwritable(error) from error

    def _sweep(self) -> None:
        """Remove what a killed process left half written."""
        for left in self.path.parent.glob(f".{self.path.name}.*.partial"):
            left.unlink(missing_ok=True)

    def _unwritable(self, error: OSError) -> StorageError:
        return StorageError(
            f"{self.path} cannot be written ({error.strerror or error}): make room or make the folder writable, "
            "or set KTRDR_HOME to a folder that is.",
            details={"path": str(self.path)},
        )
