from __future__ import annotations

import pytest

from tests.cli.conftest import Run, backtest_options


@pytest.fixture
def finished(held_ktrdr: Run) -> str:
    return str(held_ktrdr(*backtest_options("QUICK"), "--json").json["operation_id"])


def test_operations_of_earlier_processes_are_listed(held_ktrdr: Run, finished: str) -> None:
    listed = held_ktrdr("operations", "list")
    assert listed.code == 0
    assert finished in listed.stdout
    assert "return +2.34%, 94 trades" in listed.stdout


def test_a_list_is_filtered_and_paged(held_ktrdr: Run, finished: str) -> None:
    assert held_ktrdr("operations", "list", "--status", "failed", "--json").json["total"] == 0
    page = held_ktrdr("operations", "list", "--type", "BACKTESTING", "--limit", "1", "--offset", "1", "--json").json
    assert (page["total"], page["returned"]) == (1, 0)


def test_one_operation_is_shown_with_its_results(held_ktrdr: Run, finished: str) -> None:
    shown = held_ktrdr("operations", "show", finished)
    assert shown.code == 0
    assert "COMPLETED" in shown.stdout
    assert "102,340.50" in shown.stdout
    assert held_ktrdr("operations", "show", finished, "--json").json["operation_id"] == finished


def test_a_failed_operation_is_shown_with_its_error(held_ktrdr: Run, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")
    failed = held_ktrdr(*backtest_options("CRASH"), "--json").json["operation_id"]
    assert "engine_error" in held_ktrdr("operations", "show", failed).stdout


def test_cancelling_a_finished_operation_leaves_it_as_it_is(held_ktrdr: Run, finished: str) -> None:
    cancelled = held_ktrdr("operations", "cancel", finished, "--reason", "late", "--json")
    assert cancelled.code == 0
    assert cancelled.json["status"] == "COMPLETED"


@pytest.mark.parametrize("command", ["show", "cancel"])
def test_an_unknown_operation_exits_with_2_and_a_hint(held_ktrdr: Run, command: str) -> None:
    ended = held_ktrdr("operations", command, "op_backtest_20250103_aaaaaaaaaa")
    assert ended.code == 2
    assert "ktrdr operations list" in ended.stderr


def test_an_unknown_status_exits_with_2_and_the_known_ones(held_ktrdr: Run) -> None:
    ended = held_ktrdr("operations", "list", "--status", "COMPLETE")
    assert ended.code == 2
    assert "Did you mean 'COMPLETED'" in ended.stderr
