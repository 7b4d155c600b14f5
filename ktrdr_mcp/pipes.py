"""The wire of the stdio transport: lines in and out, through the event loop itself.

The SDK gives every read, write and flush to a thread. While all cores compute, each change of threads may wait
milliseconds for a core; here a call passes through one thread. POSIX only. Neighbour: `stdio` serves on it.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
from collections.abc import AsyncIterator
from contextlib import suppress

import anyio
from mcp_types import PARSE_ERROR, JSONRPCNotification, jsonrpc_message_adapter
from pydantic import ValidationError

_READ_BYTES = 65_536
_NO_MESSAGE = "not a JSON-RPC 2.0 message whose id, if any, is text or a number"
_FIRST_FREE = 3  # above stdin, stdout and stderr


class LinesIn:
    """The lines that arrive at a descriptor, as bytes, up to its end."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield each line when it is whole; what follows the last newline counts as one."""
        pending = b""
        while received := await self._receive():
            whole, newline, rest = received.rpartition(b"\n")
            if not newline:
                pending += received
                continue
            for line in (pending + whole).split(b"\n"):
                yield line
            pending = rest
        if pending:
            yield pending

    async def _receive(self) -> bytes:
        # The system does not watch regular files (EPERM), and need not: reading them never waits for a client.
        with suppress(PermissionError):
            await anyio.wait_readable(self._descriptor)
        return os.read(self._descriptor, _READ_BYTES)


class LinesOut:
    """Writes to a descriptor; a client that does not read holds up the writer, never the event loop.

    Guarantees: what one call writes stays together, whoever else writes meanwhile.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._writing = anyio.Lock()
        self._room = select.poll()
        self._room.register(descriptor, select.POLLOUT)

    async def write(self, text: str) -> None:
        """Return when all of `text` is on its way.

        Raises:
            OSError: Nobody reads any more.
        """
        rest = memoryview(text.encode())
        async with self._writing:
            while rest:
                if not self._room.poll(0):
                    await anyio.wait_writable(self._descriptor)
                # So much can be written without waiting where anything can.
                rest = rest[os.write(self._descriptor, rest[: select.PIPE_BUF]) :]

    async def flush(self) -> None:
        """Do nothing: what was written is on its way."""


class MessagesIn:
    """The lines that are JSON-RPC; each of the others is answered at once with a parse error, as JSON-RPC 2.0 has it.

    The SDK drops them without a word, and the client waits for an answer until its patience ends. An empty line is
    no message and needs no answer.
    """

    def __init__(self, lines: LinesIn, answers: LinesOut) -> None:
        self._lines = lines
        self._answers = answers

    async def __aiter__(self) -> AsyncIterator[str]:
        """Yield each message's text."""
        async for line in self._lines:
            if not line.strip():
                continue
            problem = _problem(line)
            if problem is None:
                yield line.decode()
            else:
                await self._answers.write(f"{_refusal(problem)}\n")


def _problem(line: bytes) -> str | None:
    try:
        message = jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return first["msg"] if first["type"] == "json_invalid" else _NO_MESSAGE
    # To the SDK a request whose id is none is a notification, which nobody answers.
    return _NO_MESSAGE if isinstance(message, JSONRPCNotification) and "id" in json.loads(line) else None


def _refusal(problem: str) -> str:
    # By hand, since the SDK leaves out an id that is null.
    message = f"Parse error: {problem}. Send one JSON-RPC 2.0 message a line, in UTF-8."
    return json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": PARSE_ERROR, "message": message}})


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
