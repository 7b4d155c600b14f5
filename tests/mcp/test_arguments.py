from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import pytest
from mcp import Client
from mcp.server import MCPServer
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel, BeforeValidator, Field

from ktrdr_engine.datasets.models import LoadRequest
from ktrdr_engine.errors import InvalidRequest, StorageError, WorkerUnavailable
from ktrdr_engine.operations.mistakes import expected
from ktrdr_engine.operations.requests import refuse_booleans
from ktrdr_mcp.arguments import StrictTool
from ktrdr_mcp.published import published_input
from tests.mcp.conftest import Session, backtest_of, text_of


class Reply(BaseModel):
    said: str


async def test_an_unknown_argument_is_refused_with_the_one_that_was_meant(session: Session) -> None:
    arguments = {**backtest_of("HELD"), "startdate": "2016-01-01"}
    refusal = await session.refusal("start_backtest", **arguments)
    assert "startdate" in refusal
    assert "Did you mean 'start_date'" in refusal
    assert (await session.answer("list_operations"))["total"] == 0


async def test_a_refusal_is_short_however_much_is_wrong(session: Session) -> None:
    refusal = await session.refusal("cancel", **{f"name_{n}" * 50: n for n in range(2_000)})
    assert "2001 arguments to repair" in refusal
    assert "operation_id: missing" in refusal
    assert len(refusal) < 8_000


async def test_all_mistakes_come_at_once_with_what_was_expected_and_an_example(session: Session) -> None:
    refusal = await session.refusal(
        "start_backtest", symbol=5, timeframe="1h", capital=1, commission=1.5, slippage=True, end_date="2017-12-29"
    )
    assert "6 arguments to repair" in refusal
    assert "capital" in refusal
    assert "symbol=5: expected text" in refusal
    assert "commission=1.5: expected a finite number from 0 to 0.2" in refusal
    assert "slippage=true" in refusal
    assert "strategy_config_path: missing" in refusal
    assert "start_date: missing" in refusal
    assert refusal.splitlines()[-1] == (
        'Call it again, for example: start_backtest(symbol="5", timeframe="1h", strategy_config_path=..., '
        'start_date=..., end_date="2017-12-29", initial_capital=1, commission=0.015, slippage=...)'
    )


@pytest.mark.parametrize("value", ["NaN", "Infinity", "many", [], {}, 0, -1, 1e300])
async def test_a_capital_that_is_no_positive_finite_number_is_refused(session: Session, value: object) -> None:
    refusal = await session.refusal("start_backtest", **backtest_of("HELD", initial_capital=value))
    assert "initial_capital" in refusal
    assert "a finite number above 0" in refusal


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("get_operation", {"operation_id": "x", "wait_seconds": -1}, "from 0 to 25"),
        ("get_operation", {"operation_id": "x", "wait_seconds": True}, "from 0 to 25"),
        ("get_operation", {"operation_id": "x", "force_refresh": "perhaps"}, "true or false"),
        ("get_operation", {}, "operation_id: missing"),
        ("get_metrics", {"operation_id": "x", "limit": 0}, "from 1 to 500"),
        ("get_metrics", {"operation_id": "x", "limit": 501}, "from 1 to 500"),
        ("get_metrics", {"operation_id": "x", "cursor": 1.5}, "a whole number at least 0"),
        ("list_operations", {"limit": 101}, "from 1 to 100"),
        ("list_operations", {"offset": -1}, "at least 0"),
        ("list_operations", {"status": "DONE"}, "one of PENDING, RUNNING"),
        ("list_operations", {"status": "completed"}, "Did you mean 'COMPLETED'"),
        ("cancel", {"operation_id": "x", "reason": "y" * 501}, "0 to 500 characters"),
    ],
)
async def test_a_value_out_of_range_is_answered_with_the_range(
    session: Session, tool: str, arguments: dict[str, Any], words: str
) -> None:
    refusal = await session.refusal(tool, **arguments)
    assert words in refusal
    assert len(refusal) < 1_000


async def test_one_value_where_a_list_belongs_is_answered_with_the_list(session: Session) -> None:
    refusal = await session.refusal("compare_operations", operation_ids="op_a")
    assert 'Did you mean ["op_a"]?' in refusal


@pytest.mark.parametrize(
    ("change", "repeated"),
    [
        ({"ticker": "HELD"}, 'symbol="HELD"'),
        ({"symbol": ["HELD"]}, 'symbol="HELD"'),
        ({"capital": 5}, "initial_capital=5"),
        ({"position_size": 5}, 'symbol="HELD"'),
        ({"end_date": 2017}, 'end_date="2017"'),
    ],
)
async def test_the_example_of_a_refusal_is_the_callers_own_call_mended(
    session: Session, change: dict[str, Any], repeated: str
) -> None:
    arguments = {**backtest_of("HELD"), **change}
    if "ticker" in change:
        del arguments["symbol"]
    example = (await session.refusal("start_backtest", **arguments)).splitlines()[-1]
    assert repeated in example
    assert "position_size" not in example
    assert "EURUSD" not in example


@pytest.mark.parametrize(
    ("change", "mended"),
    [
        ({"start_date": "02.01.2017"}, 'start_date="2017-01-02"'),
        ({"start_date": "soon"}, "start_date=..."),
        ({"end_date": "2017"}, 'end_date="2017-12-31"'),
        ({"symbol": "QUIK"}, 'symbol="QUICK"'),
        ({"symbol": "TSLA"}, "symbol=..."),
        ({"start_date": "2017-12-29", "end_date": "2017-01-02"}, 'start_date="2017-01-02", end_date="2017-12-29"'),
    ],
)
async def test_what_the_engine_refuses_is_never_repeated_in_the_example(
    session: Session, change: dict[str, Any], mended: str
) -> None:
    example = (await session.refusal("start_backtest", **{**backtest_of("HELD"), **change})).splitlines()[-1]
    assert mended in example
    assert not any(f'"{value}"' in example for value in change.values()) or "start_date" in mended
    assert 'strategy_config_path="' in example


async def test_mistakes_that_do_not_depend_on_each_other_are_told_at_once(session: Session) -> None:
    refusal = await session.refusal(
        "start_backtest", **backtest_of("HELD") | {"start_date": "1.6.2017", "end_date": "x"}
    )
    assert "Did you mean '2017-06-01'" in refusal
    assert "end_date 'x'" in refusal
    assert 'start_date="2017-06-01", end_date=...' in refusal.splitlines()[-1]


async def test_a_number_beyond_its_range_is_brought_to_the_end_of_it(session: Session) -> None:
    assert "list_operations(limit=100)" in await session.refusal("list_operations", limit=500)


async def test_a_symbol_without_prices_is_answered_with_how_to_bring_them(session: Session) -> None:
    refusal = await session.refusal("start_backtest", **backtest_of("TSLA"))
    assert "list_datasets" in refusal
    assert 'load_data(symbol="TSLA"' in refusal


async def test_a_validators_own_sentence_reaches_the_client(session: Session) -> None:
    refusal = await session.refusal("load_data", symbol="a b\n", timeframe="1d", source="yahoo")
    with pytest.raises(InvalidRequest) as caught:
        LoadRequest.parse({"symbol": "a b\n", "timeframe": "1d", "source": "yahoo"})
    assert caught.value.details["errors"][0]["repair"] in refusal


@pytest.mark.parametrize("left_out", [None, ""])
async def test_null_and_an_empty_text_for_an_optional_argument_mean_that_it_was_left_out(
    session: Session, left_out: object
) -> None:
    tools = {tool.name: tool.input_schema for tool in (await session.client.list_tools()).tools}
    known = {"operation_id": await session.start("QUICK")}
    await session.call("get_operation", **known, wait_seconds=15)
    arguments = {
        "start_backtest": backtest_of("QUICK"),
        "get_operation": known,
        "get_metrics": known,
        "cancel": known,
        "list_operations": {},
        "list_datasets": {},
        "describe_indicators": {},
        "plot_operation": known,
    }
    for tool, required in arguments.items():
        optional = tools[tool]["properties"].keys() - set(tools[tool].get("required", ()))
        result = await session.call(tool, **required, **dict.fromkeys(optional, left_out))
        assert not result.is_error, f"{tool}: {text_of(result)}"


@pytest.mark.parametrize("value", [None, ""])
async def test_null_for_a_required_argument_is_refused(session: Session, value: object) -> None:
    assert "operation_id" in await session.refusal("get_operation", operation_id=value)


async def test_numbers_lists_and_truth_are_understood_in_text(session: Session) -> None:
    ids = [await session.start("QUICK"), await session.start("QUICK")]
    for operation_id in ids:
        operation = await session.answer(
            "get_operation", operation_id=operation_id, wait_seconds="15", force_refresh="true"
        )
        assert operation["status"] == "COMPLETED"
    assert (await session.answer("list_operations", limit="1", offset="1"))["returned"] == 1
    assert (await session.answer("get_metrics", operation_id=ids[0], cursor="0", limit="2"))["new_cursor"] == 2
    compared = await session.answer("compare_operations", operation_ids=json.dumps(ids))
    assert compared["operation_ids"] == ids


async def test_a_longer_wait_than_can_be_is_cut_and_said(session: Session) -> None:
    operation_id = await session.start("QUICK")
    for wanted in (60, "60", 1e300):
        result = await session.call("get_operation", operation_id=operation_id, wait_seconds=wanted)
        assert not result.is_error, text_of(result)
        assert "taken as 25" in text_of(result)
        assert "taken as 25" in (result.structured_content or {})["warnings"][0]
    assert "taken as" not in text_of(await session.call("get_operation", operation_id=operation_id, wait_seconds=25))


async def test_an_id_that_is_not_there_is_answered_with_the_latest_or_the_one_that_was_meant(session: Session) -> None:
    assert "no operations yet" in await session.refusal("get_operation", operation_id="op_backtest_20250103_aaaaaaaaaa")
    ids = [await session.start("QUICK") for _ in range(2)]
    for tool in ("get_operation", "get_metrics", "cancel", "plot_operation"):
        for wrong in ("op_backtest_20250103_aaaaaaaaaa", "the last one"):
            refusal = await session.refusal(tool, operation_id=wrong)
            assert all(one in refusal for one in ids), tool
    assert f"Did you mean '{ids[0]}'" in await session.refusal("get_operation", operation_id=ids[0][:-1])
    assert f"Did you mean '{ids[0]}'" in await session.refusal("get_operation", operation_id=ids[0].upper())


async def test_numbers_in_text_are_understood(session: Session) -> None:
    operation_id = await session.start("QUICK", initial_capital="5000")
    metadata = (await session.answer("get_operation", operation_id=operation_id))["metadata"]
    assert metadata["initial_capital"] == 5000


async def test_what_the_engine_refuses_keeps_its_words_and_gains_a_way_on(session: Session) -> None:
    refusal = await session.refusal("start_backtest", **backtest_of("QUIK"))
    assert "Did you mean 'QUICK'" in refusal
    assert "call again, for example: start_backtest(" in refusal
    assert not refusal.startswith("Error executing tool")


async def test_inverted_dates_are_refused(session: Session) -> None:
    arguments = backtest_of("HELD", start_date="2017-12-29", end_date="2017-01-02")
    assert "before start_date" in await session.refusal("start_backtest", **arguments)


async def test_a_defect_says_nothing_of_its_inside(caplog: pytest.LogCaptureFixture) -> None:
    async def say() -> Annotated[CallToolResult, Reply]:
        """Says."""
        raise RuntimeError("a secret of the inside")

    result = await _call(_tool(say), {})
    assert result.is_error
    assert "secret" not in text_of(result)
    assert "list_operations" in text_of(result)
    assert "a secret of the inside" in caplog.text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (StorageError("The disk is full."), "Nothing is wrong with the arguments"),
        (WorkerUnavailable("No answer."), "call say again in a minute"),
    ],
)
async def test_an_error_that_is_not_of_the_arguments_says_so(error: Exception, words: str) -> None:
    async def say() -> Annotated[CallToolResult, Reply]:
        """Says."""
        raise error

    result = await _call(_tool(say), {})
    assert result.is_error
    assert text_of(result).startswith(str(error))
    assert words in text_of(result)


async def test_long_values_and_long_messages_are_cut() -> None:
    async def say(word: Annotated[Literal["a"], Field(description="A word")]) -> Annotated[CallToolResult, Reply]:
        """Says."""
        raise StorageError("x" * 50_000)

    tool = _tool(say)
    assert len(text_of(await _call(tool, {"word": "y" * 50_000}))) < 400
    assert len(text_of(await _call(tool, {"word": "a"}))) < 9_000


async def test_a_tool_error_of_the_tool_itself_passes_unchanged() -> None:
    from mcp.server.mcpserver.exceptions import ToolError

    async def say() -> Annotated[CallToolResult, Reply]:
        """Says."""
        raise ToolError("as it is")

    assert "as it is" in text_of(await _call(_tool(say), {}))


async def test_a_good_call_passes() -> None:
    async def say(
        times: Annotated[int, Field(ge=1, description="How often"), BeforeValidator(refuse_booleans)] = 1,
    ) -> Annotated[CallToolResult, Reply]:
        """Says."""
        return CallToolResult(
            content=[TextContent(type="text", text="hi\nNext: say it again")], structured_content={"said": "hi" * times}
        )

    result = await _call(_tool(say), {"times": 2})
    assert result.structured_content == {"said": "hihi"}


def test_a_lean_schema_keeps_properties_that_are_called_like_keywords() -> None:
    schema = {"title": "T", "type": "object", "properties": {"title": {"title": "Title", "type": "string"}}}
    assert published_input(schema) == {"type": "object", "properties": {"title": {"type": "string"}}}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer"}, "a whole number"),
        ({"type": "integer", "minimum": 0, "maximum": 2**32 - 1}, "a whole number from 0 to 4294967295"),
        ({"type": "number", "exclusiveMaximum": 3}, "a finite number below 3"),
        ({"type": "number", "minimum": 1, "exclusiveMaximum": 3}, "a finite number at least 1, below 3"),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "true or false"),
        ({"type": "string"}, "text"),
        ({"type": "string", "pattern": "^a$"}, "text (matching ^a$)"),
        (
            {"type": "string", "minLength": 1, "maxLength": 2, "examples": ["a"]},
            "text (1 to 2 characters)",
        ),
        ({"type": "array"}, "a list"),
        ({"type": "array", "minItems": 2, "maxItems": 10}, "a list of 2 to 10 values"),
        ({"type": "object"}, "a value"),
    ],
)
def test_a_schema_is_put_in_words(schema: dict[str, Any], words: str) -> None:
    assert expected(schema) == words


def _tool(function: Any) -> StrictTool:
    return StrictTool.declare(function, title="Say", example="say()", annotations=ToolAnnotations())


async def _call(tool: StrictTool, arguments: dict[str, Any]) -> CallToolResult:
    async with Client(MCPServer("test", tools=[tool])) as client:
        return await client.call_tool(tool.name, arguments)
