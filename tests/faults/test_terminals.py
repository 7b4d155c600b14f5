"""Terminals and pipes as they are: other encodings, readers that leave, full disks, no width."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX's pipes")

DESCRIPTION = "Покупай 低 → sell 高 — «тест» 🚀"
STRATEGY = f"""name: moi
description: '{DESCRIPTION}'
training_data: {{symbols: {{mode: single, symbol: SPX}}, timeframes: {{mode: single, timeframe: 1d}}}}
indicators: {{mom: {{type: roc, period: 1}}}}
fuzzy_sets: {{move: {{indicator: mom, up: [1, 2, 3, 4], down: [-4, -3, -2, -1]}}}}
model: {{type: fuzzy_rules, rules: [{{if: move is up, then: BUY}}, {{if: move is down, then: SELL}}]}}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home") / "strategies"
    folder.mkdir()
    (folder / "moi.yaml").write_text(STRATEGY, encoding="utf-8")
    Path(os.fsdecode(os.fsencode(folder) + b"/byte\xff.yaml")).write_text("name: x")
    return folder.parent


def ktrdr(
    home: Path, *arguments: str, stdout: int = subprocess.PIPE, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "KTRDR_HOME": str(home), **(variables or {})}
    command = [sys.executable, "-m", "ktrdr_engine.cli", *arguments]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, env=environment, check=False, timeout=60)


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "cp1252"},
        {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"},
        {"TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "0"},
    ],
    ids=["cp1252", "ascii", "dumb"],
)
def test_a_listing_is_written_as_far_as_the_terminal_can(home: Path, variables: dict[str, str]) -> None:
    listed = ktrdr(home, "strategies", "list", variables=variables)
    assert (listed.returncode, listed.stderr) == (0, b"")
    assert b"trend_rules.yaml" in listed.stdout
    as_json = ktrdr(home, "strategies", "list", "--json", variables=variables)
    rows = {row["name"]: row for row in json.loads(as_json.stdout)}
    assert DESCRIPTION in rows["moi.yaml"]["description"]
    assert rows[r"byte\xff.yaml"]["problem"]


@pytest.mark.parametrize("arguments", [("strategies", "list"), ("watch", "--once"), ("--help",)])
def test_a_reader_who_leaves_is_no_error_and_a_full_disk_is_one_line(home: Path, arguments: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    left = ktrdr(home, *arguments, stdout=writing)
    os.close(writing)
    assert left.stderr == b""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with Path("/dev/full").open("wb") as full:
        refused = ktrdr(home, *arguments, stdout=full.fileno())
    assert refused.returncode == 1
    assert refused.stderr.count(b"\n") == 1
    assert b"defect" not in refused.stderr
