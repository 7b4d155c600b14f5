"""Watching in a terminal that is none, and in a real one."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from ktrdr_engine.cli.watch import operations_now
from ktrdr_engine.operations.models import OperationPage, OperationStatus, OperationSummary, OperationType
from tests.cli.conftest import Run, backtest_options
from tests.mcp.wire import ROOT

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def row(status: OperationStatus, seconds: int, percentage: float = 0.0) -> OperationSummary:
    begun = NOW - timedelta(seconds=seconds)
    ended = begun + timedelta(seconds=7) if status.is_final else None
    return OperationSummary(
        operation_id="op_backtest_20261125_aaaaaaaaaa",
        operation_type=OperationType.BACKTESTING,
        status=status,
        percentage=percentage,
        message="Backtesting EURUSD 1h",
        created_at=begun,
        completed_at=ended,
    )


def shown(*rows: OperationSummary) -> str:
    console = Console(width=160)
    with console.capture() as capture:
        console.print(operations_now(OperationPage(operations=rows, total=len(rows), returned=len(rows)), NOW, 160))
    return capture.get()


def test_a_row_says_how_far_and_for_how_long() -> None:
    text = shown(row(OperationStatus.RUNNING, 3_725, 45.2), row(OperationStatus.PENDING, 62))
    assert "2 under way, 2 of 2 operations" in text
    assert "RUNNING 45 %" in text
    assert "1:02:05" in text
    assert "1:02  " in text


def test_what_has_ended_shows_how_long_it_took() -> None:
    text = shown(row(OperationStatus.COMPLETED, 900, 100.0))
    assert "0 under way" in text
    assert "COMPLETED " in text
    assert "0:07" in text


def test_what_a_clock_put_back_began_later_has_run_for_no_time() -> None:
    assert "0:00" in shown(row(OperationStatus.RUNNING, -30))


@pytest.mark.parametrize("arguments", [["--once"], []])
def test_where_nobody_sees_a_table_change_it_is_printed_once(ktrdr: Run, held_ktrdr: Run, arguments: list[str]) -> None:
    assert "No operations yet" in ktrdr("watch", *arguments).stdout
    operation_id = held_ktrdr(*backtest_options("QUICK"), "--json").json["operation_id"]
    ended = ktrdr("watch", *arguments)
    assert ended.code == 0
    assert operation_id in ended.stdout


def test_in_a_terminal_it_stays_until_ctrl_c(home: Path) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    command = [sys.executable, "-m", "ktrdr_engine.cli", "watch"]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, env=environment, cwd=home
    ) as process:
        os.close(theirs)
        text = b""
        while text.count(b"No operations yet") < 2:
            text += os.read(ours, 4_096)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""
    os.close(ours)
