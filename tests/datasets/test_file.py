from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ktrdr_engine.bars.files import read_bars, read_notes
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.datasets.file import DatasetFile
from ktrdr_engine.datasets.origin import Origin
from ktrdr_engine.datasets.spans import Span
from ktrdr_engine.errors import DatasetBusy, StorageError
from tests.datasets.prices import bars

_HOLDER = """
import sys
from pathlib import Path
from ktrdr_engine.datasets.file import DatasetFile
with DatasetFile(Path(sys.argv[1]), "TEST", "1h").locked():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_bars_and_origin_come_back(tmp_path: Path) -> None:
    file = DatasetFile(tmp_path, "TEST", "1h")
    origin = Origin().after("yahoo TEST", Span(0, 9))
    with file.locked():
        file.write(bars([0, 1]), origin)
    assert read_bars(file.path, "TEST", Timeframe.H1).sha256() == bars([0, 1]).sha256()
    assert file.origin() == origin


def test_a_csv_has_no_notes(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("timestamp\n")
    assert read_notes(path) == {}
    assert DatasetFile(tmp_path, "NONE", "1h").origin() == Origin()


def test_of_two_loads_in_one_process_the_second_is_told_to_wait(tmp_path: Path) -> None:
    first, second = DatasetFile(tmp_path, "TEST", "1h"), DatasetFile(tmp_path, "TEST", "1h")
    with first.locked():
        with pytest.raises(DatasetBusy, match="TEST_1h now: wait"), second.locked():
            pass
        with DatasetFile(tmp_path, "TEST", "1d").locked():
            pass
    with second.locked():
        pass


def test_a_process_that_holds_a_dataset_keeps_others_out_until_it_dies(tmp_path: Path) -> None:
    file = DatasetFile(tmp_path, "TEST", "1h")
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DatasetBusy), file.locked():
            pass
        holder.kill()
    with file.locked():
        pass


def test_what_a_killed_process_left_half_written_is_never_read_and_swept(tmp_path: Path) -> None:
    file = DatasetFile(tmp_path, "TEST", "1h")
    with file.locked():
        file.write(bars([0, 1]), Origin())
    left = file.path.with_name(f".{file.path.name}.4711.partial")
    left.write_bytes(b"PAR1 half a file")
    assert ("TEST", "1h") in BarStore((tmp_path,)).datasets()
    with file.locked():
        assert not left.exists()


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    with (
        pytest.raises(StorageError, match=r"TEST_1h\.parquet cannot be written"),
        DatasetFile(tmp_path, "TEST", "1h").locked(),
    ):
        pass


def test_a_full_disk_leaves_the_old_bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = DatasetFile(tmp_path, "TEST", "1h")
    with file.locked():
        file.write(bars([0, 1]), Origin())

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="No space left on device"):
            file.write(bars([0, 1, 2]), Origin())
    assert len(read_bars(file.path, "TEST", Timeframe.H1)) == 2
    assert not list(file.path.parent.glob("*.partial"))


def _write_again_and_again(home: Path, times: int) -> None:
    file = DatasetFile(home, "TEST", "1h")
    for n in range(times):
        with file.locked():
            file.write(bars(list(range(2 + n % 50))), Origin())


def test_another_process_never_reads_half_a_file(tmp_path: Path) -> None:
    _write_again_and_again(tmp_path, 1)
    writer = multiprocessing.get_context("spawn").Process(target=_write_again_and_again, args=(tmp_path, 150))
    writer.start()
    store, seen = BarStore((tmp_path,)), set()
    while writer.is_alive():
        series = store.load("TEST", "1h")
        assert series.sha256() == bars(list(range(len(series)))).sha256()
        seen.add(len(series))
    writer.join()
    assert writer.exitcode == 0
    assert len(seen) > 1
