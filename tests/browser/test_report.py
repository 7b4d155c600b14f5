"""The report, opened from a file as its reader opens it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Page, expect

from ktrdr_engine.reports.gathering import Material
from ktrdr_engine.reports.origins import ModelPart, StrategyPart
from ktrdr_engine.reports.page import render
from tests.browser.conftest import SCREENSHOTS, Watched
from tests.browser.test_dashboard import LOOKS
from tests.charts.material import operation, run, training
from tests.reports.material import RESULTS, material

TRADES = 120


def written(folder: Path, text: str) -> str:
    path = folder / "report.html"
    path.write_text(text, "utf-8")
    return path.as_uri()


@pytest.fixture
def report(tmp_path: Path) -> str:
    made = operation(results={**RESULTS, "model_relation": "in_sample"})
    return written(tmp_path, render(material(made, run(6_000, TRADES, made=made))))


@pytest.mark.parametrize("watched", [{"viewport": {"width": 1280, "height": 900}}], indirect=True)
async def test_all_columns_of_the_trades_are_seen_at_once_on_a_wide_screen(watched: Watched, report: str) -> None:
    await watched.page.goto(report)
    room = watched.page.locator(".wide", has=watched.page.locator("#trade-table"))
    assert await room.evaluate("room => room.scrollWidth - room.clientWidth") <= 0


NUMBERS = [7.5941e-8, -0.0000004, 0.0, -0.0, 1234.5, 0.012345, 1e-12, 3e15, 118_268.437, 0.3, 99_999.999999]


async def test_the_script_writes_numbers_as_the_page_without_it_does(watched: Watched, tmp_path: Path) -> None:
    made = operation(results=RESULTS)
    shown = run(2_000, len(NUMBERS), made=made)
    values = np.array(NUMBERS)
    # No column has more digits than a float64 holds: what follows is noise, which either side writes its own way.
    prices = np.where(np.abs(values) < 1, np.abs(values), 0.5)
    trades = replace(shown.trades, entry_price=prices, quantity=np.abs(values) + 1, pnl=values, gain=values)
    text = render(material(made, replace(shown, trades=trades)))
    body = re.search(r'id="trade-table".*?<tbody>(.*?)</tbody>', text, re.DOTALL)
    assert body
    plain = [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in body[1].split("</tr>")[:-1]]
    await watched.page.goto(written(tmp_path, text))
    for place in range(len(plain[0])):
        assert await column(watched.page, place + 1) == [row[place] for row in plain]


async def column(page: Page, number: int) -> list[str]:
    return await page.locator(f"#trade-table tbody td:nth-child({number})").all_text_contents()


@pytest.mark.parametrize("watched", LOOKS, indirect=True)
async def test_it_is_drawn_at_every_width_in_both_themes(
    watched: Watched, report: str, request: pytest.FixtureRequest
) -> None:
    await watched.page.goto(report)
    await expect(watched.page.locator(".chart .main-svg .trace")).not_to_have_count(0)
    for chart in await watched.page.locator(".chart").all():
        assert await chart.locator("path.js-line").count() > 0
    await watched.shoot(f"report-{request.node.callspec.id}")
    assert watched.requests == [report]


@pytest.mark.parametrize("watched", LOOKS, indirect=True)
async def test_a_training_is_drawn_too(watched: Watched, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    await watched.page.goto(written(tmp_path, render(Material(training(), StrategyPart(), ModelPart()))))
    await expect(watched.page.get_by_text("best epoch 3").first).to_be_visible()
    await watched.shoot(f"training-report-{request.node.callspec.id}")


async def test_trades_are_sorted_by_keyboard_and_the_order_is_announced(watched: Watched, report: str) -> None:
    page = watched.page
    await page.goto(report)
    head = page.get_by_role("columnheader", name="P&L")
    await head.get_by_role("button").focus()
    await page.keyboard.press("Enter")
    await expect(head).to_have_attribute("aria-sort", "ascending")
    rising = [float(text.replace("−", "-")) for text in await column(page, 8)]
    assert rising == sorted(rising)
    await page.keyboard.press("Enter")
    await expect(head).to_have_attribute("aria-sort", "descending")
    falling = [float(text.replace("−", "-")) for text in await column(page, 8)]
    assert falling == sorted(falling, reverse=True)
    assert await page.locator("th[aria-sort]").count() == 1


async def test_trades_are_filtered_and_what_is_left_is_announced(watched: Watched, report: str) -> None:
    page = watched.page
    await page.goto(report)
    shown = page.get_by_role("status")
    await expect(shown).to_have_text(f"Rows 1 to 50 of {TRADES}.")
    await page.get_by_label("Side").select_option("short")
    await expect(shown).to_contain_text("filtered")
    assert set(await column(page, 2)) == {"short"}
    await page.get_by_label("Exit reason").select_option("stop loss")
    assert set(await column(page, 13)) == {"stop loss"}
    await page.get_by_label("Entry from").fill("2031-01-01")
    await expect(shown).to_have_text("No trade is like that, filtered.")
    await page.get_by_role("button", name="Clear").click()
    await expect(shown).to_have_text(f"Rows 1 to 50 of {TRADES}.")


async def test_trades_are_turned_over_page_by_page(watched: Watched, report: str) -> None:
    page = watched.page
    await page.goto(report)
    await expect(page.get_by_role("button", name="Previous")).to_be_disabled()
    await page.get_by_role("button", name="Next").click()
    await expect(page.get_by_role("status")).to_have_text(f"Rows 51 to 100 of {TRADES}.")
    await page.get_by_role("button", name="Last").click()
    await expect(page.get_by_role("status")).to_have_text(f"Rows 101 to 120 of {TRADES}.")
    await expect(page.get_by_role("button", name="Next")).to_be_disabled()


async def test_the_theme_can_be_chosen_and_the_charts_follow(watched: Watched, report: str) -> None:
    page = watched.page
    await page.goto(report)
    line = page.locator("#chart-equity path.js-line").first
    before = await line.evaluate("line => getComputedStyle(line).stroke")
    button = page.get_by_role("button", name="Theme")
    await button.click()
    await expect(button).to_have_text("Theme: light")
    await button.click()
    await expect(button).to_have_text("Theme: dark")
    assert await page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(18, 23, 30)"
    await expect(line).not_to_have_css("stroke", before)


async def test_it_prints_as_vectors_on_white_and_is_as_before_afterwards(watched: Watched, report: str) -> None:
    page = watched.page
    await page.emulate_media(color_scheme="dark")
    await page.goto(report)
    width = await page.locator("#chart-equity").evaluate("chart => chart.clientWidth")
    printed = await page.pdf(path=SCREENSHOTS / "report.pdf", prefer_css_page_size=True)
    assert b"/Subtype /Image" not in printed
    assert 2 <= len(re.findall(rb"/Type /Page\b", printed)) <= 10
    await expect(page.locator("html")).not_to_have_attribute("data-theme", "light")
    assert await page.locator("#chart-equity").evaluate("chart => chart.clientWidth") == width
    assert await page.locator("details[open]").count() == 0


@pytest.mark.parametrize("watched", [{"java_script_enabled": False}], indirect=True)
async def test_without_scripts_words_and_tables_are_there(watched: Watched, report: str) -> None:
    page = watched.page
    await page.goto(report)
    assert len(await column(page, 1)) == 50
    await expect(page.get_by_text("The charts need JavaScript")).to_be_visible()
    await expect(page.get_by_role("button", name="Clear")).to_have_count(0)


async def test_texts_that_want_to_be_scripts_do_nothing(watched: Watched, tmp_path: Path) -> None:
    evil = "</script><img src=x onerror=alert(1)><svg onload=alert(2)>"
    made = operation(results={**RESULTS, "notes": [evil]}, symbol=evil)
    drawn = run(3_000, 60, made=made)
    drawn.trades.exit_reason[:] = [evil] * 60
    await watched.page.goto(written(tmp_path, render(material(made, drawn))))
    await watched.page.get_by_role("button", name="Exit reason").click()
    await expect(watched.page.get_by_role("listitem").filter(has_text="onerror")).to_be_visible()
    assert await watched.page.locator("img").count() == 0
    assert len(watched.requests) == 1


async def test_everything_can_be_reached_by_tabbing(watched: Watched, report: str) -> None:
    page = watched.page
    await page.goto(report)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the report")).to_be_focused()
    reached = set()
    for _ in range(60):
        await page.keyboard.press("Tab")
        reached.add(await page.evaluate("document.activeElement.name || document.activeElement.innerText"))
    wanted = {"Theme: automatic", "Trades", "P&L", "side", "Next", "Clear"}
    assert wanted <= {re.sub(r"\s*[↕↑↓]$", "", str(text)).strip() for text in reached}
