"""Charts through a client: a picture, its words, and the way on."""

from __future__ import annotations

import base64

import anyio
import pytest
from mcp import Client, MCPError
from mcp_types import CallToolResult, ImageContent, TextResourceContents

from ktrdr_engine.composition import open_application
from ktrdr_engine.settings import Settings
from ktrdr_mcp.server import create_server
from tests.mcp.conftest import Session, backtest_of, text_of
from tests.training.conftest import REQUEST, write_prices, write_strategy
from tests.training.prices import series, wave
from tests.worker_app.process import worker_process


async def test_a_chart_is_a_picture_with_the_same_in_words(session: Session) -> None:
    operation_id = await session.start("QUICK")
    await session.call("get_operation", operation_id=operation_id, wait_seconds=15)
    result = await session.call("plot_operation", operation_id=operation_id)
    assert not result.is_error, text_of(result)
    picture, _ = result.content
    assert isinstance(picture, ImageContent)
    assert picture.mime_type == "image/png"
    assert base64.b64decode(picture.data).startswith(b"\x89PNG")
    text = text_of(result)
    assert "rsi_mean_reversion on QUICK 1h" in text
    assert f"Next: plot_operation(operation_id='{operation_id}', kind='monthly') (also trades)" in text
    assert len(text) < 2_000
    assert result.structured_content is None  # hosts that show a model this half alone would drop the picture
    assert len(base64.b64decode(picture.data)) <= 60_000


async def test_a_running_backtest_is_drawn_as_far_as_it_is(session: Session) -> None:
    operation_id = await session.start("HELD")
    assert await anyio.to_thread.run_sync(session.engine.running.wait, 8)
    result = await session.call("plot_operation", operation_id=operation_id, kind="trades", theme="light")
    assert "what there is so far" in text_of(result)


async def test_the_server_answers_while_it_draws(session: Session) -> None:
    operation_id = await session.start("QUICK")
    await session.call("get_operation", operation_id=operation_id, wait_seconds=15)
    answered: list[CallToolResult] = []

    async def ask() -> None:
        answered.append(await session.call("list_operations"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        drawn = await session.call("plot_operation", operation_id=operation_id)
    assert not drawn.is_error
    assert not answered[0].is_error


async def test_a_kind_that_cannot_be_shown_names_those_that_can(session: Session) -> None:
    operation_id = await session.start("QUICK")
    await session.call("get_operation", operation_id=operation_id, wait_seconds=15)
    refusal = await session.refusal("plot_operation", operation_id=operation_id, kind="training")
    assert "it can show overview, monthly, trades" in refusal


async def test_what_is_no_kind_no_theme_or_no_operation_is_refused(session: Session) -> None:
    refusal = await session.refusal("plot_operation", operation_id="op_x", kind="overviews", theme="blue")
    assert "Did you mean 'overview'?" in refusal
    assert "theme" in refusal
    unknown = await session.refusal("plot_operation", operation_id="op_backtest_20250103_aaaaaaaaaa")
    assert "Call list_operations" in unknown


async def test_a_real_run_has_its_prices_in_the_chart_and_its_story_in_the_report(settings: Settings) -> None:
    async with open_application(settings) as application, Client(create_server(application)) as client:
        started = await client.call_tool("start_backtest", backtest_of("EURUSD"))
        assert started.structured_content is not None
        operation_id = started.structured_content["operation_id"]
        await client.call_tool("get_operation", {"operation_id": operation_id, "wait_seconds": 25})
        text = text_of(await client.call_tool("plot_operation", {"operation_id": operation_id}))
        assert "Panes: price with entries and exits" in text
        assert "buy and hold without costs" in text
        (content,) = (await client.read_resource(f"ktrdr://operations/{operation_id}/report.html")).contents
        assert isinstance(content, TextResourceContents)
        assert content.mime_type == "text/html"
        assert content.text.startswith("<!doctype html>")
        assert "The file itself (YAML)" in content.text
        with pytest.raises(MCPError, match="Call list_operations"):
            await client.read_resource("ktrdr://operations/op_backtest_20250103_aaaaaaaaaa/report.html")


async def test_a_chart_without_others_leads_to_the_numbers(settings: Settings) -> None:
    write_strategy(settings.ktrdr_home)
    write_prices(settings.ktrdr_home, series(wave(1_200)))
    async with open_application(settings) as application, Client(create_server(application)) as client:
        started = await client.call_tool("start_training", REQUEST)
        assert started.structured_content is not None
        operation_id = started.structured_content["operation_id"]
        await client.call_tool("get_operation", {"operation_id": operation_id, "wait_seconds": 25})
        arguments = {"operation_id": operation_id, "kind": "training"}
        text = text_of(await client.call_tool("plot_operation", arguments))
        assert "Training of tiny on WAVE 1h; " in text
        assert f"Next: get_metrics(operation_id='{operation_id}')" in text


async def test_a_run_on_a_worker_is_drawn_from_its_tables(settings: Settings) -> None:
    settings.ktrdr_home.mkdir()
    with worker_process(settings.ktrdr_home / "far") as worker:
        remote = {"use_remote_backtest_service": True, "remote_backtest_service_url": worker.url}
        elsewhere = settings.model_copy(update=remote)
        async with open_application(elsewhere) as application, Client(create_server(application)) as client:
            started = await client.call_tool("start_backtest", backtest_of("EURUSD"))
            assert started.structured_content is not None, text_of(started)
            operation_id = started.structured_content["operation_id"]
            await client.call_tool("get_operation", {"operation_id": operation_id, "wait_seconds": 25})
            far = text_of(await client.call_tool("plot_operation", {"operation_id": operation_id}))
    async with open_application(settings) as application, Client(create_server(application)) as client:
        started = await client.call_tool("start_backtest", backtest_of("EURUSD"))
        assert started.structured_content is not None
        operation_id = started.structured_content["operation_id"]
        await client.call_tool("get_operation", {"operation_id": operation_id, "wait_seconds": 25})
        near = text_of(await client.call_tool("plot_operation", {"operation_id": operation_id}))
    assert far.splitlines()[0] == near.splitlines()[0]
