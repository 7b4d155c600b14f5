"""What the pages say, without a browser. tests/browser looks at them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from ktrdr_engine.composition import open_application
from ktrdr_engine.operations.models import ErrorInfo, OperationType
from ktrdr_engine.settings import Settings
from ktrdr_mcp.dashboard.pages import charts_of
from tests.mcp.conftest import backtest_of
from tests.mcp.dashboard.conftest import HERE, browsing, text_at, until_running
from tests.mcp.held import HeldApplication, open_held

HOSTILE = """</td></script>"'><img src=x onerror=alert(1)><script>alert(2)</script>{{ 7 * 7 }}"""


class Elements(HTMLParser):
    """The elements of a page, and what void ones and their attributes must not be."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.handlers: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]


async def start(application: HeldApplication, symbol: str) -> str:
    operation = await application.start_routes[0].start(backtest_of(symbol), None)
    return operation.operation_id


async def ended(application: HeldApplication, symbol: str = "QUICK") -> str:
    operation_id = await start(application, symbol)
    await application.operations.get_operation(operation_id, wait_seconds=20)
    return operation_id


async def test_an_empty_list_says_how_to_begin() -> None:
    async with open_held() as application, browsing(application) as client:
        page = await text_at(client, "/")
        assert "No operations yet" in page
        assert "ktrdr backtest --symbol" in page
        assert "Nothing here with that filter" in await text_at(client, "/?status=FAILED")


async def test_a_list_shows_what_each_operation_is_about_and_follows_one_that_runs() -> None:
    async with open_held() as application, browsing(application) as client:
        done, held = await ended(application), await start(application, "HELD")
        await until_running(application.operations, held)
        page = await text_at(client, "/")
        assert "Backtest QUICK 1h · rsi_mean_reversion" in page
        assert "Backtest HELD 1h · rsi_mean_reversion" in page
        assert page.count('<span class="range">2017-01-02 to 2017-12-29</span>') == 2
        assert f'data-follow="{held}"' in page
        assert page.index(held) < page.index(done)
        filtered = await text_at(client, "/?status=COMPLETED&operation_type=BACKTESTING&offset=")
        assert held not in filtered
        assert "data-follow=" not in filtered


async def test_a_long_list_has_pages() -> None:
    async with open_held() as application, browsing(application) as client:
        for _ in range(27):
            await ended(application)
        first = await text_at(client, "/?operation_type=BACKTESTING")
        assert "1–25 of 27" in first
        assert 'href="/?operation_type=BACKTESTING&amp;offset=25" rel="next"' in first
        second = await text_at(client, "/?operation_type=BACKTESTING&offset=25")
        assert "26–27 of 27" in second
        assert 'href="/?operation_type=BACKTESTING" rel="prev"' in second
        assert 'rel="next"' not in second


@pytest.mark.parametrize("query", ["status=DONE", "operation_type=SWEEP", "offset=-1", "colour=red"])
async def test_a_list_that_cannot_be_is_refused_in_words(query: str) -> None:
    async with open_held() as application, browsing(application) as client:
        assert query.replace("=", "=&#39;") in await text_at(client, f"/?{query}", 422)


async def test_a_finished_operation_shows_results_notes_and_request() -> None:
    async with open_held() as application, browsing(application) as client:
        page = await text_at(client, f"/operations/{await ended(application)}")
        for words in ("2.34 %", "102,340.50", "Sortino ratio", "no losing day", "Engine version", "LONG", "<polyline"):
            assert words in page
        assert "data-follow=" not in page
        assert "/cancel" not in page


async def test_a_running_operation_shows_progress_and_can_be_cancelled_from_its_page() -> None:
    async with open_held() as application, browsing(application) as client:
        held = await start(application, "HELD")
        await until_running(application.operations, held)
        page = await text_at(client, f"/operations/{held}")
        assert "450 of 1,000" in page
        assert "Equity so far" in page
        question = page.index("<summary")
        assert question < page.index(f'action="/operations/{held}/cancel"') < page.index("</details>", question)
        reply = await client.post(f"/operations/{held}/cancel", headers=HERE)
        assert (reply.status_code, reply.headers["location"]) == (303, f"/operations/{held}")
        operation = await application.operations.get_operation(held, wait_seconds=20)
        assert operation.status == "CANCELLED"
        assert "Partial" in await text_at(client, f"/operations/{held}")


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://localhost:9000"}, {"Origin": "http://127.0.0.1:8000"}])
async def test_nobody_else_can_cancel_with_a_form(headers: dict[str, str]) -> None:
    async with open_held() as application, browsing(application) as client:
        held = await start(application, "HELD")
        reply = await client.post(f"/operations/{held}/cancel", headers=headers)
        assert reply.status_code == 403
        assert not (await application.operations.get_operation(held)).status.is_final


async def test_a_failed_operation_says_why() -> None:
    async with open_held() as application, browsing(application) as client:
        page = await text_at(client, f"/operations/{await ended(application, 'CRASH')}")
        assert "Failed: engine_error" in page
        assert "a secret of the inside" not in page


async def test_two_operations_are_compared() -> None:
    async with open_held() as application, browsing(application) as client:
        first, second = await ended(application), await ended(application)
        page = await text_at(client, f"/compare?id={first}&id={second}")
        assert "The requests are the same" in page
        assert page.count('class="line-') == 4
        held = await start(application, "HELD")
        await until_running(application.operations, held)
        running = await text_at(client, f"/compare?id={first}&id={held}")
        assert "What differs in the requests" in running
        assert f'data-follow="{held}"' in running


@pytest.mark.parametrize("query", ["", "?id=a", "?id=a&id=a", "?id=a&id=b&id=c"])
async def test_only_two_can_be_compared(query: str) -> None:
    async with open_held() as application, browsing(application) as client:
        assert "Two operations can be compared" in await text_at(client, f"/compare{query}", 422)


async def test_the_better_number_is_marked_by_what_is_wanted_of_it() -> None:
    async with open_held() as application, browsing(application) as client:
        ids = []
        for sharpe, drawdown in ((1.0, 0.2), (2.0, 0.3)):
            operation = await application.operations.create_operation(OperationType.BACKTESTING, {})
            await application.operations.complete_operation(
                operation.operation_id, {"sharpe_ratio": sharpe, "max_drawdown": drawdown, "calmar_ratio": None}
            )
            ids.append(operation.operation_id)
        page = await text_at(client, f"/compare?id={ids[0]}&id={ids[1]}")
        assert 'class="number better">2.00' in page
        assert 'class="number better">20.00 %' in page
        assert page.count("number better") == 2
        assert "Neither has an equity curve" in page


@pytest.mark.parametrize(
    "doubtful",
    [{"model_relation": "in_sample"}, {"total_trades": 3}, {"exposure": 0.99}, {"model_beats_majority": False}],
)
async def test_a_run_that_says_little_is_warned_of_and_no_better_one(doubtful: dict[str, Any]) -> None:
    async with open_held() as application, browsing(application) as client:
        ids = []
        for sharpe, more in ((1.0, {}), (2.0, doubtful)):
            operation = await application.operations.create_operation(OperationType.BACKTESTING, {})
            await application.operations.complete_operation(
                operation.operation_id, {"sharpe_ratio": sharpe, "total_trades": 40, "exposure": 0.5} | more
            )
            ids.append(operation.operation_id)
        page = await text_at(client, f"/compare?id={ids[0]}&id={ids[1]}")
        assert "number better" not in page
        (warnings,) = re.findall(r'<div data-part="warnings">(.*)</div>', page)
        assert f": {ids[1]}." in warnings


async def test_whatever_is_said_of_an_operation_is_text() -> None:
    async with open_held() as application, browsing(application) as client:
        operations = application.operations
        metadata = {"symbol": HOSTILE, "strategy_config_path": HOSTILE, HOSTILE: {HOSTILE: [HOSTILE]}}
        failed = (await operations.create_operation(OperationType.TRAINING, metadata)).operation_id
        await operations.fail_operation(failed, ErrorInfo(code=HOSTILE, message=HOSTILE))
        done = (await operations.create_operation(OperationType.TRAINING, metadata)).operation_id
        await operations.complete_operation(
            done, {HOSTILE: HOSTILE, "notes": [HOSTILE], "provenance": {HOSTILE: HOSTILE}}, headline=HOSTILE
        )
        plain = Elements(await text_at(client, f"/operations/{await ended(application)}"))
        for address in ("/", f"/operations/{failed}", f"/operations/{done}", f"/compare?id={done}&id={failed}"):
            page = await text_at(client, address)
            elements = Elements(page)
            assert "img" not in elements.names
            assert elements.names.count("script") == plain.names.count("script")
            assert elements.handlers == []
            assert "{{ 7 * 7 }}" in page


async def test_the_report_is_shut_off_from_the_server_that_shows_it(settings: Settings) -> None:
    async with open_application(settings) as application, browsing(application) as client:
        operation = await application.operations.create_operation(OperationType.TRAINING, {})
        reply = await client.get(f"/operations/{operation.operation_id}/report")
        assert reply.status_code == 200
        assert f'content="{operation.operation_id}"' in reply.text
        policy = reply.headers["content-security-policy"]
        assert policy.startswith("sandbox allow-scripts ")
        assert "allow-same-origin" not in policy
        assert "connect-src" not in policy
        assert "default-src 'none'" in policy
        await text_at(client, "/operations/nope/report", 404)


@pytest.mark.parametrize(
    "address", ["/operations/nope", "/operations/op_backtest_20170102_aaaaaaaaaa", "/operations/<script>"]
)
async def test_an_unknown_operation_is_a_page_that_leads_back(address: str) -> None:
    async with open_held() as application, browsing(application) as client:
        page = await text_at(client, address, 404)
        assert "No operation" in page
        assert 'href="/"' in page
        assert "<script>" not in page


async def test_a_defect_is_a_page_without_its_inside(caplog: pytest.LogCaptureFixture) -> None:
    async with open_held() as application, browsing(application) as client:
        application.operations = None  # type: ignore[assignment]  # the defect
        async with browsing(application) as broken:
            assert "It is a defect" in await text_at(broken, "/", 500)
        assert client
    assert "Traceback" in caplog.text


async def test_every_page_carries_the_headers_that_shut_it_off() -> None:
    async with open_held() as application, browsing(application) as client:
        for address in ("/", "/compare", "/operations/nope"):
            headers = (await client.get(address)).headers
            policy = headers["content-security-policy"]
            assert policy.startswith("default-src 'none'")
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert headers["cache-control"] == "no-store"


async def test_static_files_are_addressed_by_their_content() -> None:
    async with open_held() as application, browsing(application) as client:
        page = await text_at(client, "/")
        for name, kind in (
            ("dashboard.css", "text/css"),
            ("live.js", "text/javascript"),
            ("icon.svg", "image/svg+xml"),
        ):
            start = page.index(f"/static/{name}?v=")
            reply = await client.get(page[start : page.index('"', start)])
            assert reply.headers["content-type"].startswith(kind)
            assert "max-age" in reply.headers["cache-control"]
        assert (await client.get("/static/..%2froutes.py")).status_code == 404
        assert (await client.get("/static/nothing.css")).status_code == 404


async def test_the_curve_of_a_training_is_its_losses() -> None:
    async with open_held() as application:
        operation = await application.operations.create_operation(OperationType.TRAINING, {})
    rows = [{"epoch": epoch, "train_loss": 1 / epoch, "validation_loss": 2 / epoch} for epoch in range(1, 5)]
    (chart,) = charts_of(operation, {"epochs": rows})
    assert [name for name, _ in chart.paths] == ["train, during the epoch", "validation, after it"]
    assert chart.places == ("1", "", "4")


async def test_accuracies_have_a_chart_with_the_majority_baseline() -> None:
    metadata = {"majority_baseline": {"validation": 0.55}}
    async with open_held() as application:
        operation = await application.operations.create_operation(OperationType.TRAINING, metadata)
    rows = [
        {"epoch": epoch, "train_loss": 1 / epoch, "train_accuracy": 0.5 + epoch / 10, "validation_accuracy": 0.6}
        for epoch in range(1, 4)
    ]
    _, accuracies = charts_of(operation, {"epochs": rows})
    assert accuracies.base is not None
    assert "majority baseline 55.0 %" in accuracies.title
    assert all(level.endswith("%") for level in accuracies.levels)
    assert accuracies.places == ("1", "2", "3")


async def test_a_page_counts_the_trades_that_the_history_does_not_keep() -> None:
    async with open_held() as application, browsing(application) as client:
        page = await text_at(client, f"/operations/{await ended(application)}")
    assert "the last 1 of 94, newest first" in page


async def test_a_page_of_a_training_names_what_it_trains() -> None:
    metadata = {
        "strategy_config_path": "strategies/trend.yaml",
        "symbols": ["SPX", "EURUSD"],
        "timeframes": ["1d"],
        "start_date": "1999-01-04",
        "end_date": "2015-12-31",
        "model_name": "mine",
    }
    async with open_held() as application, browsing(application) as client:
        operation = await application.operations.create_operation(OperationType.TRAINING, metadata)
        page = await text_at(client, f"/operations/{operation.operation_id}")
    title = page[page.index("<h1>") : page.index("</h1>")]
    for word in ("Training", "SPX, EURUSD", "1d", "trend"):
        assert word in title
    assert "1999-01-04 to 2015-12-31" in page
    assert "mine" in page


async def test_a_winner_that_its_model_has_seen_is_not_marked_and_the_page_says_why() -> None:
    async with open_held() as application, browsing(application) as client:
        ids = []
        for sharpe, relation in ((9.0, "in_sample"), (1.0, "out_of_sample")):
            operation = await application.operations.create_operation(OperationType.BACKTESTING, {})
            results = {
                "sharpe_ratio": sharpe,
                "total_trades": 100,
                "model_relation": relation,
                "total_commission": sharpe,
            }
            await application.operations.complete_operation(operation.operation_id, results)
            ids.append(operation.operation_id)
        page = await text_at(client, f"/compare?id={ids[0]}&id={ids[1]}")
        alone = [await text_at(client, f"/operations/{one}") for one in ids]
    assert ["badge flaw" in one for one in alone] == [True, False]
    assert '<span class="badge flaw">In sample</span>' in page
    assert 'class="number better"' not in page
    assert ids[0] in page[page.index('<p class="warning">') : page.index('data-part="chart"')]
