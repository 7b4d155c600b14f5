"""Pictures: of every kind, in both themes, with the same in words."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image

from ktrdr_engine.charts import overview, trades, training
from ktrdr_engine.charts.canvas import Canvas, common_date, shortened, spans_many_times
from ktrdr_engine.charts.drawing import Chart, draw, kinds_of
from ktrdr_engine.charts.epochs import epochs_of
from ktrdr_engine.charts.gathering import Subject
from ktrdr_engine.charts.kinds import ChartKind
from ktrdr_engine.charts.run import Scope
from ktrdr_engine.charts.theme import THEMES, ThemeName
from ktrdr_engine.errors import InvalidRequest, NothingToShow
from ktrdr_engine.number_format import percent
from ktrdr_engine.operations.models import OperationStatus, OperationType, Progress
from tests.charts.material import epoch_entries, epochs, operation, run

BACKTEST = Subject(operation(), run())
TRAINING = Subject(operation(kind=OperationType.TRAINING), epochs=epochs())


def picture(chart: Chart) -> Image.Image:
    assert len(chart.png) <= 200_000
    image = Image.open(io.BytesIO(chart.png))
    assert (image.format, image.width) == ("PNG", 1_200)
    return image.convert("RGB")


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("kind", ["overview", "monthly", "trades"])
def test_a_backtest_has_a_picture_of_each_kind_on_the_ground_asked_for(kind: ChartKind, theme: ThemeName) -> None:
    chart = draw(BACKTEST, kind, theme)
    assert "#{:02x}{:02x}{:02x}".format(*picture(chart).getpixel((2, 200))) == THEMES[theme].ground  # type: ignore[misc]  # a pixel of RGB is three numbers
    assert "rsi_mean_reversion on EURUSD 1h" in chart.text
    assert len(chart.text) < 1_500


def test_the_words_of_the_overview_give_the_numbers_of_the_picture() -> None:
    text = draw(BACKTEST, "overview", "dark").text
    final = float(run().equity[-1])
    assert "2017-01-02 to 2017-03-26" in text
    assert f"{final:,.0f}" in text
    assert percent(abs(final / 100_000 - 1), 1) in text
    assert "buy and hold" in text
    assert "40 closed trades" in text


def test_what_multiplied_is_drawn_on_a_logarithmic_axis() -> None:
    made = run(with_prices=False)
    flat = draw(Subject(operation(), made), "overview", "dark").png
    made.equity[:] = np.geomspace(100_000, 10_000_000, len(made.equity))
    assert spans_many_times(made.equity)
    assert draw(Subject(operation(), made), "overview", "dark").png != flat


@pytest.mark.parametrize("values", [[1.0, 8.0], [0.0, 100.0], [-1.0, 5.0]])
def test_what_did_not_multiply_or_fell_to_nothing_is_not(values: list[float]) -> None:
    assert not spans_many_times(np.array(values))


def test_without_prices_there_is_no_price_pane_and_no_buy_and_hold() -> None:
    with_prices = draw(BACKTEST, "overview", "dark")
    chart = draw(Subject(operation(), run(with_prices=False)), "overview", "dark")
    assert picture(chart).height < picture(with_prices).height
    assert "buy and hold" not in chart.text


def test_a_run_that_goes_on_says_so() -> None:
    made = operation(OperationStatus.RUNNING)
    chart = draw(Subject(made, run(made=made, scope=Scope.SO_FAR)), "overview", "light")
    assert "running, 0 % done: what there is so far" in chart.text


@pytest.mark.parametrize(
    ("scope", "status", "words"),
    [
        (Scope.PARTIAL, OperationStatus.CANCELLED, "partial: cancelled at 2017-03-26"),
        (Scope.SO_FAR, OperationStatus.FAILED, "ended failed"),
        (Scope.WHOLE, OperationStatus.COMPLETED, "in sample"),
    ],
)
@pytest.mark.parametrize("results", [{"model_relation": "in_sample"}, {"in_sample": True}], ids=["now", "earlier"])
def test_what_is_not_the_whole_truth_is_marked(
    scope: Scope, status: OperationStatus, words: str, results: dict[str, Any]
) -> None:
    made = operation(status, results=results)
    text = draw(Subject(made, run(made=made, scope=scope)), "monthly", "light").text
    assert words in text
    assert "in sample" in text


def test_one_bar_without_a_trade_is_drawn() -> None:
    subject = Subject(operation(), run(1, 0))
    assert kinds_of(subject) == ("overview", "monthly")
    assert "no closed trades" in draw(subject, "overview", "dark").text
    assert "of 1 months gained" in draw(subject, "monthly", "dark").text


def test_ruin_is_drawn() -> None:
    made = run(3, 0, with_prices=False)
    made.equity[:] = 50_000, 0, -10_000
    chart = draw(Subject(operation(), made), "overview", "dark")
    assert "largest drawdown 100.0 %" in chart.text
    assert picture(draw(Subject(operation(), made), "monthly", "dark"))


def test_a_month_alone_after_ruin_has_no_best_month() -> None:
    made = run(2, 0, with_prices=False)
    made.equity[:] = np.nan
    assert "best month" not in draw(Subject(operation(), made), "monthly", "dark").text


def test_thousands_of_trades_are_thinned_and_that_is_said() -> None:
    subject = Subject(operation(), run(20_000, 5_000))
    assert "244 of 10,000 entries and exits marked" in draw(subject, "overview", "dark").text
    assert picture(draw(subject, "trades", "dark"))


def test_more_years_than_fit_are_cut_and_that_is_said() -> None:
    text = draw(Subject(operation(), run(24 * 366 * 27, 0)), "monthly", "dark").text
    assert "last 25 years" in text
    assert "(and 16 years before)" in text


def test_a_training_is_drawn_with_its_best_epoch() -> None:
    chart = draw(TRAINING, "training", "dark")
    assert "8 epochs · best epoch 3" in chart.text
    assert "Train loss 1 to 0.125, 0.333333 in the best epoch" in chart.text
    assert "validation accuracy unknown to 92.5 %" in chart.text
    assert picture(chart).height == 900


def test_a_training_of_unknown_metrics_draws_what_numbers_there_are() -> None:
    entries = [{"epoch": 1, "reward": 0.5}, {"epoch": 2, "reward": 0.75}]
    made = operation(OperationStatus.RUNNING, OperationType.TRAINING)
    chart = draw(Subject(made, epochs=epochs_of(made, entries)), "training", "light")
    assert "reward 0.5 to 0.75" in chart.text.lower()
    assert "what there is so far" in chart.text


def test_the_best_epoch_may_be_named_by_the_results_alone() -> None:
    made = operation(kind=OperationType.TRAINING, results={"best_epoch": 2})
    entries = [{key: value for key, value in entry.items() if key != "is_best"} for entry in epoch_entries(60)]
    assert epochs_of(made, entries).best == 2
    assert picture(draw(Subject(made, epochs=epochs_of(made, entries)), "training", "light"))


def test_a_kind_without_material_names_those_with() -> None:
    with pytest.raises(InvalidRequest, match="it can show overview, monthly, trades"):
        draw(BACKTEST, "training", "dark")
    with pytest.raises(InvalidRequest, match="it can show training"):
        draw(TRAINING, "overview", "dark")
    with pytest.raises(NothingToShow, match=r"no chart yet\."):
        draw(Subject(operation(OperationStatus.PENDING)), "overview", "dark")
    with pytest.raises(NothingToShow, match=r"no chart\."):
        draw(Subject(operation(OperationStatus.FAILED)), "overview", "dark")


def test_threads_draw_at_once_what_one_draws_alone() -> None:
    alone = draw(BACKTEST, "overview", "dark").png
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: draw(BACKTEST, "overview", "dark").png, range(4))) == {alone}


def test_a_name_that_looks_like_a_formula_is_drawn_as_it_is() -> None:
    made = operation(strategy_config_path="strategies/$\\frac$ 猫.yaml")
    chart = draw(Subject(made, run(made=made)), "overview", "dark")
    assert picture(chart)


def test_a_picture_too_large_is_made_to_fit() -> None:
    canvas = Canvas(THEMES["dark"], 900)
    canvas.panes[0].imshow(np.random.default_rng(1).random((300, 300, 3)), aspect="auto")
    assert len(canvas.png()) <= 200_000


class Drawn:
    """The panes of a picture, kept instead of its PNG."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.canvas: Canvas | None = None

        def keep(canvas: Canvas) -> bytes:
            canvas.figure.draw_without_rendering()
            self.canvas = canvas
            return b""

        monkeypatch.setattr(Canvas, "png", keep)

    @property
    def panes(self) -> list[Axes]:
        assert self.canvas is not None
        return self.canvas.panes


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    return Drawn(monkeypatch)


LIGHT = THEMES["light"]


def points_in(pane: Axes) -> int:
    """Count the points of a pane, those that a density holds too."""
    total = 0
    for one in pane.collections:
        cells = one.get_array()
        total += len(np.asarray(one.get_offsets())) if cells is None else int(cells.sum())
    return total


@pytest.mark.parametrize("count", [2_000, 5_138])
def test_every_trade_is_in_the_picture_of_the_trades(drawn: Drawn, count: int) -> None:
    """Few as points, many as a density whose cells count them all."""
    made = run(20_000, count)
    trades.draw(made, LIGHT)
    assert points_in(drawn.panes[1]) == count


def test_a_density_copes_with_trades_that_are_all_the_same(drawn: Drawn) -> None:
    made = run(20_000, 3_000)
    assert made.trades.mae is not None
    made.trades.mae[:] = 0.0
    made.trades.gain[:] = -0.001
    trades.draw(made, LIGHT)
    assert points_in(drawn.panes[1]) == 3_000


@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_a_count_of_trades_has_whole_ticks(drawn: Drawn, count: int) -> None:
    trades.draw(run(2_000, count), LIGHT)
    assert all(tick == round(tick) for tick in drawn.panes[0].get_yticks())


@pytest.mark.parametrize("count", [1, 2, 3, 7, 60])
def test_epochs_are_whole_numbers_each_at_most_once(drawn: Drawn, count: int) -> None:
    training.draw(epochs(count), LIGHT)
    axis = drawn.panes[-1]
    low, high = axis.get_xlim()
    ticks = zip(axis.get_xticks(), axis.get_xticklabels(), strict=True)
    labels = [text.get_text() for tick, text in ticks if low <= tick <= high]
    assert len(set(labels)) == len(labels) > 0
    assert all(float(label).is_integer() for label in labels)


def test_accuracies_are_drawn_beside_the_answer_that_is_always_the_same(drawn: Drawn) -> None:
    made = operation(kind=OperationType.TRAINING, results={"validation_majority_baseline": 0.55})
    shown = epochs_of(made, epoch_entries(8))
    training.draw(shown, LIGHT)
    accuracy = drawn.panes[1]
    assert any((np.asarray(line.get_ydata()) == 0.55).all() for line in accuracy.lines)
    assert "55.0 % of the validation rows" in training.describe(shown)
    while_running = operation(OperationStatus.RUNNING, OperationType.TRAINING, majority_baseline={"validation": 0.5})
    assert epochs_of(while_running, epoch_entries(8)).baseline == 0.5
    assert epochs().baseline is None


def test_the_two_losses_are_told_apart(drawn: Drawn) -> None:
    training.draw(epochs(), LIGHT)
    legend = drawn.panes[0].get_legend()
    assert legend is not None
    labels = [text.get_text() for text in legend.get_texts()][:2]
    assert len(set(labels)) == 2
    assert all("loss" not in label for label in labels)


def test_a_picture_of_a_training_names_what_it_trained() -> None:
    made = operation(kind=OperationType.TRAINING, results={"model_path": "models/a_v1.0.0.pt"}, end_date="2018-01-01")
    text = training.describe(epochs_of(made, epoch_entries(3)))
    for word in ("rsi_mean_reversion", "EURUSD 1h", "models/a_v1.0.0.pt", "2018-01-01"):
        assert word in text


def test_a_run_of_one_bar_shows_its_values(drawn: Drawn) -> None:
    made = run(1, 0)
    overview.draw(made, LIGHT)
    assert all(pane.lines[0].get_marker() == "o" for pane in drawn.panes)
    low, high = drawn.panes[-1].get_xlim()
    assert high - low == 1


def test_a_run_that_never_traded_says_so_instead_of_showing_empty_axes(drawn: Drawn) -> None:
    made = run(count=0)
    made.equity[:] = made.initial_capital
    overview.draw(made, LIGHT)
    assert drawn.panes[1].get_title(loc="left").endswith("it never moved")
    assert [text.get_text() for text in drawn.panes[2].texts] == ["no drawdown"]
    with pytest.raises(InvalidRequest, match="no trade was closed"):
        draw(Subject(operation(), made), "trades", "light")


@pytest.mark.parametrize(
    ("first", "last", "shared"),
    [
        ("2017-01-02T00", "2017-12-29T23", "2017"),
        ("2017-01-02T00", "2017-01-29T23", "2017-01"),
        ("2017-01-02T00", "2017-01-02T23", "2017-01-02"),
        ("2017-12-20T00", "2018-01-10T23", "2017 to 2018"),
        ("1999-12-20T00", "2018-01-10T23", ""),
    ],
)
def test_a_time_axis_says_what_all_its_instants_have_in_common(first: str, last: str, shared: str) -> None:
    assert common_date(*(int(np.datetime64(one, "ns").astype(np.int64)) for one in (first, last))) == shared


def test_no_two_texts_of_a_time_axis_lie_on_each_other(drawn: Drawn) -> None:
    overview.draw(run(), LIGHT)
    axis = drawn.panes[-1].xaxis
    assert axis.get_offset_text().get_text() == ""
    assert axis.label.get_text() == "2017 UTC"


def test_names_that_are_too_long_lose_their_middle() -> None:
    assert shortened("short", 10) == "short"
    assert shortened("a" * 50 + "EURUSD 1h", 30).endswith("EURUSD 1h")
    assert len(shortened("a" * 500, 30)) == 30


def test_no_head_is_cut_off_at_the_side(drawn: Drawn) -> None:
    made = operation(strategy_config_path="W" * 180 + ".yaml", symbol="M" * 60)
    overview.draw(run(made=made), LIGHT)
    assert drawn.canvas is not None
    texts = (*drawn.canvas.figure.texts, *drawn.panes[0].texts)
    assert len(texts) == 2
    for text in texts:
        assert text.get_window_extent().x1 <= drawn.canvas.figure.bbox.x1


@pytest.mark.parametrize("kind", ["overview", "trades", "training"])
def test_no_legend_lies_on_the_name_of_its_pane(drawn: Drawn, kind: ChartKind) -> None:
    asked: dict[str, Any] = {
        "symbol": "SOME.VERY-LONG_SYMBOL-NAME",
        "strategy_config_path": "s" * 60,
        "end_date": "2017-12-29",
    }
    learnt = operation(kind=OperationType.TRAINING, results={"validation_majority_baseline": 0.55}, **asked)
    backtest = run(20_000, 118_268, made=operation(**asked))
    draw(Subject(learnt, backtest if kind != "training" else None, epochs_of(learnt, epoch_entries(20))), kind, "dark")
    for pane in drawn.panes:
        legend = pane.get_legend()
        title = next(one for one in pane.get_children() if one is getattr(pane, "_left_title"))  # noqa: B009  # no public name
        if legend is not None:
            assert not title.get_window_extent().overlaps(legend.get_window_extent())


@pytest.mark.parametrize("size", [1.0, 1e6])
def test_no_amount_of_an_exit_reason_runs_into_the_names(drawn: Drawn, size: float) -> None:
    some = run(2_000, 40)
    sums = np.linspace(-15.57, 13.21, len(some.trades)) * size
    trades.draw(replace(some, trades=replace(some.trades, pnl=sums)), LIGHT)
    pane = drawn.panes[-1]
    for amount in pane.texts:
        assert pane.bbox.x0 <= amount.get_window_extent().x0
        assert amount.get_window_extent().x1 <= pane.bbox.x1


def test_trades_that_a_bounded_history_dropped_are_counted() -> None:
    made = operation(OperationStatus.RUNNING)
    counted = Progress(context={"total_trades": 118_268})
    made = made.model_copy(update={"progress": counted})
    shown = run(2_000, 40, made=made, scope=Scope.SO_FAR)
    assert shown.closed_trades == 118_268
    assert "118,268 closed trades, of which the last 40 are kept" in draw(Subject(made, shown), "trades", "dark").text
