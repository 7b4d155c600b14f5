from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ktrdr_engine.datasets.models import DatasetRow, GapRow
from ktrdr_engine.operations.models import (
    ErrorInfo,
    MetricsPage,
    Operation,
    OperationPage,
    OperationStatus,
    OperationSummary,
    OperationType,
    Progress,
)
from ktrdr_mcp.dataset_views import dataset_line
from ktrdr_mcp.failures import wire_bytes
from ktrdr_mcp.replies import Call
from ktrdr_mcp.views import (
    cancelled_text,
    metrics_text,
    operation_line,
    operation_text,
    operations_text,
    readable,
)

ID = "op_backtest_20250103_k3v9x2m7qa"
NOW = datetime(2025, 1, 3, 12, 0, 5, tzinfo=UTC)


def operation(status: OperationStatus = OperationStatus.RUNNING, **fields: Any) -> Operation:
    return Operation(
        operation_id=ID,
        operation_type=OperationType.BACKTESTING,
        status=status,
        created_at=NOW,
        updated_at=NOW,
        **fields,
    )


def row(number: int, **fields: Any) -> OperationSummary:
    known: dict[str, Any] = {
        "operation_id": f"op_backtest_20250103_{number:010d}",
        "operation_type": OperationType.BACKTESTING,
        "status": OperationStatus.COMPLETED,
        "percentage": 100.0,
        "message": "done",
        "created_at": NOW,
    }
    return OperationSummary(**known | fields)


def test_a_running_operation_reads_as_a_few_lines() -> None:
    progress = Progress(
        percentage=45.24,
        message="Backtesting AAPL 1h [2024-06-15 14:30]",
        current_step=452,
        total_steps=1000,
        context={"symbol": "AAPL", "current_pnl": 2340.5, "win_rate": 0.5833333, "stopped": False},
    )
    assert operation_text(operation(progress=progress)).splitlines() == [
        f"{ID} RUNNING 45.2 %, step 452 of 1000. Backtesting AAPL 1h [2024-06-15 14:30]",
        "symbol=AAPL  current_pnl=2340.5  win_rate=0.583333  stopped=false",
        f"Next: get_operation(operation_id='{ID}', wait_seconds=20) waits for the end; "
        f"get_metrics(operation_id='{ID}') shows the run so far; cancel(operation_id='{ID}') stops it.",
    ]


def test_an_operation_that_is_stopping_is_only_waited_for() -> None:
    assert operation_text(operation(OperationStatus.CANCELLING)).endswith("waits until it has stopped.")


def test_a_stale_state_says_from_when_it_is() -> None:
    assert "(stale: as of 2025-01-03T12:00:05Z)" in operation_text(operation(stale=True))


def test_results_are_shown_as_numbers_then_what_is_undefined_then_notes() -> None:
    results = {"sharpe_ratio": 1.25, "sortino_ratio": None, "notes": ["sortino_ratio: no loss"], "provenance": {"a": 1}}
    lines = operation_text(operation(OperationStatus.COMPLETED, results=results)).splitlines()
    assert lines[1:4] == ["sharpe_ratio=1.25", "undefined: sortino_ratio", "note: sortino_ratio: no loss"]
    assert "provenance" not in "\n".join(lines)


def test_many_results_are_broken_into_lines() -> None:
    results = {f"number_{index}": float(index) for index in range(40)}
    lines = operation_text(operation(OperationStatus.COMPLETED, results=results)).splitlines()
    assert all(len(line) <= 110 for line in lines[1:-1])
    assert "number_39=39" in lines[-2]


def test_a_failure_says_code_message_and_the_way_on() -> None:
    error = ErrorInfo(code="interrupted", message="The process ended before the operation did.")
    text = operation_text(operation(OperationStatus.FAILED, error=error, warnings=("Not stored.",)))
    assert "Error interrupted: The process ended before the operation did." in text
    assert "warning: Not stored." in text
    assert "start_backtest(...) again once the cause is repaired" in text


def test_a_cancelled_operation_without_results_offers_to_start_again() -> None:
    assert "start_backtest(...) again" in operation_text(operation(OperationStatus.CANCELLED))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (OperationStatus.CANCELLED, "is cancelled"),
        (OperationStatus.CANCELLING, "is stopping"),
        (OperationStatus.COMPLETED, "had already ended COMPLETED: nothing was cancelled"),
    ],
)
def test_a_cancel_says_what_it_achieved(status: OperationStatus, words: str) -> None:
    assert cancelled_text(operation(status)).startswith(f"{ID} {words}.")


def test_metrics_show_every_row_of_their_page() -> None:
    rows = [{"bar_index": index, "pnl": 1.5, "position": None} for index in range(50)]
    page = MetricsPage(metrics={"bars": rows, "trades": []}, new_cursor=50, has_more=True, dropped=3)
    lines = metrics_text(ID, page).splitlines()
    assert lines[0] == "50 entries, new_cursor=50, has_more=true, dropped=3"
    assert lines[1] == "bars (50): bar_index|pnl|position"
    assert lines[2:-1] == [f"{index}|1.5|null" for index in range(50)]
    assert lines[-1].endswith("cursor=50) reads on from here.")


def test_the_last_page_of_metrics_says_that_there_may_be_more_later() -> None:
    page = MetricsPage(metrics={}, new_cursor=7, has_more=False, dropped=0)
    assert "later" in metrics_text(ID, page).splitlines()[-1]


ABOUT = {"symbol": "EURUSD", "timeframe": "1h", "strategy": "rsi_mean_reversion", "range": "2017-01-02 to 2017-12-29"}


def test_a_page_of_a_list_ends_where_its_text_ends_and_the_next_begins_there() -> None:
    rows = tuple(row(number, about=ABOUT, headline="return -5.31%, 94 trades") for number in range(30))
    page = readable(OperationPage(operations=rows, total=99, returned=30), "operations", operation_line)
    more = Call.of("list_operations", status="COMPLETED", offset=10 + page.returned)
    lines = operations_text(page, more).splitlines()
    assert len(lines) - 2 == page.returned == len(page.operations) >= 10
    assert lines[0] == f"{page.returned} of 99 operations, newest first"
    assert [line.split()[0] for line in lines[1:-1]] == [one.operation_id for one in page.operations]
    assert str(more) in lines[-1]
    assert wire_bytes("\n".join(lines)) < 2_048


def test_a_row_whose_text_has_no_room_is_shown_all_the_same() -> None:
    rows = (row(1, about={"strategy": "s" * 200}, headline="h" * 5_000), row(2))
    assert readable(OperationPage(operations=rows, total=2, returned=2), "operations", operation_line).returned >= 1


def test_a_row_says_what_it_is_about_while_it_runs_too() -> None:
    running = row(1, status=OperationStatus.RUNNING, percentage=45.2, message="", about=ABOUT)
    page = OperationPage(operations=(running,), total=1, returned=1)
    assert operations_text(page, None).splitlines()[1].split("  ")[1:] == [
        "RUNNING 45 %",
        "EURUSD 1h rsi_mean_reversion 2017-01-02 to 2017-12-29",
    ]


def test_the_last_page_of_a_list_offers_no_older_ones() -> None:
    page = OperationPage(operations=(row(1, headline="return +1%"),), total=1, returned=1)
    text = operations_text(page, None)
    assert "return +1%" in text
    assert "offset" not in text


def test_no_text_is_longer_than_two_kilobytes_whatever_the_engine_says() -> None:
    notes = [f"note {index} " + "x" * 100 for index in range(100)]
    long = operation(
        OperationStatus.COMPLETED,
        results={"notes": notes, **{f"n{i}": i for i in range(500)}},
        warnings=("y" * 5_000,) * 5,
        progress=Progress(message="z" * 5_000),
    )
    rows = [{f"column_{c}": "w" * 100 for c in range(30)} for _ in range(50)]
    page = MetricsPage(metrics={name: rows for name in "abcdef"}, new_cursor=1, has_more=True, dropped=0)
    listed = OperationPage(operations=tuple(row(n, headline="h" * 900) for n in range(100)), total=100, returned=100)
    for text in (operation_text(long), cancelled_text(long), metrics_text(ID, page), operations_text(listed, None)):
        assert wire_bytes(text) < 2_048
        assert "\nNext: " in text


def test_a_row_of_a_training_names_its_model_whole() -> None:
    headline = "test accuracy 0.42 (majority 0.55), models/rsi_mean_reversion_v1.0.0.pt"
    page = OperationPage(operations=(row(1, headline=headline),), total=1, returned=1)
    assert operations_text(page, None).splitlines()[1].endswith(f"COMPLETED  {headline}")


@pytest.mark.parametrize(
    ("gaps", "bars", "told"),
    [
        (0, 0, "2024-12-31"),
        (1, 1, "2024-12-31, 1 gap of 1 bar 2024-03-04T08:00 to 2024-03-04T08:00"),
        (3, 25, "2024-12-31, 3 gaps, longest 25 bars 2024-03-04T08:00 to 2024-03-04T08:00"),
    ],
)
def test_a_dataset_is_told_with_its_gaps_and_the_dates_of_the_longest(gaps: int, bars: int, told: str) -> None:
    stamp = "2024-03-04T08:00:00Z"
    row = DatasetRow(
        symbol="AAPL",
        timeframe="1h",
        bars=99,
        first="2024-01-02T00:00:00Z",
        last="2024-12-31T00:00:00Z",
        gaps=gaps,
        longest_gap=GapRow(first=stamp, last=stamp, bars=bars) if gaps else None,
        market="us_equity",
        source="user",
    )
    assert dataset_line(row) == f"AAPL 1h (us_equity; user): 99 bars, 2024-01-02 to {told}"
