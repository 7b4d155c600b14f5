from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from mcp_types import CallToolResult

from ktrdr_engine.operations.models import ErrorInfo, MetricsPage, Operation, OperationPage, OperationStatus, Progress
from ktrdr_mcp.failures import wire_bytes
from ktrdr_mcp.fitting import (
    MAX_STRUCTURED_BYTES,
    fitting_metrics,
    fitting_operation,
    fitting_page,
)
from ktrdr_mcp.following import after, resources_of
from ktrdr_mcp.replies import Call, OperationReply, reply
from ktrdr_mcp.views import (
    MAX_REPLY_BYTES,
    cancelled_text,
    metrics_text,
    operation_text,
    operations_text,
)
from tests.mcp.test_views import ID, operation, row


def _reply(text: str, fitted: Operation) -> CallToolResult:
    return reply(text, OperationReply.of(fitted), after(fitted).call, resources_of(fitted))


@pytest.mark.parametrize("width", [1, 40, 900])
async def test_a_page_of_metrics_ends_where_its_text_ends_and_the_rest_comes_with_the_next_cursor(width: int) -> None:
    asked: list[int] = []

    async def read(limit: int) -> MetricsPage:
        asked.append(limit)
        rows: list[dict[str, Any]] = [{"index": index, "text": "x" * width} for index in range(limit)]
        return MetricsPage(metrics={"bars": rows}, new_cursor=limit, has_more=limit < 500, dropped=0)

    page = await fitting_metrics(500, ID, read)
    text = metrics_text(ID, page)
    rows = text.splitlines()[2:-1]
    assert [int(row.partition("|")[0]) for row in rows] == list(range(page.new_cursor))
    assert page.new_cursor == len(page.metrics["bars"]) == asked[-1]
    assert page.has_more
    assert wire_bytes(text) < 2_048
    assert wire_bytes(text) > 1_400  # the room is used
    assert len(page.model_dump_json()) <= MAX_STRUCTURED_BYTES
    assert len(asked) < 8


async def test_an_entry_that_fits_no_reply_counts_as_dropped_and_is_passed_over() -> None:
    async def read(limit: int) -> MetricsPage:
        return MetricsPage(metrics={"bars": [{"text": "x" * 50_000}]}, new_cursor=1, has_more=True, dropped=2)

    assert await fitting_metrics(1, ID, read) == MetricsPage(metrics={}, new_cursor=1, has_more=True, dropped=3)


async def test_a_page_that_fits_is_read_once() -> None:
    asked: list[int] = []

    async def read(limit: int) -> MetricsPage:
        asked.append(limit)
        return MetricsPage(metrics={}, new_cursor=0, has_more=False, dropped=0)

    await fitting_metrics(500, ID, read)
    assert asked == [500]


def test_a_list_that_is_too_long_is_cut_and_counts_what_it_returns() -> None:
    long = OperationPage(operations=tuple(row(n, headline="h" * 500) for n in range(100)), total=300, returned=100)
    page = fitting_page(long)
    assert len(page.model_dump_json()) <= MAX_STRUCTURED_BYTES
    assert page.returned == len(page.operations) < 100
    assert [one.operation_id for one in page.operations] == [one.operation_id for one in long.operations][
        : page.returned
    ]
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
    assert len(fitted.model_dump_json()) <= MAX_STRUCTURED_BYTES


_WORDS = ["x", "\u6f22", '"\\', "\x01"]


@pytest.mark.parametrize("word", _WORDS)
@pytest.mark.parametrize(
    "parts",
    [
        lambda long: {"error": ErrorInfo(code="engine_error", message=long)},
        lambda long: {"progress": Progress(message=f"Failed: {long}")},
        lambda long: {"progress": Progress(context={str(n): long[:200] for n in range(500)})},
        lambda long: {"warnings": (long,) * 100},
        lambda long: {"metadata": {"strategy_config_path": long}},
        lambda long: {"results": {"notes": [long[:200]] * 200}},
        lambda long: {"results": {f"name_{n}": long[:100] for n in range(500)}},
    ],
    ids=["error", "message", "context", "warnings", "metadata", "notes", "results"],
)
def test_no_operation_makes_a_reply_longer_than_20_kilobytes(parts: Callable[[str], dict[str, Any]], word: str) -> None:
    long = operation(OperationStatus.FAILED, **parts(word * 30_000))
    for text in (operation_text(long), cancelled_text(long)):
        assert wire_bytes(text) < 2_048
        assert len(_reply(text, fitting_operation(long)).model_dump_json(by_alias=True).encode()) < MAX_REPLY_BYTES


@pytest.mark.parametrize("word", _WORDS)
def test_no_list_makes_a_reply_longer_than_20_kilobytes(word: str) -> None:
    rows = tuple(row(n, message=word * 30_000, headline=word * 30_000) for n in range(100))
    page = fitting_page(OperationPage(operations=rows, total=100, returned=100))
    more = Call.of("list_operations", offset=100)
    text = operations_text(page, more)
    assert wire_bytes(text) < 2_048
    assert len(reply(text, page, more).model_dump_json(by_alias=True).encode()) < MAX_REPLY_BYTES
    assert page.returned == len(page.operations) > 0
