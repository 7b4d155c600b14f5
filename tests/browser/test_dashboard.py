"""The dashboard, used as a person uses it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.browser.conftest import TOKEN, Watched, finished, step
from tests.worker_app.process import Worker

LOOKS = [
    pytest.param({"viewport": {"width": width, "height": 900}, "color_scheme": theme}, id=f"{width}-{theme}")
    for width in (400, 1280)
    for theme in ("light", "dark")
]
Paced = Callable[[], str]
PATIENCE = 30_000  # milliseconds; how long a slow machine may take to show what must come


async def value_of(progress: Locator) -> float:
    return float(await progress.evaluate("bar => bar.value"))


async def step_until(server: Worker, shown: Locator) -> None:
    """Let the run go on until the page shows it."""
    for _ in range(60):
        step(server)
        if await shown.count():
            return
        await shown.page.wait_for_timeout(100)
    await expect(shown).to_be_visible()


async def test_progress_moves_on_the_page_and_ends_in_results(server: Worker, paced: Paced, watched: Watched) -> None:
    page = watched.page
    await page.goto(f"{server.url}/operations/{paced()}")
    bar = page.get_by_role("progressbar", name="Progress")
    seen = [await value_of(bar)]
    for _ in range(3):
        step(server)
        await expect(bar).not_to_have_js_property("value", seen[-1], timeout=PATIENCE)
        seen.append(await value_of(bar))
    assert seen == sorted(set(seen))
    await expect(page.get_by_role("heading", name="Equity so far")).to_be_visible()
    await watched.shoot("running")
    await step_until(server, page.get_by_text("Completed", exact=True))
    await expect(page.get_by_role("heading", name="Equity", exact=True)).to_be_visible()
    await expect(page.get_by_role("heading", name="All results")).to_be_visible()
    await expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    asked = len(watched.requests)
    await page.wait_for_timeout(2_500)
    assert len(watched.requests) == asked, "a page of what has ended asks nothing more"


async def test_a_run_that_starts_later_appears_in_the_open_list_and_moves(
    server: Worker, paced: Paced, watched: Watched
) -> None:
    page = watched.page
    await page.goto(server.url)
    operation_id = paced()
    row = page.get_by_role("row").filter(has_text=operation_id)
    await expect(row).to_be_visible(timeout=PATIENCE)
    bar = row.get_by_role("progressbar")
    before = await value_of(bar)
    step(server)
    await expect(bar).not_to_have_js_property("value", before, timeout=PATIENCE)
    assert await value_of(bar) > before
    await step_until(server, row.get_by_text("Completed"))
    await expect(row).to_contain_text("trades")


async def test_cancel_stops_a_run_and_keeps_what_it_had(server: Worker, paced: Paced, watched: Watched) -> None:
    page = watched.page
    await page.goto(f"{server.url}/operations/{paced()}")
    step(server)
    await expect(page.get_by_role("heading", name="Equity so far")).to_be_visible(timeout=PATIENCE)
    await page.locator("#cancel").focus()
    await page.keyboard.press("Enter")
    await watched.shoot("asks-to-cancel")
    assert await page.get_by_text("Cancelled", exact=True).count() == 0
    await page.get_by_role("button", name="Yes, cancel it").click()
    await expect(page.get_by_text("Cancelled", exact=True)).to_be_visible(timeout=PATIENCE)
    await expect(page.get_by_text("Partial: these are the results")).to_be_visible()
    await watched.shoot("cancelled")


async def test_two_runs_are_compared(server: Worker, watched: Watched) -> None:
    page = watched.page
    ids = [finished(server), finished(server, start_date="2017-03-01", initial_capital=20_000)]
    await page.goto(server.url)
    button = page.get_by_role("button", name="Compare")
    await expect(button).to_be_disabled()
    for operation_id in ids:
        await page.get_by_role("checkbox", name=operation_id).check()
    await button.click()
    await expect(page.get_by_role("heading", name="Compare")).to_be_visible()
    await expect(page.locator(".chart polyline")).to_have_count(2)
    differing = page.get_by_role("row").filter(has_text="Start date")
    await expect(differing).to_contain_text("2017-03-01")
    await expect(page.get_by_role("row").filter(has_text=re.compile(r"^\s*Sharpe ratio"))).to_have_count(1)


async def test_the_report_opens_and_draws_its_curves(server: Worker, watched: Watched) -> None:
    page = watched.page
    await page.goto(f"{server.url}/operations/{finished(server)}")
    await page.get_by_role("link", name="Open report").click()
    await expect(page).to_have_url(re.compile("/report$"))
    await expect(page.locator(".main-svg").first).to_be_visible(timeout=PATIENCE)
    await watched.shoot("report")


async def test_the_list_is_filtered(server: Worker, watched: Watched) -> None:
    page = watched.page
    operation_id = finished(server)
    await page.goto(server.url)
    for status, shown in (("COMPLETED", True), ("FAILED", False)):
        await page.get_by_label("Status").select_option(status)
        await page.get_by_role("button", name="Show").click()
        await expect(page).to_have_url(re.compile(f"status={status}"))
        await expect(page.get_by_text(operation_id)).to_have_count(int(shown))


@pytest.mark.parametrize("watched", [{"java_script_enabled": False}], indirect=True)
async def test_without_script_everything_can_be_read_and_cancelled(
    server: Worker, paced: Paced, watched: Watched
) -> None:
    page = watched.page
    operation_id = paced()
    await page.goto(server.url)
    await page.get_by_role("row").filter(has_text=operation_id).get_by_role("link").click()
    await page.locator("#cancel").click()
    await page.get_by_role("button", name="Yes, cancel it").click()
    await expect(page).to_have_url(f"{server.url}/operations/{operation_id}")
    assert await page.get_by_text(re.compile("Cancell(ed|ing)")).count()


async def test_a_hidden_page_asks_nothing(server: Worker, paced: Paced, watched: Watched) -> None:
    page = watched.page
    await page.add_init_script(
        "Object.defineProperty(document, 'visibilityState', {get: () => window.shown || 'hidden'})"
    )
    operation_id = paced()
    await page.goto(f"{server.url}/operations/{operation_id}")
    await page.wait_for_timeout(2_500)
    assert not [address for address in watched.requests if "/api/" in address]
    async with page.expect_request("**/api/**"):
        await page.evaluate("window.shown = 'visible'; document.dispatchEvent(new Event('visibilitychange'))")
    await step_until(server, page.get_by_text("Completed", exact=True))


@pytest.mark.parametrize("watched", LOOKS, indirect=True)
async def test_every_page_looks_right(
    server: Worker, closed_server: Worker, watched: Watched, request: pytest.FixtureRequest
) -> None:
    page = watched.page
    ids = [finished(server), finished(server, start_date="2017-03-01")]
    look = request.node.callspec.id
    pages = {
        "list": f"{server.url}/",
        "results": f"{server.url}/operations/{ids[0]}",
        "compare": f"{server.url}/compare?id={ids[0]}&id={ids[1]}",
        "problem": f"{server.url}/operations/op_backtest_20170102_aaaaaaaaaa",
        "sign-in": f"{closed_server.url}/",
    }
    for name, address in pages.items():
        await page.goto(address)
        await watched.shoot(f"{name}-{look}")
        assert await page.evaluate(UNREADABLE) == [], name


# Text whose contrast with what lies behind it is under 4.5, as WCAG AA counts; what is disabled is exempt.
UNREADABLE = """() => {
  const light = (colour) => {
    const parts = colour.match(/[\\d.]+/g).slice(0, 3).map(Number)
      .map((one) => one / 255).map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const behind = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    return colour !== "rgba(0, 0, 0, 0)" || !element.parentElement ? colour : behind(element.parentElement);
  };
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  return [...document.querySelectorAll("body *")].filter(hasText).filter((element) => element.checkVisibility())
    .filter((element) => !element.closest(":disabled"))
    .map((element) => {
      const both = [light(getComputedStyle(element).color), light(behind(element))].sort((a, b) => b - a);
      return [(both[0] + 0.05) / (both[1] + 0.05), element.outerHTML.slice(0, 100)];
    }).filter(([contrast]) => contrast < 4.5);
}"""


async def test_the_keyboard_reaches_the_content_first(server: Worker, watched: Watched) -> None:
    page = watched.page
    await page.goto(server.url)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("main")).to_be_focused()


async def test_the_token_opens_the_dashboard_until_one_signs_out(closed_server: Worker, watched: Watched) -> None:
    page = watched.page
    await page.goto(f"{closed_server.url}/?status=COMPLETED")
    await page.get_by_label("Token").fill("a guess")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_contain_text("not this server's token")
    await page.get_by_label("Token").fill(TOKEN)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{closed_server.url}/?status=COMPLETED")
    (cookie,) = await page.context.cookies()
    assert cookie.get("httpOnly")
    assert cookie.get("sameSite") == "Strict"
    assert TOKEN not in str(cookie.get("value"))
    await page.goto(closed_server.url)
    await expect(page.get_by_role("heading", name="No operations yet")).to_be_visible()
    await watched.shoot("empty")
    await page.get_by_role("button", name="Sign out").click()
    await page.goto(closed_server.url)
    await expect(page.get_by_label("Token")).to_be_visible()


async def test_a_page_of_somebody_else_cannot_use_the_session(
    chromium: Browser, server: Worker, closed_server: Worker
) -> None:
    """`server` stands for another program of this machine: same site, other origin, so SameSite alone lets it pass."""
    context = await chromium.new_context()
    page = await context.new_page()
    await page.goto(closed_server.url)
    await page.get_by_label("Token").fill(TOKEN)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="No operations yet")).to_be_visible()
    await page.route(f"{server.url}/evil", lambda route: route.fulfill(body="<p>evil", content_type="text/html"))
    await page.goto(f"{server.url}/evil")
    for path in ("/operations/op_backtest_20170102_aaaaaaaaaa/cancel", "/sign-out", "/backtests/start", "/mcp"):
        async with page.expect_response(f"{closed_server.url}{path}") as response:
            await page.evaluate(POST_FORM, f"{closed_server.url}{path}")
        assert (await response.value).status in (401, 403), path
        await page.wait_for_url(f"{closed_server.url}{path}")
        await page.goto(f"{server.url}/evil")
    assert await page.evaluate(READ, f"{closed_server.url}/api/v1/operations") == "not readable"
    await context.close()


POST_FORM = """(address) => {
  const form = document.createElement("form");
  Object.assign(form, {method: "post", action: address});
  document.body.append(form);
  form.submit();
}"""
READ = """(address) => fetch(address, {credentials: "include"}).then(() => "read", () => "not readable")"""
