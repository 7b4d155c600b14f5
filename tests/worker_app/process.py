"""A real worker process on loopback, on a port the system chose."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import worker_app

ROOT = Path(worker_app.__file__).resolve().parents[1]
EXIT_SECONDS = 10
_ADDRESS = re.compile(r"running on (http://\S+)")


class Worker:
    """What a test needs to know of the process, and may do to it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.log: list[str] = []
        self.url = self._read_until_it_serves()
        self._reader = threading.Thread(target=self._read_on, daemon=True)
        self._reader.start()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """Return the exit code."""
        code = self.process.wait(EXIT_SECONDS)
        self._reader.join(EXIT_SECONDS)
        return code

    def _read_until_it_serves(self) -> str:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)
            if found := _ADDRESS.search(line):
                return found[1]
        raise AssertionError("".join(self.log))

    def _read_on(self) -> None:
        assert self.process.stderr is not None
        self.log.extend(self.process.stderr)


@contextmanager
def worker_process(home: Path, *arguments: str, module: str = "worker_app.main", **more: str) -> Iterator[Worker]:
    """Run a worker whose KTRDR_HOME is `home`; kill it in the end if it still lives."""
    environment = {**os.environ, "KTRDR_HOME": str(home), "PYTHONPATH": str(ROOT), **more}
    command = [sys.executable, "-m", module, "--port", "0", *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=home.parent,
        env=environment,
    ) as process:  # fmt: skip
        try:
            yield Worker(process)
        finally:
            process.kill()
