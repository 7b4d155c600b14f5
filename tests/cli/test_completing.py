from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ktrdr_engine.cli.completing import model_paths, operation_ids, strategy_paths
from tests.cli.conftest import Run, backtest_options
from tests.mcp.wire import ROOT


def test_names_of_strategies_and_models_are_offered_as_commands_take_them(home: Path) -> None:
    (home / "strategies").mkdir()
    (home / "strategies" / "rsi_of_mine.yaml").write_text("name: rsi_of_mine\n")
    offered = strategy_paths("strategies/rsi")
    assert {"strategies/rsi_of_mine.yaml", "strategies/rsi_mean_reversion.yaml"} <= set(offered)
    assert "models/rsi_mlp_v1.0.0.pt" in model_paths("models/rsi")
    assert model_paths("strategies/") == []


def test_ids_of_operations_are_offered(held_ktrdr: Run) -> None:
    operation_id = held_ktrdr(*backtest_options("QUICK"), "--json").json["operation_id"]
    assert operation_ids("op_b") == [operation_id]
    assert operation_ids("op_t") == []


def test_a_home_that_cannot_be_used_offers_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "file").write_text("")
    monkeypatch.setenv("KTRDR_HOME", str(home / "file"))
    assert operation_ids("") == []
    monkeypatch.setenv("KTRDR_MAX_QUEUED_OPERATIONS", "many")
    assert strategy_paths("") == []


def test_a_shell_that_asks_is_answered(home: Path) -> None:
    """What bash does after TAB, without bash."""
    words = "ktrdr backtest --strategy strategies/rsi_mean"
    environment = {**os.environ, "_KTRDR_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "3"}
    command = [sys.executable, "-m", "ktrdr_engine.cli"]
    answered = subprocess.run(
        command, capture_output=True, text=True, cwd=home, env={**environment, "PYTHONPATH": str(ROOT)}
    )
    assert answered.stdout.split() == ["strategies/rsi_mean_reversion.yaml"]
    assert answered.stderr == ""
