from __future__ import annotations

from datetime import UTC, datetime

import pytest
from rich.console import Console

from ktrdr_engine.cli.operation_rows import operation_rows
from ktrdr_engine.operations.models import OperationStatus, OperationSummary, OperationType
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


ABOUT = {"symbol": "EURUSD", "timeframe": "1h", "strategy": "rsi_mean_reversion", "range": "2017-01-02 to 2017-12-29"}


def row(**fields: object) -> OperationSummary:
    known: dict[str, object] = {
        "operation_id": "op_backtest_20261125_aaaaaaaaaa",
        "operation_type": OperationType.BACKTESTING,
        "status": OperationStatus.COMPLETED,
        "about": ABOUT,
        "percentage": 100.0,
        "message": "Done",
        "created_at": datetime(2026, 11, 25, 12, tzinfo=UTC),
        "headline": "return -5.31%, Sharpe -1.20, 94 trades",
    }
    return OperationSummary.model_validate(known | fields)


def shown(width: int, *rows: OperationSummary) -> list[str]:
    console = Console(width=width)
    created = ("created (UTC)", lambda one: f"{one.created_at:%Y-%m-%d %H:%M}")
    with console.capture() as capture:
        console.print(operation_rows("operations", rows, moment=created, width=width))
    return capture.get().splitlines()


@pytest.mark.parametrize("width", [80, 140])
@pytest.mark.parametrize("status", [OperationStatus.COMPLETED, OperationStatus.RUNNING, OperationStatus.CANCELLING])
def test_a_list_names_what_each_run_is_about_in_one_piece_at_any_width(width: int, status: OperationStatus) -> None:
    lines = shown(width, row(status=status, percentage=45.2, headline=None, message=""), row())
    text = "\n".join(lines)
    assert max(map(len, lines)) <= width
    for piece in (*ABOUT.values(), "op_backtest_20261125_aaaaaaaaaa", status.value, "2026-11-25 12:00"):
        assert text.count(piece) >= 1
    assert text.count("EURUSD 1h rsi_mean_reversion 2017-01-02 to 2017-12-29") == 2
    assert "45 %" in text or status.is_final


def test_names_too_long_for_a_table_have_lines_of_their_own() -> None:
    lines = shown(140, row(about={**ABOUT, "strategy": "s" * 100}))
    assert any(line.startswith("  EURUSD 1h " + "s" * 100) for line in lines)
    assert max(map(len, lines)) <= 140


def test_one_long_error_does_not_fill_the_list() -> None:
    assert len(shown(80, row(headline="a cause\n" * 500), row())) < 12


def test_an_operation_that_names_nothing_is_listed_all_the_same() -> None:
    assert "op_backtest_20261125_aaaaaaaaaa" in "\n".join(shown(80, row(about={})))


def test_notes_are_shown_with_the_results(held_ktrdr: Run, finished: str) -> None:
    assert "note: sortino_ratio: no losing day" in held_ktrdr("operations", "show", finished).stdout


@pytest.mark.parametrize("command", [("operations", "list"), ("watch", "--once")])
@pytest.mark.parametrize("columns", ["80", "140"])
def test_both_lists_name_symbol_timeframe_strategy_and_range(
    held_ktrdr: Run, finished: str, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    listed = held_ktrdr(*command).stdout
    assert "QUICK 1h rsi_mean_reversion 2017-01-02 to 2017-12-29" in listed
    assert "return +2.34%, 94" in " ".join(listed.split())
