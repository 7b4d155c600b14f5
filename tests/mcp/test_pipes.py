"""The wire of the stdio transport, without a server: what is read, what is written, and who waits."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from ktrdr_mcp.pipes import LinesIn, LinesOut
from tests.mcp.wire import ROOT


class Pipe:
    """Two descriptors, each closed once."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self._open = {self.reader, self.writer}

    def close(self, *descriptors: int) -> None:
        for descriptor in descriptors:
            self._open.remove(descriptor)
            os.close(descriptor)

    def close_rest(self) -> None:
        self.close(*self._open)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close_rest()


async def test_lines_come_whole_however_they_arrive(pipe: Pipe) -> None:
    lines: list[bytes] = []

    async def read() -> None:
        lines.extend([line async for line in LinesIn(pipe.reader)])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        for piece in (b"one", b" line\nano", b"ther\n\nthird\nfou", b"rth"):
            os.write(pipe.writer, piece)
            await anyio.lowlevel.checkpoint()
        pipe.close(pipe.writer)
    assert lines == [b"one line", b"another", b"", b"third", b"fourth"]


async def test_bytes_that_are_no_utf_8_do_not_end_the_reading(pipe: Pipe) -> None:
    os.write(pipe.writer, b"a\xffb\nnext\n")
    pipe.close(pipe.writer)
    assert [line async for line in LinesIn(pipe.reader)] == [b"a\xffb", b"next"]


async def test_a_long_line_is_one_line(pipe: Pipe) -> None:
    text = "x" * 300_000

    async def write() -> None:
        await LinesOut(pipe.writer).write(text + "\n")
        pipe.close(pipe.writer)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        assert [line async for line in LinesIn(pipe.reader)] == [text.encode()]


async def test_a_regular_file_is_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "requests").write_text("one\ntwo\n")
    descriptor = os.open(tmp_path / "requests", os.O_RDONLY)
    try:
        assert [line async for line in LinesIn(descriptor)] == [b"one", b"two"]
    finally:
        os.close(descriptor)


async def test_a_client_that_does_not_read_holds_up_the_writer_only(pipe: Pipe) -> None:
    text, done = "0123456789" * 100_000, anyio.Event()
    out = LinesOut(pipe.writer)

    async def write() -> None:
        await out.write(text)
        await out.flush()
        pipe.close(pipe.writer)
        done.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        assert not done.is_set()
        assert b"".join([line async for line in LinesIn(pipe.reader)]).decode() == text
        await done.wait()


async def test_a_writer_that_waits_can_be_cancelled(pipe: Pipe) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(LinesOut(pipe.writer).write, "x" * 1_000_000)
        await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()


async def test_writing_to_nobody_is_an_error(pipe: Pipe) -> None:
    pipe.close(pipe.reader)
    with pytest.raises(BrokenPipeError):
        await LinesOut(pipe.writer).write("hello")


@pytest.mark.parametrize("stderr", ["", "2>&-"])
def test_stray_reads_and_prints_miss_the_wire(stderr: str) -> None:
    script = (
        "import os, sys; from ktrdr_mcp.pipes import take_standard_streams\n"
        "incoming, outgoing = take_standard_streams()\n"
        "print('stray', flush=True)\n"
        "os.write(outgoing, sys.stdin.readline().encode() + b'|' + os.read(incoming, 9))"
    )
    shown = subprocess.run(
        ["sh", "-c", f'"$0" -c "$1" {stderr}', sys.executable, script],
        input="wire", capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    assert shown.stdout == "|wire"
    assert shown.stderr == ("" if stderr else "stray\n")
