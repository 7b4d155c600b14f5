"""How fast the engine is: signals to results, the event loop alone, peers at the same job, the whole neural run."""

from __future__ import annotations

import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import talib

from benchmarks import peers as other
from benchmarks.cases import SECONDS_A_FIGURE, Case, case, median_seconds
from benchmarks.floor import c_loop
from benchmarks.pace import pace
from benchmarks.prices import long_series
from benchmarks.report import Measurement
from ktrdr_engine.backtesting.observer import BridgeObserver
from ktrdr_engine.backtesting.progress_bridge import BacktestProgressBridge
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.bars.window import BarWindow
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.features.matrix import FeatureMatrix, build_features
from ktrdr_engine.inference.bundle import ModelBundle
from ktrdr_engine.inference.library import ModelLibrary
from ktrdr_engine.metrics.performance import Performance, summarise
from ktrdr_engine.operations.cancellation import CancellationToken
from ktrdr_engine.simulation.decisions import decide
from ktrdr_engine.simulation.models import SimulationRules
from ktrdr_engine.simulation.simulator import Simulation, simulate
from ktrdr_engine.strategy.library import StrategyLibrary

RULES = SimulationRules(other.CAPITAL, other.COST, other.COST)
_SIZES = {"5k": 5_000, "100k": 100_000, "1M": 1_000_000}
_TARGETS_MS = {"5k": 0.25, "1M": 20.0}
_MILLION = 1_000_000
_ASKED_FROM, _ASKED = 100, 500


def signals_to_results(given: Case) -> Performance:
    """Trade given signals with progress and cancellation, as an operation does, and compute the numbers."""
    bars = len(given.series)
    bridge = BacktestProgressBridge("op_backtest_20250101_aaaaaaaaaa", "X", "1h", bars)
    observer = BridgeObserver(bridge, CancellationToken(), BarWindow(given.series, 0))
    simulation = simulate(given.series.prices, given.codes, RULES, observer=observer)
    series = given.series
    return summarise(series.timestamp, series.prices, simulation, timeframe=series.timeframe, market=series.market)


def simulate_whole(given: Case) -> Simulation:
    """Trade given signals in one call of the kernel, as a sweep does."""
    return simulate(given.series.prices, given.codes, RULES)


def signals_only() -> Iterator[Measurement]:
    """Time given signals to results at three sizes, the loop alone against C, its growth and its memory."""
    for name, bars in _SIZES.items():
        seconds = median_seconds(partial(signals_to_results, case(bars)))
        note = f"{bars / seconds / 1e6:.1f} M bars/s, {len(simulate_whole(case(bars)).trades)} trades"
        yield Measurement(
            f"signals to results, {name}", 1e3 * seconds, "ms", _TARGETS_MS.get(name), note=note, pace=pace()
        )
    for name, bars in _SIZES.items():
        yield from _against_c(name, case(bars))
    yield from _growth()
    yield _memory()


def _against_c(name: str, given: Case) -> Iterator[Measurement]:
    floor = c_loop(RULES)
    if floor is None:
        seconds = median_seconds(partial(simulate_whole, given))
        yield _loop_alone(name, given, seconds)
        return
    seconds, ratio = _side_by_side(partial(simulate_whole, given), partial(floor, given.series.prices, given.codes))
    yield _loop_alone(name, given, seconds)
    note = "median of pairs, run in turns"
    yield Measurement(f"event loop over a bare C loop, {name}", ratio, "x", 3.0, note=note)


def _loop_alone(name: str, given: Case, seconds: float) -> Measurement:
    per_bar = 1e9 * seconds / len(given.series)
    return Measurement(f"event loop alone, one call, {name}", 1e3 * seconds, "ms", note=f"{per_bar:.2f} ns a bar")


def _side_by_side(work: Callable[[], object], other_work: Callable[[], object]) -> tuple[float, float]:
    """Return the median seconds of `work`, and the median ratio to the `other_work` run right after it."""
    work(), other_work()
    samples: list[float] = []
    ratios: list[float] = []
    while len(samples) < 9 or (sum(samples) < SECONDS_A_FIGURE and len(samples) < 300):
        begun = time.perf_counter()
        work()
        between = time.perf_counter()
        other_work()
        samples.append(between - begun)
        ratios.append(samples[-1] / (time.perf_counter() - between))
    return statistics.median(samples), statistics.median(ratios)


def _growth() -> Iterator[Measurement]:
    one, ten = (median_seconds(partial(signals_to_results, _minutes(times))) for times in (1, 10))
    yield Measurement("10M bars over 1M bars, signals to results", ten / one, "x", 12.0, note="linear would be 10")


def _minutes(times: int) -> Case:
    """Return the million bars so many times in a row, as minutes: ten million hours are more than stamps can hold."""
    given = case(_MILLION)
    prices = np.tile(given.series.prices, times)
    stamps = np.arange(prices.shape[1], dtype=np.int64) * Timeframe.M1.nanoseconds
    return Case(BarSeries("LONG", Timeframe.M1, stamps, prices), np.tile(given.codes, times))


def _memory() -> Measurement:
    given = case(_MILLION)
    held = given.series.prices.nbytes + given.series.timestamp.nbytes + given.codes.nbytes
    tracemalloc.start()
    signals_to_results(given)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    note = "bars and signals included"
    return Measurement("peak memory, signals to results", (held + peak) / _MILLION, "bytes a bar", 200.0, note=note)


def peers() -> Iterator[Measurement]:
    """Time the same job in vectorbt and backtesting.py, in the same run, where they are installed."""
    ours = {name: median_seconds(partial(signals_to_results, case(bars))) for name, bars in _SIZES.items()}
    if other.installed("vectorbt"):
        yield from _compare("vectorbt with metrics", other.vectorbt(metrics=True), ours, {"5k": 40.0, "1M": 10.0})
        alone = {name: median_seconds(partial(simulate_whole, case(bars))) for name, bars in _SIZES.items()}
        yield from _compare("vectorbt, both without metrics", other.vectorbt(metrics=False), alone, {})
    if other.installed("backtesting"):
        yield from _compare("backtesting.py", other.backtesting_py(), ours, dict.fromkeys(_SIZES, 100.0))


def _compare(
    peer: str, prepare: other.Prepare, ours: dict[str, float], targets: dict[str, float]
) -> Iterator[Measurement]:
    for name, bars in _SIZES.items():
        given = case(bars)
        run = prepare(given.series, given.codes)
        theirs = median_seconds(run)
        off = abs(run()() - simulate_whole(given).final_value) / other.CAPITAL
        note = f"{1e3 * theirs:.1f} ms there; final values differ by {100 * off:.2g} % of the capital"
        yield Measurement(f"times faster than {peer}, {name}", theirs / ours[name], "x", targets.get(name), True, note)


def whole_run() -> Iterator[Measurement]:
    """Time bars to indicators to memberships to network to results, for the shipped RSI strategy at 1M bars."""
    roots = (shipped_root(),)
    config = StrategyLibrary(roots).load("rsi_mean_reversion").config
    plan, threshold = config.feature_plan(), config.decisions.confidence_threshold
    model = ModelLibrary(roots).load("rsi_mlp_v1.0.0.pt")
    series = long_series(_MILLION)
    matrix = build_features(plan, series)
    probabilities = model.predict(matrix)
    given = Case(series, decide(probabilities, threshold).codes)
    stages = {
        "features": median_seconds(partial(build_features, plan, series)),
        "network": median_seconds(partial(model.predict, matrix)),
        "decisions": median_seconds(partial(decide, probabilities, threshold)),
        "event loop and numbers": median_seconds(partial(signals_to_results, given)),
    }
    for name, seconds in stages.items():
        yield Measurement(f"whole run, {name}", 1e9 * seconds / _MILLION, "ns a bar")
    whole = sum(stages.values()) / _MILLION
    yield Measurement("whole run, bars to results at 1M", 1e-6 / whole, "M bars/s", 4.0, higher_is_better=True)
    indicator = median_seconds(partial(talib.RSI, series.close, 14))
    yield Measurement("features over the TA-Lib calls alone", stages["features"] / indicator, "x", 3.0)
    gain = _seconds_bar_by_bar(model, matrix) / whole
    yield Measurement("whole run over the network asked bar by bar", gain, "x", 100.0, higher_is_better=True)


def _seconds_bar_by_bar(model: ModelBundle, matrix: FeatureMatrix) -> float:
    """Return what one bar costs when each is given to the network alone, as comparable systems do."""
    import torch

    def ask() -> None:
        for bar in range(_ASKED_FROM, _ASKED_FROM + _ASKED):
            with torch.inference_mode():
                answer = torch.softmax(model.network(torch.from_numpy(matrix.rows(bar, bar + 1))), dim=1)
            int(answer.argmax())

    return median_seconds(ask) / _ASKED
