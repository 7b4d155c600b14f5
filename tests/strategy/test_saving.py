"""Strategy files are written whole, by one writer at a time, and nothing that was there is lost."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.errors import StorageError, StrategyConflict, StrategyError
from ktrdr_engine.strategy.library import StrategyLibrary
from ktrdr_engine.strategy.saving import Saved
from ktrdr_engine.trash import Trash
from tests.strategy.test_schema import SMALLEST

TEXT = SMALLEST.decode().replace("name: smallest", "name: mine")
CHANGED = TEXT + "description: changed\n"


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def library(tmp_path: Path) -> StrategyLibrary:
    return StrategyLibrary((tmp_path, shipped_root()))


def kept_files(home: Path) -> list[str]:
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file() and path.name != ".lock")


def test_a_new_strategy_is_written_as_it_was_given(library: StrategyLibrary, tmp_path: Path) -> None:
    saved = library.save("mine", TEXT)
    assert (saved.file_name, saved.sha256, saved.previous_sha256) == ("mine.yaml", sha(TEXT), None)
    assert (tmp_path / "strategies" / "mine.yaml").read_text() == TEXT
    assert library.load("mine").sha256 == saved.sha256
    assert library.source("mine") == "user"
    assert kept_files(tmp_path) == ["strategies/mine.yaml"]


@pytest.mark.parametrize("name", ["strategies/mine.yaml", "mine.yaml", "mine.yml", "strategies/mine"])
def test_suffix_and_folder_may_be_given(library: StrategyLibrary, name: str) -> None:
    assert library.save(name, TEXT).file_name == "mine.yaml"


def test_replacing_takes_the_hash_of_what_is_there_and_keeps_it(library: StrategyLibrary, tmp_path: Path) -> None:
    first = library.save("mine", TEXT)
    with pytest.raises(StrategyConflict, match="exists already") as refused:
        library.save("mine", CHANGED)
    assert refused.value.details["sha256"] == first.sha256
    assert first.sha256 in refused.value.message
    saved = library.save("mine", CHANGED, expected_sha256=first.sha256)
    assert saved.previous_sha256 == first.sha256
    assert library.versions("mine") == [first.sha256]
    assert library.load_version("mine", first.sha256[:8]).text == TEXT
    assert library.load_version("mine", saved.sha256[:8]).text == CHANGED


def test_a_file_changed_by_hand_is_not_overwritten(library: StrategyLibrary, tmp_path: Path) -> None:
    first = library.save("mine", TEXT)
    (tmp_path / "strategies" / "mine.yaml").write_text(CHANGED)
    with pytest.raises(StrategyConflict, match="changed by someone else"):
        library.save("mine", TEXT + "version: '2.0.0'\n", expected_sha256=first.sha256)
    assert (tmp_path / "strategies" / "mine.yaml").read_text() == CHANGED


def test_a_hash_for_a_file_that_is_not_there_is_refused(library: StrategyLibrary, tmp_path: Path) -> None:
    with pytest.raises(StrategyConflict, match="Leave expected_sha256 out"):
        library.save("mine", TEXT, expected_sha256=sha(TEXT + "#"))
    assert kept_files(tmp_path) == []


def test_saving_the_same_text_again_changes_nothing(library: StrategyLibrary, tmp_path: Path) -> None:
    library.save("mine", TEXT)
    assert library.save("mine", TEXT).previous_sha256 == sha(TEXT)
    assert library.versions("mine") == []


def test_versions_come_the_latest_replaced_first(library: StrategyLibrary) -> None:
    texts = [TEXT + f"version: '1.0.{number}'\n" for number in range(4)]
    previous = None
    for text in texts:
        previous = library.save("mine", text, expected_sha256=previous).sha256
    assert library.versions("mine") == [sha(text) for text in reversed(texts[:3])]
    library.save("mine", texts[0], expected_sha256=previous)
    library.save("mine", TEXT, expected_sha256=sha(texts[0]))
    assert library.versions("mine") == [sha(texts[number]) for number in (0, 3, 2, 1)]
    assert library.load_version("mine", sha(texts[0])).text == texts[0]


def test_a_link_that_was_deleted_is_no_version(library: StrategyLibrary, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text(TEXT)
    link = tmp_path / "strategies" / "mine.yaml"
    link.parent.mkdir()
    link.symlink_to(elsewhere)
    Trash(tmp_path).put("strategy", "mine", [link], why="deleted")
    assert library.versions("mine") == []


@pytest.mark.parametrize("version", ["abc", "0" * 64])
def test_an_unknown_version_is_refused_with_those_there_are(library: StrategyLibrary, version: str) -> None:
    library.save("mine", TEXT)
    library.save("mine", CHANGED, expected_sha256=sha(TEXT))
    with pytest.raises(StrategyError, match=sha(TEXT)[:12]):
        library.load_version("mine", version)


def test_an_invalid_text_is_never_written(library: StrategyLibrary, tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match="Did you mean 'period'"):
        library.save("mine", TEXT.replace("{type: rsi}", "{type: rsi, perod: 5}"))
    assert not (tmp_path / "strategies").exists()


@pytest.mark.parametrize("name", ["../mine", "/tmp/mine", "a/b", ".mine", "", "mine\0", "..", "a\\b"])
def test_no_name_leaves_the_folder(library: StrategyLibrary, tmp_path: Path, name: str) -> None:
    with pytest.raises(StrategyError, match="bare file name"):
        library.save(name, TEXT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["my idea", "-mine", "mine.yaml.yaml", "é", "x" * 101, "m\n"])
def test_a_name_that_is_none_is_refused(library: StrategyLibrary, name: str) -> None:
    with pytest.raises(StrategyError, match="no name for a strategy"):
        library.save(name, TEXT)


def test_the_name_inside_must_be_that_of_the_file(library: StrategyLibrary) -> None:
    with pytest.raises(StrategyError, match="Write `name: other`, or save it as 'mine'"):
        library.save("other", TEXT)


def test_a_file_under_a_shipped_name_hides_the_shipped_one_and_says_so(library: StrategyLibrary) -> None:
    text = library.load("rsi_mean_reversion").text + "# mine\n"
    assert library.source("rsi_mean_reversion") == "shipped"
    first = library.save("rsi_mean_reversion", text)
    assert first.shadows_shipped
    assert library.load("rsi_mean_reversion").sha256 == first.sha256
    again = library.save("rsi_mean_reversion", text + "# again\n", expected_sha256=first.sha256)
    assert not again.shadows_shipped


def test_a_twin_with_the_other_suffix_is_not_hidden(library: StrategyLibrary, tmp_path: Path) -> None:
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "mine.yml").write_text(TEXT)
    with pytest.raises(StrategyConflict, match=r"mine\.yml"):
        library.save("mine", CHANGED)


def test_a_text_too_large_or_not_utf8_is_refused(library: StrategyLibrary) -> None:
    with pytest.raises(StrategyError, match="256 KB"):
        library.save("mine", TEXT + "#" * 300_000)
    with pytest.raises(StrategyError, match="UTF-8"):
        library.save("mine", TEXT + "# \ud800")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageError, match="cannot be written"):
            StrategyLibrary((tmp_path,)).save("mine", TEXT)
    finally:
        tmp_path.chmod(0o700)


def test_a_file_where_the_folder_should_be_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "strategies").write_text("in the way")
    with pytest.raises(StorageError, match="KTRDR_HOME"):
        StrategyLibrary((tmp_path,)).save("mine", TEXT)


def test_of_many_threads_that_save_at_once_one_wins(library: StrategyLibrary, tmp_path: Path) -> None:
    won: list[Saved] = []
    lost: list[StrategyConflict] = []
    barrier = threading.Barrier(6)

    def save(number: int) -> None:
        barrier.wait()
        try:
            won.append(library.save("mine", TEXT + f"description: '{number}'\n"))
        except StrategyConflict as conflict:
            lost.append(conflict)

    threads = [threading.Thread(target=save, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = won
    assert len(lost) == 5
    assert library.load("mine").sha256 == winner.sha256
    assert kept_files(tmp_path) == ["strategies/mine.yaml"]


def test_of_two_processes_that_replace_at_once_one_wins(library: StrategyLibrary, tmp_path: Path) -> None:
    first = library.save("mine", TEXT)
    program = (
        "import sys; from pathlib import Path\n"
        "from ktrdr_engine.errors import StrategyConflict\n"
        "from ktrdr_engine.strategy.library import StrategyLibrary\n"
        "home, text, expected = sys.argv[1:]\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "try: StrategyLibrary((Path(home),)).save('mine', text, expected_sha256=expected); print('won')\n"
        "except StrategyConflict: print('lost')\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path), f"{TEXT}description: '{number}'\n", first.sha256],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    ended = [process.communicate("go\n")[0] for process in processes]
    assert sorted(ended) == ["lost\n", "won\n"]
    assert library.versions("mine") == [first.sha256]
