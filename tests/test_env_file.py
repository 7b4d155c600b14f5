"""A `.env` of somebody else's project: what cannot be read of it costs one line, never the start."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ktrdr_engine.env_file import read_env_file

pytestmark = pytest.mark.usefixtures("tmp_path")


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"PASSWORD=caf\xe9\n", "byte 0xe9 at position 12, line 1"),
        ("A=1\n".encode("utf-16"), "byte 0xff at position 0"),
        ("A=1\n".encode("utf-16-be"), "byte 0x00 at position 0"),
        ("A=1\nB=2\n".encode("utf-16-le"), "byte 0x00 at position 1"),
        (b"A=1\nB=\x80\n", "byte 0x80 at position 6, line 2"),
    ],
    ids=["latin-1", "utf-16 of PowerShell", "utf-16-be", "utf-16-le", "second line"],
)
def test_what_is_not_utf_8_is_left_out_with_one_line(
    content: bytes, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_bytes(content)
    assert read_env_file(tmp_path / ".env") == {}
    said = capsys.readouterr()
    assert place in said.err
    assert (said.out, said.err.count("\n")) == ("", 1)


def test_a_mark_of_utf_8_is_no_part_of_the_first_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".env").write_text("A=ü\nEMPTY=\nexport B='2'\nNONE\n", encoding="utf-8-sig")
    assert read_env_file(tmp_path / ".env") == {"A": "ü", "B": "2"}
    assert capsys.readouterr().err == ""


def test_lines_that_say_nothing_are_named_and_the_others_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_text('A=1\nB C\n= 2\nD="open\nE=${A}5\n')
    assert read_env_file(tmp_path / ".env") == {"A": "1", "E": "15"}
    said = capsys.readouterr().err
    assert "line 2, 3, 4" in said
    assert said.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="no such files there")
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path), lambda path: None])
def test_what_is_no_file_is_left_out_at_once(make: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(make)
    make(tmp_path / ".env")
    assert read_env_file(tmp_path / ".env") == {}
    assert capsys.readouterr().err.count("\n") == (tmp_path / ".env").exists() or (tmp_path / ".env").is_symlink()


def test_without_stderr_nothing_is_written_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_bytes(b"\xff")
    with monkeypatch.context() as without:
        without.setattr(sys, "stderr", None)
        assert read_env_file(tmp_path / ".env") == {}
    assert capsys.readouterr().out == ""
