"""A file that is written takes the place of the old one whole, or leaves it as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrdr_engine.durable_files import replacing, storage_errors
from ktrdr_engine.errors import StorageError


def test_until_the_block_ends_readers_see_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_after_an_error_the_old_content_is_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), replacing(path) as file:
        file.write(bytes(1 // 0))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_the_file_system_refuses_is_a_storage_error_that_names_the_path(tmp_path: Path) -> None:
    path = tmp_path / "none" / "a.txt"
    with pytest.raises(StorageError) as caught, storage_errors(path), replacing(path):
        pass
    assert caught.value.details["path"] == str(path)
