"""The whole engine on real prices with the shipped models: laws that hold whatever the numbers are."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ktrdr_engine.backtesting.engine import BacktestingEngine
from ktrdr_engine.backtesting.job import BacktestJob, prepare
from ktrdr_engine.backtesting.models import BacktestRequest, BacktestResults
from ktrdr_engine.backtesting.progress_bridge import BacktestProgressBridge
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.bars.window import BarWindow
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.errors import OperationCancelled
from ktrdr_engine.features.matrix import build_features
from ktrdr_engine.inference.bundle import save_bundle
from ktrdr_engine.inference.library import ModelLibrary
from ktrdr_engine.operations.cancellation import CancellationToken
from ktrdr_engine.strategy.library import StrategyLibrary
from tests.backtesting.conftest import MAIN_JOB, RULES, SWING, TREND, JobMaker
from tests.inference.models import bundle

ALL = pytest.mark.parametrize(
    "arguments", [MAIN_JOB, SWING, TREND, RULES], ids=["mean_reversion", "swing", "trend", "rules"]
)


def run(job: BacktestJob) -> BacktestResults:
    return BacktestingEngine(job).run()


def as_bytes(results: BacktestResults) -> bytes:
    tables = {
        name: {column: np.asarray(values).tolist() for column, values in table.items()}
        for name, table in results.tables.items()
    }
    return json.dumps([results.to_json(), tables], default=str).encode()


def with_series(job: BacktestJob, series: BarSeries) -> BacktestJob:
    return dataclasses.replace(job, window=BarWindow(series, job.window.start))


def decided_trades(results: BacktestResults) -> list[tuple[Any, ...]]:
    """The trades whose exit was not forced by the end of the data."""
    trades = results.tables["trades"]
    rows = zip(*(np.asarray(column).tolist() for column in trades.values()), strict=True)
    return [row for row in rows if row[-1] != "end_of_data"]


@ALL
def test_every_shipped_strategy_trades_on_its_prices(job_of: JobMaker, arguments: dict[str, Any]) -> None:
    results = run(job_of(arguments))
    assert results.total_trades > 5
    assert results.bars == len(results.tables["equity"]["equity"])
    assert results.final_value == pytest.approx(results.initial_capital * (1 + (results.total_return or 0)), abs=1e-6)
    assert sum(results.tables["trades"]["pnl"]) == pytest.approx(results.final_value - 100_000, abs=1e-6)


def test_the_swing_strategy_goes_short_and_is_stopped(job_of: JobMaker) -> None:
    trades = run(job_of(SWING)).tables["trades"]
    assert set(trades["trade_type"]) == {"LONG", "SHORT"}
    assert "stop_loss" in trades["exit_reason"]


@ALL
def test_a_changed_future_leaves_the_past_bit_identical(job_of: JobMaker, arguments: dict[str, Any]) -> None:
    job = job_of(arguments)
    series = job.window.series
    change = len(series) - 400
    prices = series.prices.copy()
    prices[:4, change:] *= np.linspace(1.5, 0.5, 400)
    prices[4, change:] *= 3
    columns = dict(zip(("open", "high", "low", "close", "volume"), prices, strict=True))
    other = BarSeries.from_columns(series.symbol, series.timeframe, {"timestamp": series.timestamp, **columns})
    past = change - job.window.start
    before, after = run(job), run(with_series(job, other))
    for column in ("equity", "position"):
        one, two = before.tables["equity"][column], after.tables["equity"][column]
        assert one[:past].tobytes() == two[:past].tobytes()
        assert one[past:].tobytes() != two[past:].tobytes()


@ALL
def test_a_prefix_of_the_data_gives_a_prefix_of_the_results(job_of: JobMaker, arguments: dict[str, Any]) -> None:
    job = job_of(arguments)
    whole = run(job)
    for cut in (1, 499, 4097):
        if cut >= job.bars:
            continue
        part = run(with_series(job, job.window.series.between(0, len(job.window.series) - cut)))
        kept = job.bars - cut - 1  # the last bar holds the forced closing
        for column in ("equity", "position"):
            assert part.tables["equity"][column][:kept].tobytes() == whole.tables["equity"][column][:kept].tobytes()
        trades = decided_trades(part)
        assert decided_trades(whole)[: len(trades)] == trades


@ALL
def test_following_a_run_does_not_change_its_numbers(job_of: JobMaker, arguments: dict[str, Any]) -> None:
    job = job_of(arguments)
    bridge = BacktestProgressBridge("op_backtest_20170102_abcdefghij", "X", "1h", job.bars)
    followed = BacktestingEngine(job).run(bridge, CancellationToken())
    assert as_bytes(followed) == as_bytes(run(job))
    progress = bridge.get_status().progress
    assert (progress.percentage, progress.current_step) == (100, job.bars)
    assert progress.context["total_trades"] == followed.total_trades


def test_two_threads_give_the_same_bytes(job_of: JobMaker) -> None:
    job, outcomes = job_of(MAIN_JOB), []
    threads = [threading.Thread(target=lambda: outcomes.append(as_bytes(run(job)))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [as_bytes(run(job))] * 2


def test_two_processes_give_the_same_bytes(job_of: JobMaker) -> None:
    program = (
        "import sys; from tests.backtesting.test_engine import *; from ktrdr_engine.backtesting.job import prepare;"
        "from ktrdr_engine.backtesting.models import BacktestRequest; from ktrdr_engine.catalog import shipped_root;"
        "from ktrdr_engine.strategy.library import StrategyLibrary; from ktrdr_engine.bars.store import BarStore;"
        "from ktrdr_engine.inference.library import ModelLibrary; roots = (shipped_root(),);"
        "job = prepare(BacktestRequest.parse(MAIN_JOB), StrategyLibrary(roots), ModelLibrary(roots), BarStore(roots));"
        "sys.stdout.buffer.write(as_bytes(run(job)))"
    )
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert other.stdout == as_bytes(run(job_of(MAIN_JOB)))


class _CancellingBridge(BacktestProgressBridge):
    """Cancels a token when the run has come to a certain bar."""

    def __init__(self, job: BacktestJob, token: CancellationToken, at: int) -> None:
        super().__init__("op_backtest_20170102_abcdefghij", "EURUSD", "1h", job.bars)
        self._token = token
        self._at = at

    def update_progress(self, current_bar: int, *others: Any) -> None:
        super().update_progress(current_bar, *others)
        if current_bar >= self._at:
            self._token.cancel("enough")


def test_a_cancelled_run_keeps_what_was_done_and_stops_within_100_bars(job_of: JobMaker) -> None:
    job, token = job_of(MAIN_JOB), CancellationToken()
    with pytest.raises(OperationCancelled) as stopped:
        BacktestingEngine(job).run(_CancellingBridge(job, token, at=1050), token)
    partial = stopped.value.partial
    assert isinstance(partial, BacktestResults)
    assert partial.to_json()["partial"] is True
    assert 1050 <= partial.bars <= 1150
    whole = run(job).tables["equity"]["equity"]
    assert partial.tables["equity"]["equity"].tobytes() == whole[: partial.bars].tobytes()


def test_a_run_cancelled_before_its_first_bar_has_nothing_to_show(job_of: JobMaker) -> None:
    token = CancellationToken()
    token.cancel("enough")
    with pytest.raises(OperationCancelled) as stopped:
        BacktestingEngine(job_of(MAIN_JOB)).run(cancellation_token=token)
    assert stopped.value.partial is None


def test_the_bars_before_the_start_serve_as_warm_up(job_of: JobMaker) -> None:
    first = run(job_of(MAIN_JOB))
    later = run(job_of(MAIN_JOB | {"start_date": "2017-03-01"}))
    assert first.warmup_bars > 0
    assert later.warmup_bars == 0
    assert later.first_bar == "2017-03-01T00:00:00Z"


def test_indicators_have_settled_when_a_strategy_names_no_history(
    tmp_path: Path, models: ModelLibrary, bar_store: BarStore
) -> None:
    shipped = (shipped_root() / "strategies" / "rsi_mean_reversion.yaml").read_text()
    assert "history_required: 200" in shipped
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "brief.yaml").write_text(shipped.replace("history_required: 200", "history_required: 0"))
    strategies = StrategyLibrary((tmp_path,))

    def probabilities(start: str) -> NDArray[np.float32]:
        request = BacktestRequest.parse(MAIN_JOB | {"strategy_config_path": "brief", "start_date": start})
        job = prepare(request, strategies, models, bar_store)
        return job.predictor.predict(build_features(job.plan, job.window.series))[job.window.start :]

    late = probabilities("2017-06-01")
    np.testing.assert_allclose(late, probabilities("2017-01-02")[-len(late) :], atol=1e-3)


def test_an_indicator_that_never_settles_begins_with_the_first_bar(tmp_path: Path, bar_store: BarStore) -> None:
    document = """
name: flow
training_data: {symbols: {mode: single, symbol: AAPL}, timeframes: {mode: single, timeframe: 1d}, history_required: 50}
indicators: {obv: {type: obv}}
nn_inputs: [{raw_indicator: obv, normalization: minmax}]
model: {type: mlp}
"""
    for folder in ("strategies", "models"):
        (tmp_path / folder).mkdir()
    (tmp_path / "strategies" / "flow.yaml").write_text(document)
    strategies, models = StrategyLibrary((tmp_path,)), ModelLibrary((tmp_path,))
    plan = strategies.load("flow").config.feature_plan()
    save_bundle(bundle(plan=plan, strategy_name="flow"), tmp_path / "models" / "flow.pt")
    request = BacktestRequest.parse(
        TREND | {"strategy_config_path": "flow", "model_path": "flow.pt", "start_date": "2010-01-01"}
    )
    job = prepare(request, strategies, models, bar_store)
    found = build_features(job.plan, job.window.series).values[job.window.start :]
    trained = build_features(plan, bar_store.load("AAPL", "1d")).values
    assert found.tobytes() == trained[job.window.start :][: len(found)].tobytes()


def test_weekly_bars_are_scaled_to_a_year_by_weeks(job_of: JobMaker) -> None:
    job = job_of(SWING)
    series = job.window.series
    stamps = series.timestamp[0] + np.arange(len(series)) * 7 * 86_400_000_000_000
    results = run(with_series(job, BarSeries("SPX", Timeframe.W1, stamps, series.prices)))
    assert results.annualization == 52
    years = results.bars / 52
    assert results.annual_return == pytest.approx((results.final_value / 100_000) ** (1 / years) - 1)


def test_the_same_data_strategy_and_model_have_the_same_provenance(job_of: JobMaker) -> None:
    one, two = run(job_of(MAIN_JOB)), run(job_of(MAIN_JOB | {"initial_capital": 5_000}))
    assert one.provenance == two.provenance
    other = run(job_of(MAIN_JOB | {"end_date": "2017-06-30"}))
    assert other.provenance.data_sha256 != one.provenance.data_sha256


NOTES: list[tuple[dict[str, Any], str]] = [
    (MAIN_JOB, "EURUSD bars from 2017-01-01T22:00:00Z to 2017-11-02T16:00:00Z"),
    (MAIN_JOB | {"start_date": "2015-01-01"}, "The data begin at"),
    (MAIN_JOB | {"end_date": "2019-01-01"}, "The data end at"),
    (TREND | {"symbol": "GOOG", "model_path": "trend_mlp_v1.0.0.pt", "start_date": "2008-01-01"}, "not on GOOG"),
]


@pytest.mark.parametrize(("arguments", "expected"), NOTES)
def test_the_notes_say_what_a_reader_must_know(job_of: JobMaker, arguments: dict[str, Any], expected: str) -> None:
    assert any(expected in note for note in run(job_of(arguments)).notes)


def test_a_run_without_trades_says_why(job_of: JobMaker) -> None:
    job = job_of(MAIN_JOB)
    decisions = job.strategy.config.decisions.model_copy(update={"confidence_threshold": 0.999})
    config = job.strategy.config.model_copy(update={"decisions": decisions})
    results = run(dataclasses.replace(job, strategy=job.strategy._replace(config=config)))
    assert results.total_trades == 0
    assert results.win_rate is None
    assert any("confidence_threshold" in note for note in results.notes)


def test_higher_costs_never_gain(job_of: JobMaker) -> None:
    free = run(job_of(MAIN_JOB | {"commission": 0, "slippage": 0}))
    dear = run(job_of(MAIN_JOB | {"commission": 0.002, "slippage": 0.002}))
    assert free.total_commission == free.total_slippage == 0
    assert dear.final_value < free.final_value
