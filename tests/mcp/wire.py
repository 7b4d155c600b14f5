"""A server process and its bare wire: lines of JSON in and out, so that a test decides how the client behaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import ktrdr_mcp

ROOT = Path(ktrdr_mcp.__file__).resolve().parents[1]
LEGACY = "2025-11-25"
EXIT_SECONDS = 10


def environment(home: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "KTRDR_HOME": str(home), "PYTHONPATH": str(ROOT), **more}


class Wire:
    """The client's end of a server process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._number = 0

    def send(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the server closed its stdout"
        message: dict[str, Any] = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        return message

    def ask_later(self, method: str, **params: Any) -> int:
        self._number += 1
        self.send(json.dumps({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}))
        return self._number

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        number = self.ask_later(method, **params)
        message = self.receive()
        while message.get("id") != number:
            message = self.receive()
        result: dict[str, Any] = message["result"]
        return result

    def greet(self) -> dict[str, Any]:
        result = self.ask(
            "initialize", protocolVersion=LEGACY, capabilities={}, clientInfo={"name": "test", "version": "1"}
        )
        self.send(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}))
        return result

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return self.ask("tools/call", name=tool, arguments=arguments)

    def end(self, how: str) -> int:
        if how == "EOF":
            assert self.process.stdin is not None
            self.process.stdin.close()
        else:
            self.process.send_signal(signal.Signals[how])
        return self.process.wait(EXIT_SECONDS)


@contextmanager
def server(module: str, home: Path, *arguments: str, **more: str) -> Iterator[Wire]:
    """Start `python -m module`; whatever happens the process does not survive the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=home,
        env=environment(home, **more),
    )
    try:
        yield Wire(process)
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            assert stream is not None
            with suppress(BrokenPipeError):
                stream.close()
