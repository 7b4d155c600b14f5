"""`ktrdr report`: a file that stands alone, never at the cost of another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run, backtest_options


@pytest.fixture
def operation_id(ktrdr: Run) -> str:
    ended = ktrdr(*backtest_options("EURUSD"), "--json")
    assert ended.code == 0, ended.stderr
    return str(ended.json["operation_id"])


def test_the_report_of_a_real_run_tells_everything(ktrdr: Run, home: Path, operation_id: str) -> None:
    ended = ktrdr("report", operation_id)
    assert (ended.code, ended.stdout) == (0, f"{operation_id}.html\n")
    assert "MB, complete in itself." in ended.stderr
    text = (home / f"{operation_id}.html").read_text("utf-8")
    for words in (
        "rsi_mean_reversion on EURUSD 1h", "In sample.", "Rolling Sharpe", "Monthly returns", "Training range",
        "Strategy SHA-256", "closed trades",
    ):  # fmt: skip
        assert words in text


def test_a_report_of_the_same_operation_is_replaced_and_nothing_else_is(
    ktrdr: Run, home: Path, operation_id: str
) -> None:
    (home / "mine.html").write_text("mine")
    ended = ktrdr("report", operation_id, "--output", "mine.html")
    assert ended.code == 2
    assert "choose another file with --output" in ended.stderr
    assert (home / "mine.html").read_text() == "mine"
    assert ktrdr("report", operation_id, "--output", "ours.html").code == 0
    assert ktrdr("report", operation_id, "--output", "ours.html").code == 0


@pytest.mark.parametrize("output", ["no/such/folder/report.html", "."])
def test_a_place_that_cannot_be_written_is_said(ktrdr: Run, home: Path, operation_id: str, output: str) -> None:
    before = sorted(home.iterdir())
    ended = ktrdr("report", operation_id, "--output", output)
    assert ended.code == 2
    assert "cannot be written" in ended.stderr
    assert sorted(home.iterdir()) == before


def test_an_unknown_operation_is_bad_input(ktrdr: Run) -> None:
    ended = ktrdr("report", "op_backtest_20250103_aaaaaaaaaa")
    assert ended.code == 2
    assert "ktrdr operations list" in ended.stderr


@pytest.mark.parametrize("works", [True, False])
def test_the_browser_is_opened_when_asked_for(home: Path, operation_id: str, works: bool) -> None:
    browser = home / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{home}/opened"\nexit {0 if works else 1}\n')
    browser.chmod(0o755)
    environment = {**os.environ, "BROWSER": str(browser), "PATH": "/nowhere"}
    command = [sys.executable, "-m", "ktrdr_engine.cli", "report", operation_id, "--open"]
    ended = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert (home / "opened").read_text().strip() == (home / f"{operation_id}.html").as_uri()
    assert ("No browser could be opened" in ended.stderr) is not works
