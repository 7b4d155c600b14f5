"""The app in a small host that speaks MCP Apps over postMessage and passes tool calls on through a real MCP client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from playwright.async_api import FrameLocator, expect

from tests.browser.conftest import Watched, finished, step
from tests.worker_app.process import Worker

HOST = (Path(__file__).parent / "host.html").read_text(encoding="utf-8")
APP = "ui://ktrdr/operation.html"
PATIENCE = 30_000
Paced = Callable[[], str]


class Hosted:
    """A host page with the app in it."""

    def __init__(self, watched: Watched, client: Client) -> None:
        self.watched = watched
        self.page = watched.page
        self.client = client

    @property
    def app(self) -> FrameLocator:
        return self.page.frame_locator("iframe")

    async def open(self, tool: str, arguments: dict[str, Any], *, theme: str = "light") -> None:
        """Call the tool as a model would, and show its app with the reply."""
        tools = {one.name: one for one in (await self.client.list_tools()).tools}
        address = (tools[tool].meta or {})["ui"]["resourceUri"]
        (content,) = (await self.client.read_resource(address)).contents
        result = await self.client.call_tool(tool, arguments)
        shown = [content.model_dump()["text"], theme, arguments, result.model_dump(mode="json", by_alias=True)]
        await self.page.evaluate("([html, ...rest]) => show(html, ...rest)", shown)

    async def asked(self, tool: str) -> list[dict[str, Any]]:
        """Return the arguments of the app's calls so far."""
        calls = await self.page.evaluate("host.calls")
        return [call["arguments"] for call in calls if call["name"] == tool]


@asynccontextmanager
async def hosting(server: Worker, watched: Watched) -> AsyncIterator[Hosted]:
    page = watched.page
    async with Client(f"{server.url}/mcp") as client:

        async def call_tool(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
            return (await client.call_tool(name, arguments)).model_dump(mode="json", by_alias=True)

        await page.expose_function("callTool", call_tool)
        await page.route(f"{server.url}/host", lambda route: route.fulfill(body=HOST, content_type="text/html"))
        await page.goto(f"{server.url}/host")
        yield Hosted(watched, client)
        assert await page.evaluate("host.errors") == []
        await page.goto("about:blank")


async def test_a_run_is_watched_from_the_call_that_started_it_to_its_results(
    server: Worker, paced: Paced, watched: Watched
) -> None:
    async with hosting(server, watched) as hosted:
        operation_id = paced()
        await hosted.open("get_operation", {"operation_id": operation_id})
        bar = hosted.app.get_by_role("progressbar")
        before = float(await bar.evaluate("bar => bar.value"))
        step(server)
        await expect(bar).not_to_have_js_property("value", before, timeout=PATIENCE)
        await expect(hosted.app.get_by_text("Equity so far")).to_be_visible(timeout=PATIENCE)
        await watched.shoot("app-running")
        completed = hosted.app.locator("#status", has_text="COMPLETED")
        for _ in range(60):
            step(server)
            if await completed.count():
                break
            await hosted.page.wait_for_timeout(100)
        await expect(completed).to_be_visible(timeout=PATIENCE)
        await expect(hosted.app.get_by_text("sharpe ratio")).to_be_visible()
        await expect(hosted.app.get_by_role("button", name="Cancel")).to_be_hidden()
        cursors = [call["cursor"] for call in await hosted.asked("get_metrics")]
        assert cursors == sorted(cursors)
        assert all(call.get("wait_seconds", 0) > 0 for call in (await hosted.asked("get_operation"))[1:])
        await expect_silence(hosted)


async def expect_silence(hosted: Hosted) -> None:
    """The app asks nothing more once it has seen the end and the whole history."""
    await hosted.page.wait_for_timeout(1_000)
    calls = await hosted.page.evaluate("host.calls.length")
    await hosted.page.wait_for_timeout(2_500)
    assert await hosted.page.evaluate("host.calls.length") == calls


async def test_cancel_is_asked_for_through_the_host(server: Worker, paced: Paced, watched: Watched) -> None:
    async with hosting(server, watched) as hosted:
        await hosted.open("get_operation", {"operation_id": paced()})
        step(server)
        await hosted.app.get_by_role("button", name="Cancel").focus()
        await hosted.page.keyboard.press("Enter")
        await expect(hosted.app.get_by_role("button", name="Press again to cancel")).to_be_visible()
        assert await hosted.asked("cancel") == []
        await hosted.page.keyboard.press("Enter")
        await expect(hosted.app.locator("#status", has_text="CANCELLED")).to_be_visible(timeout=PATIENCE)
        await expect(hosted.app.get_by_text("Partial")).to_be_visible()
        assert len(await hosted.asked("cancel")) == 1


async def test_the_reply_of_a_start_tool_is_enough(server: Worker, watched: Watched) -> None:
    async with hosting(server, watched) as hosted:
        await hosted.open(
            "start_backtest",
            {
                "symbol": "EURUSD",
                "timeframe": "1h",
                "strategy_config_path": "strategies/rsi_mean_reversion.yaml",
                "start_date": "2017-01-02",
                "end_date": "2017-12-29",
            },
        )
        await expect(hosted.app.locator("#status", has_text="COMPLETED")).to_be_visible(timeout=PATIENCE)
        await expect(hosted.app.get_by_role("heading", name="Backtest")).to_be_visible()
        await expect(hosted.app.get_by_role("row")).to_have_count(6, timeout=PATIENCE)


@pytest.mark.parametrize("watched", [{"viewport": {"width": 400, "height": 700}}], indirect=True)
async def test_a_training_shows_what_it_is_of_its_numbers_and_its_losses(server: Worker, watched: Watched) -> None:
    async with hosting(server, watched) as hosted:
        strategy = "strategies/rsi_mean_reversion.yaml"
        asked = {"strategy_config_path": strategy, "start_date": "2017-01-02", "end_date": "2017-12-29"}
        await hosted.open("start_training", asked)
        await expect(hosted.app.locator("#status", has_text="COMPLETED")).to_be_visible(timeout=PATIENCE)
        await expect(hosted.app.get_by_role("heading", name="Training EURUSD 1h · rsi_mean_reversion")).to_be_visible()
        await expect(hosted.app.locator("dl div", has_text="test accuracy")).to_contain_text("%")
        await expect(hosted.app.get_by_text("Validation loss by epoch")).to_be_visible(timeout=PATIENCE)
        await expect(hosted.app.get_by_text("epoch 1", exact=True)).to_be_visible()
        await watched.shoot("app-training")
        operation_id = await hosted.app.locator("#handle").inner_text()
    await watched.page.goto(f"{server.url}/operations/{operation_id}")
    await expect(watched.page.locator(".tiles div", has_text="Test accuracy")).to_contain_text("%")


async def test_a_host_that_passes_no_calls_on_still_shows_the_reply(server: Worker, watched: Watched) -> None:
    async with hosting(server, watched) as hosted:
        operation_id = finished(server)
        arguments = {"operation_id": operation_id}
        result = (await hosted.client.call_tool("get_operation", arguments)).model_dump(mode="json", by_alias=True)
        (content,) = (await hosted.client.read_resource(APP)).contents
        shown = [content.model_dump()["text"], "light", arguments, result, {}]
        await hosted.page.evaluate("([html, ...rest]) => show(html, ...rest)", shown)
        await expect(hosted.app.get_by_text("total return", exact=True)).to_be_visible(timeout=PATIENCE)
        assert await hosted.page.evaluate("host.calls") == []


async def test_an_error_is_shown_and_can_be_tried_again(server: Worker, watched: Watched) -> None:
    async with hosting(server, watched) as hosted:
        await hosted.open("get_operation", {"operation_id": "op_backtest_20170102_aaaaaaaaaa"})
        await expect(hosted.app.get_by_text("No operation 'op_backtest_20170102_aaaaaaaaaa'")).to_be_visible()


async def test_hostile_words_stay_words(server: Worker, watched: Watched) -> None:
    hostile = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    async with hosting(server, watched) as hosted:
        operation_id = finished(server)
        reply = (await hosted.client.call_tool("get_operation", {"operation_id": operation_id})).model_dump(
            mode="json", by_alias=True
        )
        operation = reply["structuredContent"]
        operation["metadata"] = {"symbol": hostile, "strategy_config_path": hostile}
        operation["results"]["notes"] = [hostile]
        operation["status"], operation["error"] = "FAILED", {"code": "x", "message": hostile, "details": {}}
        (content,) = (await hosted.client.read_resource(APP)).contents
        shown = [content.model_dump()["text"], "light", {}, reply, {}]
        await hosted.page.evaluate("([html, ...rest]) => show(html, ...rest)", shown)
        await expect(hosted.app.get_by_text(hostile)).to_have_count(3)
        await expect(hosted.app.locator("img")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "watched",
    [{"viewport": {"width": width, "height": 900}} for width in (400, 800)],
    indirect=True,
    ids=("400", "800"),
)
async def test_it_looks_right(server: Worker, watched: Watched, theme: str) -> None:
    async with hosting(server, watched) as hosted:
        await hosted.open("get_operation", {"operation_id": finished(server)}, theme=theme)
        await expect(hosted.app.get_by_role("row")).to_have_count(6, timeout=PATIENCE)
        beyond = "document.documentElement.scrollWidth - window.innerWidth"
        assert await hosted.app.locator("body").evaluate(f"() => {beyond}") <= 0
        assert await hosted.page.evaluate("host.sizes.length") > 0
        assert hosted.page.viewport_size is not None
        width = hosted.page.viewport_size["width"]
        await watched.shoot(f"app-{width}-{theme}")
