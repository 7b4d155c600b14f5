"""The smallest stdio client: one JSON-RPC line out, one back. It adds as little as possible to what it measures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self


class StdioServer:
    """A `ktrdr-mcp` process with a home of its own, initialised on entry and ended by closing its stdin."""

    def __init__(self, home: Path, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ktrdr_mcp.main"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "KTRDR_HOME": str(home), **environment},
        )
        self._next_id = 0

    def __enter__(self) -> Self:
        self.request(
            "initialize",
            {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "benchmark", "version": "1"},
            },
        )
        self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipe(self._process.stdin).close()
        self._process.wait(timeout=10)
        self._pipe(self._process.stdout).close()

    def request(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Send one request and return its result; notifications in between are passed over."""
        self._next_id += 1
        self._write({"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params})
        while True:
            message = json.loads(self._pipe(self._process.stdout).readline())
            if message.get("id") == self._next_id:
                result: dict[str, Any] = message["result"]
                return result

    def call(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Call a tool and return its structured reply.

        Raises:
            RuntimeError: The tool answered with an error.
        """
        result = self.request("tools/call", {"name": tool, "arguments": arguments})
        if result.get("isError"):
            raise RuntimeError(result["content"][0]["text"])
        structured: dict[str, Any] = result["structuredContent"]
        return structured

    def _write(self, message: Mapping[str, Any]) -> None:
        stdin = self._pipe(self._process.stdin)
        stdin.write(json.dumps(message).encode() + b"\n")
        stdin.flush()

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        if pipe is None:
            raise RuntimeError("the server was started without pipes")
        return pipe
