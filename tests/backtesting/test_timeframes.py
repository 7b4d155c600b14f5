"""Backtests of strategies that read 4h and daily bars beside the hourly ones they decide on, by MLP or LSTM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ktrdr_engine.backtesting.engine import BacktestingEngine
from ktrdr_engine.backtesting.job import BacktestJob, prepare
from ktrdr_engine.backtesting.models import BacktestRequest, BacktestResults
from ktrdr_engine.bars.files import write_parquet
from ktrdr_engine.bars.resampling import resample
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.errors import DataError, StrategyError
from ktrdr_engine.features.matrix import build_features
from ktrdr_engine.inference.bundle import save_bundle
from ktrdr_engine.inference.library import ModelLibrary
from ktrdr_engine.inference.metadata import AnyArchitecture, Architecture, Normalization, RecurrentArchitecture
from ktrdr_engine.strategy.library import StrategyLibrary
from tests.backtesting.conftest import MAIN_JOB
from tests.inference.models import bundle

STRATEGY = """
name: ladder
training_data:
  symbols: {mode: single, symbol: EURUSD}
  timeframes: {mode: multi_timeframe, list: [1h, 4h, 1d], base_timeframe: 1h}
indicators:
  rsi_5: {type: rsi, period: 5}
  FLOW
fuzzy_sets:
  zone: {indicator: rsi_5, low: [0, 0, 30, 60], high: [40, 70, 100, 100]}
nn_inputs:
  - {fuzzy_set: zone, timeframes: all}
  - {raw_indicator: rsi_5, normalization: none, timeframes: [4h]}
  INPUT
model: MODEL
decisions: {confidence_threshold: 0.0, allow_short_from_flat: true}
"""
LADDER = MAIN_JOB | {"strategy_config_path": "ladder", "model_path": "ladder"}


LAYERS = Architecture(hidden_layers=(8, 4), activation="relu", dropout=0)
MLP = "{type: mlp, features: {lookback_periods: 1}}", LAYERS
LSTM = (
    "{type: lstm, architecture: {hidden_size: 6, num_layers: 2}, features: {lookback_periods: 12}}",
    RecurrentArchitecture(type="lstm", hidden_size=6, num_layers=2, dropout=0),
)


class Desk:
    """A home with the strategy, a model of drawn weights for it, and prices that may be changed."""

    def __init__(self, root: Path, network: tuple[str, AnyArchitecture] = MLP, *, obv: bool = False) -> None:
        self.root = root
        for folder in ("strategies", "models", "data"):
            (root / folder).mkdir(parents=True)
        flow = ("obv: {type: obv}", "- {raw_indicator: obv, timeframes: [1d]}") if obv else ("", "")
        text = STRATEGY.replace("FLOW", flow[0]).replace("INPUT", flow[1]).replace("MODEL", network[0])
        (root / "strategies" / "ladder.yaml").write_text(text)
        plan = self.strategies.load("ladder").config.feature_plan()
        raw = ["_raw" in name for name in plan.names]
        centred = Normalization(
            shift=tuple(50.0 if is_raw else 0.5 for is_raw in raw),
            scale=tuple(0.05 if is_raw else 2.0 for is_raw in raw),
        )
        changes: dict[str, Any] = {"architecture": network[1], "normalization": centred, "strategy_name": "ladder"}
        trained = bundle(seed=6 if network is LSTM else 1, plan=plan, **changes)  # drawn weights that trade
        save_bundle(trained, root / "models" / "ladder.pt")

    @property
    def strategies(self) -> StrategyLibrary:
        return StrategyLibrary((self.root,))

    def put(self, series: BarSeries) -> None:
        write_parquet(series, self.root / "data" / f"{series.symbol}_{series.timeframe}.parquet")

    def job(self, **changes: Any) -> BacktestJob:
        store = BarStore((self.root, shipped_root()))
        request = BacktestRequest.parse(LADDER | changes)
        return prepare(request, self.strategies, ModelLibrary((self.root,)), store)

    def run(self, **changes: Any) -> BacktestResults:
        return BacktestingEngine(self.job(**changes)).run()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture(params=[MLP, LSTM], ids=["mlp", "lstm"])
def any_desk(request: pytest.FixtureRequest, tmp_path: Path) -> Desk:
    return Desk(tmp_path, request.param)


@pytest.fixture(scope="session")
def year() -> BarSeries:
    return BarStore((shipped_root(),)).load("EURUSD", "1h")


def probabilities(job: BacktestJob) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    higher = [frame.series for frame in job.higher]
    return job.predictor.predict(build_features(job.plan, job.window.series, higher))[job.window.start :]


def test_it_trades_and_says_where_the_longer_bars_come_from(any_desk: Desk) -> None:
    results = any_desk.run(start_date="2017-03-01")
    assert results.total_trades > 20
    assert results.warmup_bars == 0
    note = "Longer timeframes, seen from their close on: 4h made from the 1h bars, 1d made from the 1h bars."
    assert note in results.notes


def test_the_first_bars_of_all_wait_for_the_longest_warmup(desk: Desk) -> None:
    results = desk.run()
    days = np.unique(np.asarray(results.tables["equity"]["timestamp"]).astype("datetime64[D]"))
    # RSI(5) begins with the sixth daily bar, at its close; one lag more.
    assert results.warmup_bars > 24 * 5 - 24
    assert results.warmup_bars < 24 * 7
    assert len(days) > 250


def test_bars_that_have_not_closed_change_no_bit_of_the_equity(any_desk: Desk, year: BarSeries) -> None:
    before = any_desk.run()
    first = any_desk.job().window.start
    for change in (3000, 3001, 3002, 3003):
        prices = year.prices.copy()
        prices[:, change:] *= 1.5
        any_desk.put(BarSeries("EURUSD", Timeframe.H1, year.timestamp, prices))
        after = any_desk.run()
        for column in ("equity", "position"):
            one, two = before.tables["equity"][column], after.tables["equity"][column]
            past = change - first
            assert one[:past].tobytes() == two[:past].tobytes()
            assert one[past:].tobytes() != two[past:].tobytes()


@pytest.mark.parametrize("end", ["2017-06-14T08:00:00Z", "2017-06-14T10:00:00Z", "2017-06-18", "2017-06-19"])
def test_a_shorter_range_gives_a_prefix_of_the_results(any_desk: Desk, end: str) -> None:
    whole, part = any_desk.run(), any_desk.run(end_date=end)
    kept = part.bars - 1  # the last bar holds the forced closing
    for column in ("equity", "position"):
        assert part.tables["equity"][column][:kept].tobytes() == whole.tables["equity"][column][:kept].tobytes()


@pytest.mark.parametrize("end", [3000, 3001, 3002, 3003, 3010])
def test_a_shorter_file_gives_a_prefix_of_the_probabilities(any_desk: Desk, year: BarSeries, end: int) -> None:
    whole = probabilities(any_desk.job())
    any_desk.put(year.between(0, end))
    part = probabilities(any_desk.job())
    assert len(part) == end - 2
    assert part.tobytes() == whole[: len(part)].tobytes()


def test_the_longer_bars_are_settled_before_the_range(desk: Desk) -> None:
    late = probabilities(desk.job(start_date="2017-06-01"))
    np.testing.assert_allclose(late, probabilities(desk.job())[-len(late) :], atol=1e-3)
    daily = desk.job(start_date="2017-06-01").higher[1].series
    # Ten times the warm-up of RSI(5) and one lag, in trading days; that of 1 June opens on 31 May.
    before_june = int((daily.timestamp < np.datetime64("2017-06-01", "ns").astype(np.int64)).sum())
    assert 60 <= before_june <= 64


def test_an_indicator_that_never_settles_begins_with_the_first_bar_of_its_timeframe(
    tmp_path: Path, year: BarSeries
) -> None:
    job = Desk(tmp_path / "flow", obv=True).job(start_date="2017-10-01")
    daily = job.higher[1].series
    assert daily.timestamp[0] == resample(year, Timeframe.D1).timestamp[0]


def test_a_file_of_its_own_is_used_named_and_part_of_the_hash(desk: Desk, year: BarSeries) -> None:
    made = desk.run()
    bars = resample(year, Timeframe.H4)
    desk.put(bars)
    same = desk.run()
    assert "4h from a file of its own, 1d made from the 1h bars." in "".join(same.notes)
    assert same.provenance == made.provenance
    desk.put(BarSeries("EURUSD", Timeframe.H4, bars.timestamp, np.ascontiguousarray(bars.prices[:, ::-1])))
    other = desk.run()
    assert other.provenance.data_sha256 != made.provenance.data_sha256
    assert other.final_value != made.final_value


def test_a_file_that_stops_before_the_range_is_refused_by_name(desk: Desk, year: BarSeries) -> None:
    desk.put(resample(year.between(0, 3000), Timeframe.H4))
    with pytest.raises(DataError, match=r"EURUSD 4h has no bars from 2017-06-.* to 2017-12-29T21:00:00Z") as caught:
        desk.run()
    assert caught.value.details["field"] == "end_date"
    assert desk.run(end_date="2017-06-20").bars > 2000


def test_a_file_that_begins_later_is_warmup(desk: Desk, year: BarSeries) -> None:
    bars = resample(year, Timeframe.H4)
    desk.put(bars.between(500, len(bars)))
    results = desk.run()
    assert 1900 < results.warmup_bars < 2200


def test_a_longer_timeframe_is_not_the_one_to_ask_for(desk: Desk, year: BarSeries) -> None:
    desk.put(resample(year, Timeframe.H4))
    with pytest.raises(StrategyError, match=r"written for 1h bars, not 4h: ask for timeframe='1h'"):
        desk.run(timeframe="4h")


def test_one_timeframe_alone_keeps_the_hash_of_its_bars(strategies: StrategyLibrary, models: ModelLibrary) -> None:
    job = prepare(BacktestRequest.parse(MAIN_JOB), strategies, models, BarStore((shipped_root(),)))
    results = BacktestingEngine(job).run()
    assert results.provenance.data_sha256 == job.window.series.sha256()
    assert not any("timeframes" in note for note in results.notes)
