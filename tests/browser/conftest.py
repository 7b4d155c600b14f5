"""A real Chromium in front of a real server. What a page must never do fails every test: an error, a request elsewhere.

Screenshots are kept in `screenshots/` beside this file, for people to look at; nothing compares them.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, Route, async_playwright

from tests.browser.paced_server import PACED_CAPITAL
from tests.worker_app.process import Worker, worker_process

SCREENSHOTS = Path(__file__).parent / "screenshots"
TOKEN = "a token for tests"
_SERVER = "tests.browser.paced_server"
_CHROMIUM = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(90))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if made := sorted(SCREENSHOTS.glob("*.png")):
        terminalreporter.write_line(f"{len(made)} screenshots in {SCREENSHOTS}")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    home = tmp_path_factory.mktemp("open") / "home"
    with worker_process(home, "--transport", "streamable-http", module=_SERVER) as process:
        yield process
        process.signal(signal.SIGTERM)
        assert process.wait() == 0


@pytest.fixture(scope="module")
def closed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    home = tmp_path_factory.mktemp("closed") / "home"
    options = ("--transport", "streamable-http")
    with worker_process(home, *options, module=_SERVER, KTRDR_SERVER_TOKEN=TOKEN) as process:
        yield process
        process.signal(signal.SIGTERM)
        assert process.wait() == 0


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    executable = shutil.which("chromium")
    if executable is None:
        pytest.fail("There is no chromium on PATH: install your system's package of that name.")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=_CHROMIUM)
        yield browser
        await browser.close()


class Watched:
    """A page, and what it did that it must not."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.sins: list[str] = []
        self.requests: list[str] = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.sins.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self.sins.append(f"dialog: {dialog.message}"))

    async def watch(self) -> None:
        await self.page.context.route("**/*", self._let_through)

    async def shoot(self, name: str) -> None:
        """Keep a picture, and see that nothing is cut off at the side."""
        beyond = await self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert beyond <= 0, f"{name} is {beyond} pixels too wide"
        SCREENSHOTS.mkdir(exist_ok=True)
        await self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)

    def _said(self, message: ConsoleMessage) -> None:
        # A page that says 401 or 404 on purpose makes Chromium say so too.
        if message.type in ("error", "warning") and "the server responded with a status of 40" not in message.text:
            self.sins.append(f"console: {message.text}")

    async def _let_through(self, route: Route) -> None:
        address = urlsplit(route.request.url)
        self.requests.append(route.request.url)
        if address.hostname == "127.0.0.1" or address.scheme in ("data", "blob", "about", "file"):
            await route.continue_()
            return
        self.sins.append(f"request: {route.request.url}")
        await route.abort()


@pytest.fixture
async def watched(chromium: Browser, request: pytest.FixtureRequest) -> AsyncIterator[Watched]:
    """A page 1280 wide and light, unless the test is parametrised with something else for a browser context."""
    options: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}, **getattr(request, "param", {})}
    context = await chromium.new_context(**options)
    watched = Watched(await context.new_page())
    await watched.watch()
    yield watched
    await context.close()
    assert watched.sins == []


def start(server: Worker, **arguments: Any) -> str:
    """Start a backtest over REST and return its id."""
    request = {
        "symbol": "EURUSD",
        "timeframe": "1h",
        "strategy_config_path": "strategies/rsi_mean_reversion.yaml",
        "start_date": "2017-01-02",
        "end_date": "2017-12-29",
        **arguments,
    }
    reply = httpx.post(f"{server.url}/api/v1/backtests/start", json=request, timeout=60)
    assert reply.status_code == 202, reply.text
    return str(reply.json()["operation_id"])


@pytest.fixture
def paced(server: Worker) -> Iterator[Callable[[], str]]:
    """Starts a backtest that goes on with `step` only, and returns its id; what still runs in the end is cancelled."""
    started: list[str] = []

    def start_paced() -> str:
        started.append(start(server, initial_capital=PACED_CAPITAL))
        return started[-1]

    yield start_paced
    for operation_id in started:
        httpx.delete(f"{server.url}/api/v1/operations/{operation_id}/cancel")


def finished(server: Worker, **arguments: Any) -> str:
    """Start a backtest and return its id when it has ended."""
    operation_id = start(server, **arguments)
    reply = httpx.get(f"{server.url}/api/v1/operations/{operation_id}", params={"wait": 25}, timeout=30)
    assert reply.json()["status"] == "COMPLETED"
    return operation_id


def step(server: Worker) -> None:
    """Let paced runs go on by one step; the system does not count signals, so look before the next."""
    server.signal(signal.SIGUSR1)
