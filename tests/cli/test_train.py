from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ktrdr_engine.operations.models import Operation
from tests.cli.conftest import Run
from tests.mcp.wire import environment
from tests.training.conftest import write_prices, write_strategy
from tests.training.prices import series, wave

TRAIN = ["train", "--strategy", "tiny", "--start", "1970-01-02", "--end", "1970-02-15"]


@pytest.fixture
def filled(home: Path) -> Path:
    write_strategy(home)
    write_strategy(home, "endless", epochs=10_000, early_stopping=None)
    write_prices(home, series(wave(1_200)))
    return home


def test_a_training_ends_with_a_model_and_tables_on_stdout(ktrdr: Run, filled: Path) -> None:
    ended = ktrdr(*TRAIN, "--name", "mine", "--seed", "5", "--symbol", "WAVE", "--timeframe", "1h")
    assert ended.code == 0
    assert "models/mine_v1.0.0.pt" in ended.stdout
    assert "recall BUY, HOLD, SELL" in ended.stdout
    assert "1970-01-02 to " in ended.stdout
    assert (filled / "models" / "mine_v1.0.0.pt").is_file()
    (row,) = [line for line in ended.stdout.splitlines() if line.startswith("test accuracy")]
    assert row.rstrip().endswith("%")


def test_json_is_the_finished_operation_and_nothing_else(ktrdr: Run, filled: Path) -> None:
    ended = ktrdr(*TRAIN, "--json")
    operation = Operation.model_validate(ended.json)
    assert operation.status == "COMPLETED"
    assert operation.results is not None
    assert operation.results["model_path"] == "models/tiny_v1.0.0.pt"
    assert operation.metadata["seed"] == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--symbol", "WAVES"], "Did you mean 'WAVE'"),
        (["--strategy", "tinny"], "Did you mean 'tiny'"),
        (["--end", "1960-01-01"], "before start_date"),
        (["--name", "../up"], "model_name"),
        (["--seed", "-1"], "seed=-1"),
        (["--timeframe", "4h"], "written for 1h bars"),
    ],
)
def test_bad_input_exits_with_2_and_one_clear_message(ktrdr: Run, filled: Path, options: list[str], words: str) -> None:
    ended = ktrdr(*TRAIN, *options, "--json")
    assert ended.code == 2
    assert words in ended.stderr
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr


def test_ctrl_c_cancels_keeps_the_best_so_far_and_exits_with_130(ktrdr: Run, filled: Path) -> None:
    arguments = [part if part != "tiny" else "endless" for part in TRAIN]
    process = subprocess.Popen(
        [sys.executable, "-m", "ktrdr_engine.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(filled, FORCE_COLOR="1", TTY_COMPATIBLE="1"),
    )
    assert process.stderr is not None
    told = ""
    while "validation loss" not in told:
        told += process.stderr.read(1)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=15)
    assert process.returncode == 130
    assert "Cancelled" in stderr
    assert "models/endless_partial_v1.0.0.pt" in stdout
    (row,) = ktrdr("operations", "list", "--json").json["operations"]
    assert row["status"] == "CANCELLED"
