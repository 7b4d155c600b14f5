"""Let schemathesis loose on a real worker: `python scripts/random_requests.py [REQUESTS]`, 10,000 by default.

Needs `pip install 'schemathesis>=4.32,<5'`, which nothing else here does. It checks what `tests/faults` cannot say of
its own requests: that every reply is one which /openapi.json declares, with the status, headers and body it declares.
Exits with schemathesis' own code.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_ADDRESS = re.compile(r"running on (http://\S+)")
_OPERATIONS = 9
"""Documented calls: schemathesis counts its examples for each of them."""


def main(requests: int) -> int:
    """Start a worker with a home of its own, ask it, end it."""
    schemathesis = shutil.which("schemathesis", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if schemathesis is None:
        print("schemathesis is not installed: pip install 'schemathesis>=4.32,<5'", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        worker = subprocess.Popen(
            [sys.executable, "-m", "worker_app.main", "--port", "0"],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "KTRDR_HOME": folder, "PYTHONPATH": str(ROOT)},
        )
        try:
            return _ask(schemathesis, _address(worker), requests)
        finally:
            worker.terminate()
            worker.communicate(timeout=20)


def _ask(schemathesis: str, url: str, requests: int) -> int:
    examples = max(1, requests // _OPERATIONS)
    command = [schemathesis, "run", f"{url}/openapi.json", "--max-examples", str(examples)]
    # A handle that was refused is no defect of an operation that needs one.
    return subprocess.run([*command, "--seed", "7", "--exclude-checks", "positive_data_acceptance"]).returncode


def _address(worker: subprocess.Popen[str]) -> str:
    assert worker.stderr is not None
    for line in worker.stderr:
        if found := _ADDRESS.search(line):
            return found[1]
    raise RuntimeError("the worker did not start")


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
