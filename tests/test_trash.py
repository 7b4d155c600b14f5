"""What is deleted or written over can be brought back, also after a process was killed at any step."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from ktrdr_engine.errors import InvalidRequest, StorageError
from ktrdr_engine.trash import Trash


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path


@pytest.fixture
def trash(home: Path) -> Trash:
    return Trash(home)


def write(home: Path, name: str, text: str) -> Path:
    path = home / "data" / name
    fresh = path.with_name(f"{name}.fresh")
    fresh.write_text(text)
    fresh.replace(path)
    return path


def texts(trash: Trash) -> list[list[str]]:
    return [[path.read_text() for path in trash.paths(entry)] for entry in trash.entries()]


def test_what_was_put_is_gone_from_its_place_and_comes_back(home: Path, trash: Trash) -> None:
    path = write(home, "A_1d.parquet", "old")
    entry = trash.put("dataset", "A_1d", [path], why="deleted")
    assert entry is not None
    assert not path.exists()
    assert trash.entries() == [entry]
    assert (entry.kind, entry.name, entry.why, entry.files) == ("dataset", "A_1d", "deleted", ("A_1d.parquet",))
    assert trash.restore(entry) is None
    assert path.read_text() == "old"
    assert trash.entries() == []


def test_side_files_go_along_and_come_back(home: Path, trash: Trash) -> None:
    files = [write(home, name, name) for name in ("A_1d.csv", "A_1d.json")]
    entry = trash.put("dataset", "A_1d", files, why="deleted")
    assert entry is not None
    assert not any(path.exists() for path in files)
    trash.restore(entry)
    assert [path.read_text() for path in files] == ["A_1d.csv", "A_1d.json"]


def test_what_was_kept_stays_in_place_and_survives_being_written_over(home: Path, trash: Trash) -> None:
    path = write(home, "A_1d.parquet", "old")
    trash.keep("dataset", "A_1d", [path], why="replaced")
    assert path.read_text() == "old"
    write(home, "A_1d.parquet", "new")
    assert texts(trash) == [["old"]]


def test_restoring_over_a_file_puts_that_one_into_the_trash(home: Path, trash: Trash) -> None:
    path = write(home, "A_1d.csv", "old")
    entry = trash.put("dataset", "A_1d", [path], why="deleted")
    other = write(home, "A_1d.parquet", "new")
    assert entry is not None
    replaced = trash.restore(entry, replacing=[other])
    assert (path.read_text(), other.exists()) == ("old", False)
    assert trash.entries() == [replaced]
    assert texts(trash) == [["new"]]


def test_an_entry_is_restored_once(home: Path, trash: Trash) -> None:
    entry = trash.put("dataset", "A_1d", [write(home, "A_1d.csv", "old")], why="deleted")
    assert entry is not None
    trash.restore(entry)
    with pytest.raises(InvalidRequest):
        trash.restore(entry)


def test_nothing_is_no_entry(home: Path, trash: Trash) -> None:
    assert trash.put("dataset", "A_1d", [home / "data" / "A_1d.csv"], why="deleted") is None
    assert (trash.entries(), trash.empty()) == ([], 0)
    assert not (home / "trash").exists()


def test_entries_are_found_by_kind_and_name_the_latest_first(home: Path, trash: Trash) -> None:
    for name, text in (("A_1d", "1"), ("B_1d", "2"), ("A_1d", "3")):
        trash.put("dataset", name, [write(home, f"{name}.csv", text)], why="deleted")
    assert texts(trash) == [["3"], ["2"], ["1"]]
    assert [entry.id for entry in trash.entries("dataset", "A_1d")] == ["000003", "000001"]
    assert trash.entries("strategy") == []


def test_a_number_is_given_once(home: Path, trash: Trash) -> None:
    for number in ("000001", "000002"):
        entry = trash.put("dataset", "A_1d", [write(home, "A_1d.csv", "x")], why="deleted")
        assert entry is not None
        assert entry.id == number
        trash.restore(entry)
    (home / "trash" / "last_number").write_text("")
    assert trash.put("dataset", "A_1d", [write(home, "A_1d.csv", "x")], why="deleted") is not None


def test_only_empty_forgets(home: Path, trash: Trash) -> None:
    for _ in range(3):
        trash.put("dataset", "A_1d", [write(home, "A_1d.csv", "x")], why="deleted")
    assert trash.empty() == 3
    assert [path.name for path in (home / "trash").iterdir() if path.is_dir()] == []


def test_where_files_cannot_be_linked_they_are_copied(
    home: Path, trash: Trash, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refused)
    path = write(home, "A_1d.csv", "old")
    trash.keep("dataset", "A_1d", [path], why="replaced")
    path.write_text("new")
    assert texts(trash) == [["old"]]


def test_a_shipped_file_is_copied_not_linked(tmp_path: Path) -> None:
    shipped = tmp_path / "shipped.csv"
    shipped.write_text("shipped")
    Trash(tmp_path / "home").keep("dataset", "A_1d", [shipped], why="replaced")
    assert shipped.stat().st_nlink == 1


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "[]",
        '{"kind": "dataset"}',
        json.dumps({"kind": "x", "name": "A", "when": "", "why": "", "files": ["A_1d.csv"], "id": "1"}),
        json.dumps({"kind": "dataset", "name": "A", "when": "", "why": "", "files": ["../../../A"], "id": "1"}),
        json.dumps({"kind": "dataset", "name": "A", "when": "", "why": "", "files": [], "id": "1"}),
        json.dumps({"kind": "dataset", "name": 5, "when": "", "why": "", "files": ["A_1d.csv"], "id": "1"}),
    ],
)
def test_an_entry_that_cannot_be_trusted_is_passed_over(home: Path, trash: Trash, damage: str) -> None:
    for name in ("A_1d", "B_1d"):
        trash.put("dataset", name, [write(home, f"{name}.csv", "x")], why="deleted")
    (home / "trash" / "000001" / "entry.json").write_text(damage)
    assert [entry.name for entry in trash.entries()] == ["B_1d"]


def test_a_link_among_the_entries_is_removed_and_what_it_leads_to_is_not(home: Path, trash: Trash) -> None:
    elsewhere = home / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "entry.json").write_text("mine")
    trash.put("dataset", "A_1d", [write(home, "A_1d.csv", "x")], why="deleted")
    (home / "trash" / "000002").symlink_to(elsewhere)
    assert trash.empty() == 2
    assert (elsewhere / "entry.json").read_text() == "mine"
    assert trash.put("dataset", "B_1d", [write(home, "B_1d.csv", "x")], why="deleted") is not None


def test_a_folder_that_cannot_be_made_is_a_storage_error_and_nothing_is_lost(home: Path, trash: Trash) -> None:
    (home / "trash").write_text("a file")
    path = write(home, "A_1d.csv", "old")
    with pytest.raises(StorageError):
        trash.put("dataset", "A_1d", [path], why="deleted")
    assert path.read_text() == "old"


class _Killed(BaseException):
    pass


@contextmanager
def killed_at(step: int) -> Iterator[list[int]]:
    """Raise instead of the `step`-th change of the disk; the list counts them."""
    count = [0]

    def counted(change: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **options: Any) -> Any:
            count[0] += 1
            if count[0] == step:
                raise _Killed
            return change(*arguments, **options)

        return wrapper

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in (
            (os, "link"),
            (os, "fsync"),
            (Path, "mkdir"),
            (Path, "write_text"),
            (Path, "rename"),
            (Path, "replace"),
            (Path, "unlink"),
            (shutil, "rmtree"),
            (json, "dump"),
        ):
            patch.setattr(owner, name, counted(getattr(owner, name)))
        yield count


def everything(home: Path, trash: Trash) -> set[tuple[str, ...]]:
    """Return what is in place, and what is listed: each with all its files."""
    place = tuple(sorted(path.read_text() for path in (home / "data").iterdir()))
    return {place} | {tuple(sorted(group)) for group in texts(trash)}


@pytest.mark.parametrize("step", range(1, 30))
def test_killed_while_it_deletes_everything_is_in_place_or_listed(home: Path, trash: Trash, step: int) -> None:
    files = [write(home, "A_1d.csv", "main"), write(home, "A_1d.json", "side")]
    with killed_at(step), suppress(_Killed):
        trash.put("dataset", "A_1d", files, why="deleted")
    assert ("main", "side") in everything(home, trash)
    trash.put("dataset", "A_1d", files, why="deleted")
    assert not any(path.exists() for path in files)
    trash.restore(trash.entries()[-1])
    assert [path.read_text() for path in files] == ["main", "side"]


@pytest.mark.parametrize("step", range(1, 40))
def test_killed_while_it_restores_it_goes_on_and_nothing_is_lost(home: Path, trash: Trash, step: int) -> None:
    files = [write(home, "A_1d.csv", "main"), write(home, "A_1d.json", "side")]
    entry = trash.put("dataset", "A_1d", files, why="deleted")
    assert entry is not None
    newer = write(home, "A_1d.parquet", "newer")
    with killed_at(step), suppress(_Killed):
        trash.restore(entry, replacing=[newer])
    assert newer.exists() or ["newer"] in texts(trash)
    if entry in trash.entries():
        trash.restore(entry, replacing=[newer])
    assert [path.read_text() for path in files] == ["main", "side"]
    assert not newer.exists()
    assert ["newer"] in texts(trash)
    assert all(group in (["newer"], ["main", "side"]) for group in texts(trash))


def test_all_steps_were_tried(home: Path, trash: Trash) -> None:
    files = [write(home, "A_1d.csv", "main"), write(home, "A_1d.json", "side")]
    with killed_at(0) as count:
        entry = trash.put("dataset", "A_1d", files, why="deleted")
    assert 5 < count[0] < 30
    newer = write(home, "A_1d.parquet", "newer")
    assert entry is not None
    with killed_at(0) as count:
        trash.restore(entry, replacing=[newer])
    assert 5 < count[0] < 40
