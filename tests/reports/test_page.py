"""The page: complete in itself, readable by anybody, honest about what is missing, deaf to what texts want of it."""

from __future__ import annotations

import itertools
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from markupsafe import escape

from ktrdr_engine.charts.epochs import epochs_of
from ktrdr_engine.charts.gathering import Subject
from ktrdr_engine.charts.run import Run, Scope
from ktrdr_engine.operations.models import ErrorInfo, OperationStatus, OperationType, Progress
from ktrdr_engine.reports.gathering import Material
from ktrdr_engine.reports.origins import ModelPart, StrategyPart
from ktrdr_engine.reports.page import render
from tests.charts.material import epoch_entries, epochs, operation, run
from tests.reports.material import RESULTS, page, whole

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&</pre></textarea>"


class Elements(HTMLParser):
    """The elements of a page in order, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def data_of(text: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert found
    return json.loads(found[1])


def test_nothing_is_fetched_from_anywhere() -> None:
    text = render(Material(Subject(operation(results=RESULTS), run()), StrategyPart(), ModelPart()))
    elements = Elements(text)
    assert not [one for _, one in elements.found if {"src", "srcset"} & one.keys()]
    assert all(str(link["href"]).startswith("#") for link in elements.named("a"))
    assert not elements.named("link")
    policy = elements.named("meta")[1]["content"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert len(text.encode()) < 8_000_000


def test_headings_landmarks_and_tables_say_what_they_are() -> None:
    text = whole()
    elements = Elements(text)
    assert [len(elements.named(tag)) for tag in ("header", "nav", "main", "footer", "h1")] == [1] * 5
    assert len(elements.named("caption")) == len(elements.named("table")) > 3
    assert all(head.get("scope") in ("col", "row") for head in elements.named("th"))
    levels = [int(tag[1]) for tag, _ in elements.found if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    ids = [str(one["id"]) for _, one in elements.found if "id" in one]
    assert len(ids) == len(set(ids))
    for _, one in elements.found:
        for attribute in ("aria-labelledby", "aria-describedby"):
            assert attribute not in one or one[attribute] in ids
    for link in elements.named("a"):
        assert str(link["href"])[1:] in ids


def test_every_chart_has_its_words() -> None:
    elements = Elements(whole())
    charts = [one for one in elements.named("div") if one.get("role") == "img"]
    assert [one["id"] for one in charts] == ["chart-equity", "chart-drawdown", "chart-rolling"]
    assert "buy and hold without costs" in whole()
    assert "over the last 63 returns" in whole()


@pytest.mark.parametrize("evil", [EVIL, "</script><script>alert(1)//", "{{ 7 * 7 }}", "\u2028--><!--"])
def test_texts_from_files_and_agents_stay_texts(evil: str) -> None:
    error = ErrorInfo(code="engine_error", message=evil)
    made = operation(
        OperationStatus.FAILED,
        results={**RESULTS, "notes": [evil], "provenance": {evil: evil}, evil: evil},
    )
    asked = {**made.metadata, "strategy_config_path": evil, "symbol": evil, evil: evil}
    made = made.model_copy(update={"metadata": asked, "error": error, "warnings": (evil,)})
    drawn = run(made=made)
    drawn.trades.exit_reason[:] = [evil] * len(drawn.trades)
    plain = Elements(whole())
    text = page(made, drawn, strategy=StrategyPart((evil,), evil, evil), model=ModelPart(evil, None, evil))
    elements = Elements(text)
    assert len(elements.named("script")) == len(plain.named("script"))
    assert not elements.named("img")
    assert escape(evil) in text
    assert data_of(text)["trades"]["reasons"] == [evil]
    assert "<script>alert" not in text


def test_an_undefined_number_says_why() -> None:
    assert "Undefined: the daily returns do not vary." in whole()


@pytest.mark.parametrize(
    ("status", "results", "words"),
    [
        (OperationStatus.RUNNING, None, "This operation is running, 45.2 % done."),
        (OperationStatus.PENDING, None, "There is nothing to draw"),
        (OperationStatus.FAILED, None, "ended failed without results"),
        (OperationStatus.CANCELLED, {**RESULTS, "partial": True}, "These results are partial"),
        (OperationStatus.COMPLETED, RESULTS | {"model_relation": "in_sample"}, "<strong>In sample.</strong>"),
        (OperationStatus.COMPLETED, RESULTS | {"model_relation": "trained_after"}, "<strong>Trained after these"),
        (OperationStatus.COMPLETED, RESULTS | {"model_relation": "other_symbol"}, "<strong>Another symbol.</strong>"),
        (OperationStatus.COMPLETED, {"total_return": 0.1, "in_sample": True}, "<strong>In sample.</strong>"),
    ],
)
def test_what_is_missing_or_doubtful_is_said_first(
    status: OperationStatus, results: dict[str, Any] | None, words: str
) -> None:
    made = operation(status, results=results).model_copy(update={"progress": Progress(percentage=45.2)})
    assert words in page(made)


def test_a_run_without_trades_says_so() -> None:
    text = page(operation(results=RESULTS), run(500, 0))
    assert "No trade was closed. The notes in the summary say why" in text
    assert data_of(text)["trades"] is None


def test_a_run_that_goes_on_has_curves_but_no_rolling_sharpe() -> None:
    made = operation(OperationStatus.RUNNING)
    text = page(made, run(500, made=made, scope=Scope.SO_FAR))
    assert "chart-equity" in text
    assert "needs every bar" in text


def test_a_short_run_says_that_it_is_too_short_for_a_rolling_sharpe() -> None:
    assert "needs 63 returns; this run has 5" in page(operation(results=RESULTS), run(110, 2))


def test_ruin_has_no_rolling_sharpe_either() -> None:
    ruined = run(3_000, 2)
    ruined.equity[2_000:] = -1
    text = page(operation(results=RESULTS), ruined)
    assert "There is no rolling Sharpe ratio: the equity fell to zero or below." in text


def test_a_flat_run_has_an_undefined_rolling_sharpe() -> None:
    flat = run(3_000, 2)
    flat.equity[:] = 100_000
    assert "undefined, since the returns do not vary" in page(operation(results=RESULTS), flat)


def test_without_prices_there_is_no_buy_and_hold() -> None:
    text = page(operation(), run(with_prices=False))
    assert [line["name"] for line in data_of(text)["figures"][0]["lines"]] == ["strategy"]


def test_a_training_shows_its_curves() -> None:
    made = operation(kind=OperationType.TRAINING, results={"best_epoch": 3})
    text = render(Material(Subject(made, epochs=epochs()), StrategyPart(), ModelPart()))
    figures = data_of(text)["figures"]
    assert [one["title"].split(" (")[0] for one in figures] == ["Loss", "Accuracy"]
    assert figures[0]["marks"] == [[3.0, "best epoch 3"]]
    assert figures[1]["lines"][1]["y"][0] is None
    assert "validation accuracy unknown to 92.5 %" in text


def test_a_training_whose_model_is_elsewhere_shows_what_its_results_say_of_it() -> None:
    split = {
        "rows": 30,
        "first_bar": "2017-01-02T00:00:00Z",
        "last_bar": "2017-02-02T00:00:00Z",
        "loss": 1.0,
        "accuracy": 0.5,
        "majority_baseline": 0.4,
        "recall": {"BUY": 0.25, "HOLD": 0.125, "SELL": None},
        "confusion": [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
    }
    made = operation(kind=OperationType.TRAINING, results={"test_accuracy": 0.5, "splits": {"test": split}})
    text = page(made)
    assert "Training of rsi_mean_reversion" in text
    assert "2017-01-02 to 2017-02-02" in text
    assert "12.50 %" in text
    assert "Answers in test" in text


def test_the_request_is_shown_as_it_was_understood() -> None:
    made = operation(symbols=["AAPL", "MSFT"], rows={"train": 1_000}, model_path=None)
    text = page(made)
    assert "AAPL, MSFT" in text
    assert "train 1,000" in text
    assert "not given" in text


def test_a_million_bars_make_a_page_under_eight_megabytes() -> None:
    made: Run = run(1_000_000, 20_000)
    text = render(Material(Subject(operation(results=RESULTS), made), StrategyPart(), ModelPart()))
    assert len(text.encode()) < 8_000_000
    assert "All 20,000 closed trades" in text
    assert [row[0] for row in data_of(text)["trades"]["data"]] == list(range(1, 20_001))


def test_a_report_of_a_training_names_what_it_trained_and_draws_the_baseline_over_all_epochs() -> None:
    asked: dict[str, Any] = {"symbol": None, "timeframe": None, "symbols": ["SPX", "EURUSD"], "timeframes": ["1d"]}
    made = operation(kind=OperationType.TRAINING, results={"validation_majority_baseline": 0.55}, **asked)
    text = render(Material(Subject(made, epochs=epochs_of(made, epoch_entries(12))), StrategyPart(), ModelPart()))
    assert "<h1>Training of rsi_mean_reversion on SPX, EURUSD 1d</h1>" in text
    *_, accuracies = data_of(text)["figures"]
    (baseline,) = [line for line in accuracies["lines"] if set(line["y"]) == {0.55}]
    assert baseline["x"] == accuracies["lines"][0]["x"]
