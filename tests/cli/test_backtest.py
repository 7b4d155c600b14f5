from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ktrdr_engine.operations.models import Operation
from tests.cli.conftest import Run, backtest_options
from tests.mcp.held import RESULTS
from tests.mcp.wire import environment


def test_a_backtest_ends_with_its_results_on_stdout(held_ktrdr: Run) -> None:
    ended = held_ktrdr(*backtest_options("QUICK"))
    assert ended.code == 0
    assert "COMPLETED" in ended.stdout
    assert "2.34 %" in ended.stdout
    assert "note: sortino_ratio: no losing day" in ended.stdout
    operation_id = ended.stdout.split()[0]
    assert ended.stdout.splitlines()[-1] == f"Report: ktrdr report {operation_id} --open"


def test_json_is_the_finished_operation_and_nothing_else(held_ktrdr: Run) -> None:
    ended = held_ktrdr(*backtest_options("QUICK"), "--json", "--capital", "5000", "--model", "m.pt")
    assert ended.code == 0
    operation = Operation.model_validate(ended.json)
    assert operation.status == "COMPLETED"
    assert operation.results == RESULTS
    assert operation.metadata["initial_capital"] == 5000
    assert operation.metadata["model_path"] == "m.pt"


def test_the_model_and_what_it_has_seen_are_said_at_the_start(ktrdr: Run) -> None:
    request = ("--symbol", "EURUSD", "--timeframe", "1h", "--strategy", "rsi_mean_reversion")
    for start, relation in (("2017-11-03", "out_of_sample"), ("2017-11-02", "in_sample")):
        ended = ktrdr("backtest", *request, "--start", start, "--end", "2017-12-29", "--json")
        assert ended.code == 0
        assert f"model models/rsi_mlp_v1.0.0.pt: {relation}" in ended.stderr
        assert ended.json["results"]["model_relation"] == relation


def test_a_failed_backtest_exits_with_1_and_says_why(held_ktrdr: Run, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")
    ended = held_ktrdr(*backtest_options("CRASH"))
    assert ended.code == 1
    assert "Error engine_error" in ended.stderr
    assert "secret" not in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"symbol": "QUIK"}, "Did you mean 'QUICK'"),
        ({"start": "2018-01-01"}, "before start_date"),
        ({"start": "next week"}, "next week"),
        ({"commission": "1.5"}, "commission"),
        ({"capital": "nan"}, "initial_capital"),
        ({"capital": "0"}, "initial_capital"),
    ],
)
def test_bad_input_exits_with_2_and_one_clear_message(held_ktrdr: Run, changes: dict[str, str], words: str) -> None:
    ended = held_ktrdr(*backtest_options(**{"symbol": "QUICK", **changes}), "--json")
    assert ended.code == 2
    assert words in ended.stderr
    assert ended.stderr.startswith("Error: ")
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("arguments", [["backtest"], ["backtest", "--colour", "red"], ["fly"]])
def test_bad_usage_exits_with_2(ktrdr: Run, arguments: list[str]) -> None:
    assert ktrdr(*arguments).code == 2


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--symbols", "A portfolio is not supported"),
        ("--stop-loss", "execution.stop_loss"),
        ("--epochs", "training.epochs"),
    ],
)
def test_an_option_of_other_backtesters_is_answered_by_what_is_so(ktrdr: Run, option: str, words: str) -> None:
    ended = ktrdr(*backtest_options("EURUSD"), option, "1")
    told = " ".join(ended.stderr.replace("\u2502", " ").split())
    assert ended.code == 2
    assert words in told


def test_bad_input_points_at_the_help_of_the_command(ktrdr: Run) -> None:
    assert "ktrdr backtest --help" in ktrdr(*backtest_options("EURUSD"), "--commission", "5").stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_cancels_and_exits_with_130(held_ktrdr: Run, home: Path, how: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.cli.held_cli", *backtest_options("LOUD")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(home),
    )
    assert process.stdout is not None
    assert "must not reach" in process.stdout.readline()
    process.send_signal(how)
    stdout, stderr = process.communicate(timeout=15)
    assert process.returncode == 130
    assert "Cancelled" in stderr
    assert "Traceback" not in stderr
    assert "CANCELLED" in stdout
    (row,) = held_ktrdr("operations", "list", "--json").json["operations"]
    assert row["status"] == "CANCELLED"
    shown = held_ktrdr("operations", "show", row["operation_id"], "--json").json
    assert shown["results"] == {"total_return": 0.01, "partial": True}


def test_ctrl_c_before_there_is_an_operation_leaves_none(held_ktrdr: Run, home: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.cli.held_cli", *backtest_options("SLOW"), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(home),
    )
    assert process.stderr is not None
    while "checking" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    stdout, _ = process.communicate(timeout=15)
    assert process.returncode == 130
    assert stdout == ""
    assert held_ktrdr("operations", "list", "--json").json["total"] == 0
