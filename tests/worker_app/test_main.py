from __future__ import annotations

import subprocess
import sys

from tests.mcp.wire import ROOT


def test_the_worker_says_that_it_is_not_there_yet() -> None:
    ended = subprocess.run([sys.executable, "-m", "worker_app.main"], capture_output=True, text=True, cwd=ROOT)
    assert ended.returncode == 2
    assert "not part of this version" in ended.stderr
    assert ended.stdout == ""
