"""What a long import says of how far it is; each call of it counts as progress."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.datasets.importing.options import parse_options
from ktrdr_engine.datasets.importing.reading import read_export
from ktrdr_engine.datasets.importing.text_rows import _BLOCK
from ktrdr_engine.errors import OperationCancelled
from tests.datasets.importing.files import BAR, HEADER

Told = tuple[str, int, int, str]


def large(folder: Path, encoding: str = "utf-8") -> Path:
    """Return a file of some three blocks."""
    row = f"2024-01-01T00:00:00Z,{BAR}\n"
    path = folder / "large.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        file.write(HEADER)
        for _ in range(3 * _BLOCK // len(row) // 1000):
            file.write(row * 1000)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_large_file_is_read_in_chunks_that_say_how_far_they_are(tmp_path: Path, encoding: str) -> None:
    path = large(tmp_path, encoding)
    told: list[Told] = []

    def heed(message: str, done: int = 0, total: int = 0, unit: str = "") -> None:
        told.append((message, done, total, unit))

    # All rows are the same one, which is no problem of the file.
    read_export(path, "TEST", Timeframe.H1, parse_options(None, None, None), heed)
    megabytes = -(-path.stat().st_size // 1_000_000)
    reading = [one for one in told if one[2]]
    assert len(reading) >= 3
    assert {(message, total, unit) for message, _, total, unit in reading} == {("Reading large.csv", megabytes, "MB")}
    done = [one[1] for one in reading]
    assert done == sorted(done)
    assert (0 < done[0] < megabytes, megabytes - 1 <= done[-1] <= megabytes) == (True, True)
    # What follows the reading takes as long again.
    assert len(told) >= len(reading) + 2


def test_an_import_can_be_stopped_between_two_chunks(tmp_path: Path) -> None:
    calls = 0

    def heed(message: str, done: int = 0, total: int = 0, unit: str = "") -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OperationCancelled("stop")

    with pytest.raises(OperationCancelled):
        read_export(large(tmp_path), "TEST", Timeframe.H1, parse_options(None, None, None), heed)
    assert calls == 2
