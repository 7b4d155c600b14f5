from __future__ import annotations

import json
from typing import Any

import anyio
import pytest
from mcp import MCPError
from mcp_types import CompleteResult, PromptReference, ResourceTemplateReference, TextResourceContents

from ktrdr_mcp.addresses import STRATEGY
from tests.mcp.conftest import Session
from tests.mcp.held import RESULTS

UNKNOWN = "op_backtest_20250103_aaaaaaaaaa"


async def finished(session: Session) -> str:
    operation_id = await session.start("QUICK")
    await session.answer("get_operation", operation_id=operation_id, wait_seconds=15)
    return operation_id


async def read(session: Session, uri: str) -> TextResourceContents:
    (content,) = (await session.client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    return content


async def read_json(session: Session, uri: str) -> Any:
    content = await read(session, uri)
    assert content.mime_type == "application/json"
    assert len(content.text) < 40_000
    return json.loads(content.text)


async def refusal(session: Session, uri: str) -> MCPError:
    with pytest.raises(MCPError) as caught:
        await session.client.read_resource(uri)
    return caught.value


async def test_the_templates_say_what_they_hold(session: Session) -> None:
    templates = (await session.client.list_resource_templates()).resource_templates
    assert [template.uri_template.split("{?")[0] for template in templates] == [
        "ktrdr://operations/{operation_id}/results",
        "ktrdr://operations/{operation_id}/trades",
        "ktrdr://operations/{operation_id}/equity",
        "ktrdr://operations/{operation_id}/report.html",
        "ktrdr://strategies/{name}",
        "ktrdr://models/{name}",
    ]
    assert all(template.description and template.mime_type and template.title for template in templates)


async def test_results_are_read_whole(session: Session) -> None:
    assert await read_json(session, f"ktrdr://operations/{await finished(session)}/results") == RESULTS


async def test_trades_come_in_pages_that_name_the_next(session: Session) -> None:
    operation_id = await finished(session)
    uri: str | None = f"ktrdr://operations/{operation_id}/trades"
    sizes, prices = [], []
    while uri:
        page = await read_json(session, uri)
        assert page["columns"] == ["side", "entry_price"]
        assert page["total"] == 94
        sizes.append(page["returned"])
        prices += [price for _, price in page["rows"]]
        uri = page["next"]
    assert sizes == [50, 44]
    assert prices == [1.05 + i / 1000 for i in range(94)]


async def test_the_equity_curve_is_thinned_and_keeps_its_ends(session: Session) -> None:
    operation_id = await finished(session)
    curve = await read_json(session, f"ktrdr://operations/{operation_id}/equity")
    bars = [bar for bar, _ in curve["rows"]]
    assert curve["total"] == 1_000
    assert bars[0] == 0
    assert bars[-1] == 999
    assert 150 < len(bars) == curve["returned"] <= 201
    assert bars[1] - bars[0] == curve["every"]


async def test_the_equity_curve_can_be_read_bar_by_bar(session: Session) -> None:
    operation_id = await finished(session)
    page = await read_json(session, f"ktrdr://operations/{operation_id}/equity?offset=990&limit=20")
    assert [bar for bar, _ in page["rows"]] == list(range(990, 1_000))
    assert page["next"] is None


async def test_a_short_curve_is_not_thinned(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.mcp import held

    monkeypatch.setitem(held.TABLES, "equity", {"bar": [0], "equity": [1.0]})
    curve = await read_json(session, f"ktrdr://operations/{await finished(session)}/equity")
    assert curve == {"total": 1, "returned": 1, "every": 1, "columns": ["bar", "equity"], "rows": [[0, 1.0]]}


async def test_a_curve_longer_than_one_page_is_thinned_all_the_same(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.mcp import held

    monkeypatch.setitem(held.TABLES, "equity", {"bar": list(range(25_001))})
    curve = await read_json(session, f"ktrdr://operations/{await finished(session)}/equity?limit=11")
    assert [bar for (bar,) in curve["rows"]] == list(range(0, 25_001, 2_500))


async def test_an_empty_table_is_read_as_such(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.mcp import held

    monkeypatch.setitem(held.TABLES, "trades", {"side": []})
    monkeypatch.setitem(held.TABLES, "equity", {"bar": []})
    operation_id = await finished(session)
    assert (await read_json(session, f"ktrdr://operations/{operation_id}/trades"))["rows"] == []
    assert (await read_json(session, f"ktrdr://operations/{operation_id}/equity"))["rows"] == []


async def test_a_strategy_is_read_as_it_is_written(session: Session) -> None:
    content = await read(session, "ktrdr://strategies/rsi_mean_reversion")
    assert content.mime_type == "application/yaml"
    assert content.text == "name: rsi_mean_reversion\n"


async def test_what_is_not_there_yet_says_what_to_call(session: Session) -> None:
    operation_id = await session.start("HELD")
    for name in ("results", "trades", "equity"):
        assert "get_operation" in (await refusal(session, f"ktrdr://operations/{operation_id}/{name}")).message


async def test_what_does_not_exist_is_refused_with_the_way_on(session: Session) -> None:
    assert "list_operations" in (await refusal(session, f"ktrdr://operations/{UNKNOWN}/results")).message
    assert "Did you mean 'trend.yaml'" in (await refusal(session, "ktrdr://strategies/trent.yaml")).message
    for uri in ("ktrdr://strategies/..%2F..%2Fetc%2Fpasswd", "ktrdr://nothing/x", "ktrdr://operations/../results"):
        assert "Unknown resource" in (await refusal(session, uri)).message


@pytest.mark.parametrize(
    "query",
    [
        "offset=-1",
        "offset=x",
        "limit=0",
        "limit=501",
        "limit=1.5",
        "offset=0&limit=9999",
        f"offset={10**18}",
        f"offset=1{'0' * 5_000}",
    ],
)
async def test_a_page_out_of_range_is_refused(session: Session, query: str) -> None:
    operation_id = await finished(session)
    for name in ("trades", "equity"):
        message = (await refusal(session, f"ktrdr://operations/{operation_id}/{name}?{query}")).message
        assert "whole number" in message or "1 to 500" in message


async def test_ids_and_names_are_completed(session: Session) -> None:
    first, second = await finished(session), await finished(session)
    reference = ResourceTemplateReference(uri="ktrdr://operations/{operation_id}/results")
    every = await session.client.complete(reference, {"name": "operation_id", "value": ""})
    assert sorted(every.completion.values) == sorted([first, second])
    one = await session.client.complete(reference, {"name": "operation_id", "value": first[:-2]})
    assert one.completion.values == [first]
    named = await session.client.complete(ResourceTemplateReference(uri=STRATEGY), {"name": "name", "value": "rsi"})
    assert named.completion.values == ["rsi_mean_reversion.yaml"]
    assert named.completion.total == 1
    assert named.completion.has_more is False


async def test_nothing_else_is_completed(session: Session) -> None:
    nothing: CompleteResult = await session.client.complete(
        PromptReference(name="none"), {"name": "colour", "value": "r"}
    )
    assert nothing.completion.values == []


async def test_reading_does_not_hold_up_other_calls(session: Session) -> None:
    operation_id = await finished(session)
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(read, session, f"ktrdr://operations/{operation_id}/equity")
        assert (await session.answer("list_operations"))["total"] == 1
