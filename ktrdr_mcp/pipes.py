"""The wire of the stdio transport: lines in and out, through the event loop itself.

The SDK gives every read, write and flush to a thread. While all cores compute, each change of threads may wait
milliseconds for a core; here a call passes through one thread. POSIX only. Neighbour: `stdio` serves on it.
"""

from __future__ import annotations

import fcntl
import os
import select
from collections.abc import AsyncIterator
from contextlib import suppress

import anyio

_READ_BYTES = 65_536
_FIRST_FREE = 3  # above stdin, stdout and stderr


class LinesIn:
    """The lines that arrive at a descriptor, decoded as UTF-8, up to its end."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def __aiter__(self) -> AsyncIterator[str]:
        """Yield each line when it is whole; what follows the last newline counts as one."""
        pending = b""
        while received := await self._receive():
            whole, newline, rest = received.rpartition(b"\n")
            if not newline:
                pending += received
                continue
            for line in (pending + whole).split(b"\n"):
                yield line.decode("utf-8", "replace")
            pending = rest
        if pending:
            yield pending.decode("utf-8", "replace")

    async def _receive(self) -> bytes:
        # The system does not watch regular files (EPERM), and need not: reading them never waits for a client.
        with suppress(PermissionError):
            await anyio.wait_readable(self._descriptor)
        return os.read(self._descriptor, _READ_BYTES)


class LinesOut:
    """Writes to a descriptor; a client that does not read holds up the writer, never the event loop."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._room = select.poll()
        self._room.register(descriptor, select.POLLOUT)

    async def write(self, text: str) -> None:
        """Return when all of `text` is on its way.

        Raises:
            OSError: Nobody reads any more.
        """
        rest = memoryview(text.encode())
        while rest:
            if not self._room.poll(0):
                await anyio.wait_writable(self._descriptor)
            # So much can be written without waiting where anything can.
            rest = rest[os.write(self._descriptor, rest[: select.PIPE_BUF]) :]

    async def flush(self) -> None:
        """Do nothing: what was written is on its way."""


def take_standard_streams() -> tuple[int, int]:
    """Return the wire's two descriptors; from now on a stray read of stdin finds its end, a stray print goes to stderr.

    Raises:
        OSError: stdin or stdout is closed.
    """
    wire = tuple(fcntl.fcntl(standard, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE) for standard in (0, 1))
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    try:
        os.dup2(2, 1)
    except OSError:  # there is no stderr
        os.dup2(nothing, 1)
    os.close(nothing)
    return wire[0], wire[1]
