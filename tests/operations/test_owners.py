from __future__ import annotations

from pathlib import Path

import pytest

from ktrdr_engine.errors import StorageError
from ktrdr_engine.operations.owners import Owner


def test_an_owner_lives_until_it_lets_go(tmp_path: Path) -> None:
    one, two = Owner(tmp_path), Owner(tmp_path)
    one_id = one.claim()
    assert one.claim() == one_id
    assert not two.is_dead(one_id)
    one.release()
    assert two.is_dead(one_id)
    assert list(tmp_path.iterdir()) == []


def test_an_owner_never_tests_itself(tmp_path: Path) -> None:
    one = Owner(tmp_path)
    assert not one.is_dead(one.owner_id)
    assert not one.is_dead(one.claim())
    one.release()


def test_a_name_is_used_for_one_lock_only(tmp_path: Path) -> None:
    one = Owner(tmp_path)
    first = one.claim()
    one.release()
    assert one.claim() != first
    one.release()
    one.release()


def test_a_lock_file_nobody_holds_means_dead_and_is_removed(tmp_path: Path) -> None:
    (tmp_path / "0123.lock").touch()
    assert Owner(tmp_path).is_dead("0123")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_told_counts_as_alive(tmp_path: Path) -> None:
    (tmp_path / "0123.lock").mkdir()
    assert not Owner(tmp_path).is_dead("0123")


def test_a_folder_that_cannot_be_written_is_an_error_that_repairs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="KTRDR_HOME"):
        Owner(tmp_path / "file").claim()
