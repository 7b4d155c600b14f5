from __future__ import annotations

from pathlib import Path

import pytest

from ktrdr_engine.errors import EngineError, InvalidRequest, StorageError
from ktrdr_engine.operations.files import ResultFiles
from ktrdr_engine.operations.history import NO_HISTORY, FinishedHistory

_ID = "op_training_20250103_k3v9x2m7qa"


def test_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    files = ResultFiles(tmp_path / "results")
    with pytest.raises(EngineError):
        files.write(_ID, {"x": 1}, NO_HISTORY, {"bad": {"a": [1, "two"]}})
    assert list((tmp_path / "results").iterdir()) == []


def test_a_second_attempt_replaces_the_first(tmp_path: Path) -> None:
    files = ResultFiles(tmp_path)
    files.write(_ID, {"x": 1}, FinishedHistory(1, {"b": [(1, {})]}), {})
    files.write(_ID, {"x": 2}, NO_HISTORY, {})
    assert files.results(_ID) == {"x": 2}
    assert files.history(_ID) is None


def test_a_folder_that_cannot_be_written_is_an_error_that_repairs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="KTRDR_HOME"):
        ResultFiles(tmp_path / "file").write(_ID, {}, NO_HISTORY, {})


def test_a_history_reads_back_as_it_was(tmp_path: Path) -> None:
    history = FinishedHistory(9, {"bars": [(2, {"pnl": 1.5}), (9, {"pnl": None})], "trades": []})
    files = ResultFiles(tmp_path)
    files.write(_ID, None, history, {})
    assert files.history(_ID) == history
    assert files.results(_ID) is None


def test_a_long_history_is_one_document_however_it_was_written(tmp_path: Path) -> None:
    entries = [(number, {"step": number, "note": 'a "quoted" word'}) for number in range(1, 1_001)]
    history = FinishedHistory(1_000, {"odd": entries[::2], "none": [], "even": entries[1::2]})
    files = ResultFiles(tmp_path)
    files.write(_ID, None, history, {})
    assert files.history(_ID) == history


def test_a_history_that_is_no_json_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    entries = [(number, {"pnl": 1.5 if number < 400 else float("nan")}) for number in range(1, 501)]
    with pytest.raises(EngineError, match="metrics"):
        ResultFiles(tmp_path).write(_ID, None, FinishedHistory(500, {"bars": entries}), {})
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_table_is_none_and_a_page_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    files = ResultFiles(tmp_path)
    assert files.table(_ID, "../secret", 0, 1) is None
    with pytest.raises(InvalidRequest):
        files.table(_ID, "x", 0, 0)
