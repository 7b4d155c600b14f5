from __future__ import annotations

from typing import Any

from ktrdr_engine.operations.models import ErrorInfo, MetricsPage, OperationPage, OperationStatus
from ktrdr_mcp.fitting import (
    MAX_STRUCTURED_CHARACTERS,
    fitting_metrics,
    fitting_operation,
    fitting_page,
)
from tests.mcp.test_views import ID, operation, row


async def test_a_page_of_metrics_that_is_too_long_leaves_the_rest_for_the_next_cursor() -> None:
    asked: list[int] = []

    async def read(limit: int) -> MetricsPage:
        asked.append(limit)
        rows: list[dict[str, Any]] = [{"index": index, "text": "x" * 200} for index in range(limit)]
        return MetricsPage(metrics={"bars": rows}, new_cursor=limit, has_more=limit < 500, dropped=0)

    page = await fitting_metrics(500, read)
    assert len(page.model_dump_json()) <= MAX_STRUCTURED_CHARACTERS
    assert page.new_cursor == len(page.metrics["bars"]) == asked[-1]
    assert page.new_cursor > 50
    assert page.has_more
    assert len(asked) < 6


async def test_a_single_entry_is_returned_however_long_it_is() -> None:
    async def read(limit: int) -> MetricsPage:
        return MetricsPage(metrics={"bars": [{"text": "x" * 50_000}]}, new_cursor=1, has_more=False, dropped=0)

    assert (await fitting_metrics(1, read)).new_cursor == 1


async def test_a_page_that_fits_is_read_once() -> None:
    asked: list[int] = []

    async def read(limit: int) -> MetricsPage:
        asked.append(limit)
        return MetricsPage(metrics={}, new_cursor=0, has_more=False, dropped=0)

    await fitting_metrics(500, read)
    assert asked == [500]


def test_a_list_that_is_too_long_is_cut_and_counts_what_it_returns() -> None:
    long = OperationPage(operations=tuple(row(n, headline="h" * 500) for n in range(100)), total=300, returned=100)
    page = fitting_page(long)
    assert len(page.model_dump_json()) <= MAX_STRUCTURED_CHARACTERS
    assert page.returned == len(page.operations) < 100
    assert page.operations == long.operations[: page.returned]
    assert page.total == 300


def test_an_operation_that_fits_is_left_alone() -> None:
    small = operation(OperationStatus.COMPLETED, results={"a": 1, "nested": {"b": 2}})
    assert fitting_operation(small) is small


def test_a_long_error_loses_its_details_before_its_message() -> None:
    error = ErrorInfo(code="strategy_error", message="m" * 10_000, details={"errors": ["d" * 20_000]})
    fitted = fitting_operation(operation(OperationStatus.FAILED, error=error)).error
    assert fitted is not None
    assert fitted.details == {}
    assert fitted.message.startswith("m" * 8_000)
    assert "2000 more characters" in fitted.message


def test_long_results_keep_their_numbers_and_lose_what_is_nested() -> None:
    results = {"sharpe_ratio": 1.5, "everything": ["x" * 100] * 500}
    assert fitting_operation(operation(OperationStatus.COMPLETED, results=results)).results == {"sharpe_ratio": 1.5}


def test_results_too_long_even_so_are_replaced_by_where_they_are() -> None:
    results = {f"number_{index}": float(index) for index in range(5_000)}
    fitted = fitting_operation(operation(OperationStatus.COMPLETED, results=results))
    assert fitted.results == {"notes": [f"too long for a reply: read ktrdr://operations/{ID}/results"]}
    assert len(fitted.model_dump_json()) <= MAX_STRUCTURED_CHARACTERS
