from __future__ import annotations

from typing import Any

import anyio
import pytest
from mcp import Client

from ktrdr_engine.errors import StorageError
from ktrdr_engine.operations.archive import MemoryArchive, WorkerLink
from ktrdr_engine.operations.models import Operation, OperationStatus, OperationType
from ktrdr_mcp.server import create_server
from tests.mcp.conftest import MAIN_JOB, TOOLS, Session, backtest_of, rows_of, text_of
from tests.mcp.held import RESULTS, open_held

SMALL = 2_000
LARGE = 20_000


async def test_the_tools_come_in_the_order_an_agent_meets_them(session: Session) -> None:
    tools = (await session.client.list_tools()).tools
    assert [tool.name for tool in tools] == TOOLS


async def test_every_tool_states_all_four_hints_and_takes_no_unknown_argument(session: Session) -> None:
    for tool in (await session.client.list_tools()).tools:
        assert tool.annotations is not None
        hints = tool.annotations
        assert None not in (hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint, hints.open_world_hint)
        assert tool.input_schema["type"] == "object"
        if tool.name == "plot_operation":  # a picture comes with words, and without a structured half
            assert tool.output_schema is None
        else:
            assert tool.output_schema is not None
            assert tool.output_schema["type"] == "object"
        assert "unknown argument" in await session.refusal(tool.name, no_such_argument=1)


async def test_only_few_tools_may_destroy_and_only_looking_is_read_only(session: Session) -> None:
    hints = {tool.name: tool.annotations for tool in (await session.client.list_tools()).tools}
    assert [name for name, hint in hints.items() if hint and hint.destructive_hint] == [
        "cancel",
        "load_data",
        "save_strategy",
        "manage_library",
    ]
    writing = {"start_backtest", "cancel", "start_training", "load_data", "save_strategy", "manage_library"}
    assert {name for name, hint in hints.items() if hint and not hint.read_only_hint} == writing


async def test_every_argument_is_described(session: Session) -> None:
    for tool in (await session.client.list_tools()).tools:
        for name, schema in tool.input_schema["properties"].items():
            assert schema.get("description"), f"{tool.name}.{name}"


async def test_the_arguments_of_start_backtest_are_those_of_the_contract(session: Session) -> None:
    tool = (await session.client.list_tools()).tools[0]
    properties = tool.input_schema["properties"]
    assert list(properties) == [
        "symbol",
        "timeframe",
        "strategy_config_path",
        "model_path",
        "start_date",
        "end_date",
        "initial_capital",
        "commission",
        "slippage",
        "idempotency_key",
    ]
    defaults = {name: schema["default"] for name, schema in properties.items() if "default" in schema}
    assert defaults == {
        "model_path": None,
        "initial_capital": 100_000.0,
        "commission": 0.001,
        "slippage": 0.001,
        "idempotency_key": None,
    }


async def test_the_arguments_of_the_other_tools_are_those_of_the_contract(session: Session) -> None:
    tools = [tool for tool in (await session.client.list_tools()).tools if tool.name != "start_backtest"]
    required = "required"
    assert {
        tool.name: {name: one.get("default", required) for name, one in tool.input_schema["properties"].items()}
        for tool in tools
    } == {
        "get_operation": {"operation_id": required, "force_refresh": False, "wait_seconds": 0},
        "get_metrics": {"operation_id": required, "cursor": 0, "limit": 50},
        "cancel": {"operation_id": required, "reason": None},
        "load_data": {
            "symbol": required,
            "timeframe": required,
            "source": required,
            "start_date": None,
            "end_date": None,
            "path": None,
            "format": None,
            "date_format": None,
            "timezone": None,
            "market": None,
            "on_conflict": "keep",
            "idempotency_key": None,
        },
        "list_datasets": {"limit": 20, "offset": 0},
        "list_operations": {"status": None, "operation_type": None, "limit": 20, "offset": 0},
        "list_strategies": {"limit": 20, "offset": 0},
        "get_strategy": {"name": required, "version": None},
        "save_strategy": {"name": required, "yaml": required, "expected_sha256": None},
        "validate_strategy": {"yaml": None, "name": None},
        "list_models": {"limit": 20, "offset": 0},
        "manage_library": {"action": required, "kind": None, "name": None, "entry": None},
        "describe_indicators": {"name": None},
        "compare_operations": {"operation_ids": required},
        "start_training": {
            "strategy_config_path": required,
            "symbols": None,
            "timeframes": None,
            "start_date": required,
            "end_date": required,
            "model_name": None,
            "seed": None,
            "idempotency_key": None,
        },
        "plot_operation": {"operation_id": required, "kind": "overview", "theme": "dark"},
    }


async def test_the_instructions_lead_through_the_main_job_in_few_words(session: Session) -> None:
    instructions = session.client.instructions
    assert instructions is not None
    assert len(instructions.split()) <= 150
    assert all(tool in instructions for tool in MAIN_JOB)


async def test_an_agent_starts_waits_and_reads_the_results(session: Session) -> None:
    started = await session.call("start_backtest", **backtest_of("QUICK"))
    assert started.structured_content is not None
    operation_id = started.structured_content["operation_id"]
    assert started.structured_content["status"] == "started"
    assert f"get_operation(operation_id='{operation_id}', wait_seconds=20)" in text_of(started)

    ended = await session.call("get_operation", operation_id=operation_id, wait_seconds=20)
    assert ended.structured_content is not None
    assert ended.structured_content["status"] == "COMPLETED"
    assert ended.structured_content["progress"]["percentage"] == 100
    lean = {name: value for name, value in RESULTS.items() if name != "provenance"}
    assert ended.structured_content["results"] == {**lean, "final_value": 102340}
    assert "sharpe_ratio=1.25" in text_of(ended)
    assert "note: sortino_ratio: no losing day" in text_of(ended)
    assert f"ktrdr://operations/{operation_id}/trades" in text_of(ended)
    assert f"ktrdr://operations/{operation_id}/trades" in ended.structured_content["resources"]


async def test_a_waiting_call_answers_when_the_operation_ends(session: Session) -> None:
    operation_id = await session.start("HELD")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_release_once_running, session)
        operation = await session.answer("get_operation", operation_id=operation_id, wait_seconds=15)
    assert operation["status"] == "COMPLETED"


async def test_a_waiting_call_answers_when_the_time_is_up(session: Session) -> None:
    operation_id = await session.start("HELD")
    operation = await session.answer("get_operation", operation_id=operation_id, wait_seconds=0.01)
    assert operation["status"] in ("PENDING", "RUNNING")


async def test_a_waiting_call_tells_a_client_that_asked_how_far_it_is(session: Session) -> None:
    operation_id = await session.start("HELD")
    await _until_running(session)
    told: list[tuple[float, float | None, str | None]] = []

    async def listen(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))
        session.engine.release.set()

    arguments = {"operation_id": operation_id, "wait_seconds": 15}
    result = await session.client.call_tool("get_operation", arguments, progress_callback=listen)
    assert result.structured_content is not None
    assert result.structured_content["status"] == "COMPLETED"
    assert told
    assert told[0][1] == 100
    assert "HELD 1h" in (told[0][2] or "")


async def test_a_running_operation_shows_where_it_is(session: Session) -> None:
    operation_id = await session.start("HELD")
    await _until_running(session)
    result = await session.call("get_operation", operation_id=operation_id, force_refresh=True)
    assert result.structured_content is not None
    progress = result.structured_content["progress"]
    assert progress["percentage"] == 45
    assert progress["context"]["symbol"] == "HELD"
    assert "step 450 of 1000" in text_of(result)
    assert "total_trades=9" in text_of(result)
    assert "wait_seconds=20" in text_of(result)


async def test_metrics_are_read_page_by_page_without_gap_or_repeat(session: Session) -> None:
    operation_id = await session.start("QUICK")
    await session.answer("get_operation", operation_id=operation_id, wait_seconds=15)
    seen: list[int] = []
    trades: list[Any] = []
    cursor, more = 0, True
    while more:
        page = await session.answer("get_metrics", operation_id=operation_id, cursor=cursor, limit=4)
        assert sum(len(bucket["rows"]) for bucket in page["metrics"].values()) <= 4
        seen += [row["bar_index"] for row in rows_of(page, "bars")]
        trades += rows_of(page, "trades")
        cursor, more = page["new_cursor"], page["has_more"]
    assert seen == list(range(0, 500, 50))
    assert [trade["trade_type"] for trade in trades] == ["LONG"]


async def test_the_text_of_a_metrics_page_is_a_table_that_says_how_to_go_on(session: Session) -> None:
    operation_id = await session.start("QUICK")
    await session.answer("get_operation", operation_id=operation_id, wait_seconds=15)
    result = await session.call("get_metrics", operation_id=operation_id, limit=4)
    assert result.structured_content is not None
    cursor = result.structured_content["new_cursor"]
    assert "timestamp|bar_index|pnl|trades|positions" in text_of(result)
    assert f"cursor={cursor}) reads on" in text_of(result)


async def test_a_cancelled_operation_stops_and_keeps_what_it_had(session: Session) -> None:
    operation_id = await session.start("HELD")
    await _until_running(session)
    result = await session.call("cancel", operation_id=operation_id, reason="wrong dates")
    assert result.structured_content is not None
    assert result.structured_content["status"] in ("CANCELLING", "CANCELLED")
    operation = await session.answer("get_operation", operation_id=operation_id, wait_seconds=15)
    assert operation["status"] == "CANCELLED"
    assert operation["results"] == {"total_return": 0.01, "partial": True}
    shown = text_of(await session.call("get_operation", operation_id=operation_id))
    assert "Partial results" in shown


async def test_cancelling_what_has_ended_changes_nothing_and_says_so(session: Session) -> None:
    operation_id = await session.start("QUICK")
    await session.answer("get_operation", operation_id=operation_id, wait_seconds=15)
    result = await session.call("cancel", operation_id=operation_id)
    assert result.structured_content is not None
    assert result.structured_content["status"] == "COMPLETED"
    assert "nothing was cancelled" in text_of(result)


async def test_operations_are_listed_newest_first_in_pages(session: Session) -> None:
    ids = [await session.start("QUICK") for _ in range(3)]
    for operation_id in ids:
        await session.answer("get_operation", operation_id=operation_id, wait_seconds=15)
    result = await session.call("list_operations", limit=2, status="COMPLETED", operation_type="BACKTESTING")
    assert result.structured_content is not None
    assert result.structured_content["total"] == 3
    assert result.structured_content["returned"] == 2
    following = {
        "tool": "list_operations",
        "arguments": {"status": "COMPLETED", "operation_type": "BACKTESTING", "limit": 2, "offset": 2},
    }
    assert result.structured_content["next"] == following
    assert "offset=2)" in text_of(result)
    rest = await session.answer("list_operations", limit=2, offset=2)
    listed = [*result.structured_content["operations"], *rest["operations"]]
    assert sorted(row["operation_id"] for row in listed) == sorted(ids)
    assert listed[0]["headline"] == "return +2.34%, 94 trades"
    about = {
        "symbol": "QUICK",
        "timeframe": "1h",
        "strategy": "rsi_mean_reversion",
        "range": "2017-01-02 to 2017-12-29",
    }
    assert all(row["about"] == about for row in listed)
    assert text_of(result).count("QUICK 1h rsi_mean_reversion 2017-01-02 to 2017-12-29") == 2


async def test_an_empty_list_says_how_to_fill_it(session: Session) -> None:
    assert "start_backtest" in text_of(await session.call("list_operations", status="FAILED"))


async def test_a_repeated_idempotency_key_starts_nothing_new(session: Session) -> None:
    first = await session.start("HELD", idempotency_key="monday")
    assert await session.start("HELD", idempotency_key="monday") == first
    refusal = await session.refusal("start_backtest", **backtest_of("QUICK", idempotency_key="monday"))
    assert "monday" in refusal


@pytest.mark.parametrize(
    ("symbol", "status", "reason"),
    [("HELD", "CANCELLED", "bored"), ("CRASH", "FAILED", ""), ("QUICK", "COMPLETED", "")],
)
async def test_a_repeated_key_of_an_operation_that_is_over_says_so(
    session: Session, symbol: str, status: str, reason: str
) -> None:
    operation_id = await session.start(symbol, idempotency_key="monday")
    if symbol == "HELD":
        await session.call("cancel", operation_id=operation_id, reason=reason)
    await session.call("get_operation", operation_id=operation_id, wait_seconds=15)
    again = await session.call("start_backtest", **backtest_of(symbol, idempotency_key="monday"))
    assert again.structured_content is not None
    for half in (text_of(again), again.structured_content["message"]):
        assert operation_id in half
        assert f"which is {status}" in half
        assert reason in half
        assert "new key" in half
        assert "started:" not in half


async def test_costs_that_look_like_percent_are_questioned_and_taken_as_they_are(session: Session) -> None:
    plain = await session.call("start_backtest", **backtest_of("QUICK", commission=0.02, slippage=0.0))
    odd = await session.call("start_backtest", **backtest_of("QUICK", commission=0.1, slippage=0.05))
    assert "of each fill" not in text_of(plain)
    assert odd.structured_content is not None
    for half in (text_of(odd), odd.structured_content["message"]):
        assert "commission 0.1 is 10 % of each fill; 0.001 is 0.1 %" in half
        assert "slippage 0.05 is 5 % of each fill; 0.0005 is 0.05 %" in half


async def test_a_defect_of_an_operation_is_shown_without_its_inside(session: Session) -> None:
    operation_id = await session.start("CRASH")
    result = await session.call("get_operation", operation_id=operation_id, wait_seconds=15)
    assert result.structured_content is not None
    assert result.structured_content["error"]["code"] == "engine_error"
    assert "Error engine_error" in text_of(result)
    assert "secret" not in result.model_dump_json()


async def test_an_unknown_operation_is_refused_with_the_way_to_the_known(session: Session) -> None:
    for tool in ("get_operation", "get_metrics", "cancel"):
        refusal = await session.refusal(tool, operation_id="op_backtest_20250103_aaaaaaaaaa")
        assert "op_backtest_20250103_aaaaaaaaaa" in refusal
        assert "list_operations" in refusal
    assert "list_operations" in await session.refusal("get_operation", operation_id="../../etc/passwd")


async def test_a_cursor_from_nowhere_is_refused(session: Session) -> None:
    operation_id = await session.start("HELD")
    assert "cursor" in await session.refusal("get_metrics", operation_id=operation_id, cursor=10_000_000)
    assert "at least 0" in await session.refusal("get_metrics", operation_id=operation_id, cursor=-1)


async def test_a_full_queue_is_refused_with_what_to_do(session: Session) -> None:
    for _ in range(6):
        await session.start("HELD")
    refusal = await session.refusal("start_backtest", **backtest_of("HELD"))
    assert "get_operation(wait_seconds=20)" in refusal
    assert "start_backtest" in refusal


class FullDisk(MemoryArchive):
    """An archive that cannot take anything in."""

    def create(
        self, operation: Operation, *, idempotency_key: str | None, fingerprint: str, link: WorkerLink | None = None
    ) -> str:
        raise StorageError("operations.db cannot be written: no space left on device. Free some space.")


async def test_a_full_disk_is_named_and_starts_nothing(mode: str) -> None:
    async with open_held(FullDisk()) as held, Client(create_server(held.as_application()), mode=mode) as client:
        session = Session(client, held)
        refusal = await session.refusal("start_backtest", **backtest_of("HELD"))
        assert "no space left on device" in refusal
        assert "tell the user" in refusal
        assert (await session.answer("list_operations"))["total"] == 0


async def test_replies_are_small_by_default(session: Session) -> None:
    replies = [await session.call("start_backtest", **backtest_of("QUICK"))]
    content = replies[0].structured_content
    assert content is not None
    operation_id = content["operation_id"]
    replies.append(await session.call("get_operation", operation_id=operation_id, wait_seconds=15))
    replies.append(await session.call("get_metrics", operation_id=operation_id))
    replies.append(await session.call("get_metrics", operation_id=operation_id, limit=500))
    replies.append(await session.call("cancel", operation_id=operation_id))
    for _ in range(25):
        await session.answer("get_operation", operation_id=await session.start("QUICK"), wait_seconds=15)
    replies.append(await session.call("list_operations"))
    replies.append(await session.call("list_operations", limit=100))
    for reply in replies:
        assert len(text_of(reply)) < SMALL
        assert len(reply.model_dump_json()) < LARGE


def test_the_words_a_filter_takes_are_those_of_the_engine() -> None:
    from typing import get_args

    from ktrdr_mcp.tools.operations import StatusName, TypeName

    assert set(get_args(StatusName)) == {status.value for status in OperationStatus}
    assert set(get_args(TypeName)) == {kind.value for kind in OperationType}


async def _until_running(session: Session) -> None:
    assert await anyio.to_thread.run_sync(session.engine.running.wait, 10)


async def _release_once_running(session: Session) -> None:
    await _until_running(session)
    session.engine.release.set()
