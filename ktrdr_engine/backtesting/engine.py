"""The engine of one backtest: features, predictions, decisions, event loop, numbers. Arrays all the way.

It runs in whatever thread calls it and knows no operation: a bridge and a token are all it shares with the outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ktrdr_engine.backtesting.models import BacktestResults
from ktrdr_engine.backtesting.observer import BridgeObserver
from ktrdr_engine.backtesting.progress_bridge import (
    FEATURES,
    INDICATORS,
    NUMBERS,
    PREDICTION,
    SIMULATION,
    BacktestProgressBridge,
)
from ktrdr_engine.backtesting.results import make_results
from ktrdr_engine.errors import OperationCancelled
from ktrdr_engine.features import fuzzy, indicators
from ktrdr_engine.features.matrix import Listener
from ktrdr_engine.metrics import curve
from ktrdr_engine.operations.cancellation import CancellationToken
from ktrdr_engine.simulation import simulator
from ktrdr_engine.simulation.decisions import Decisions, decide
from ktrdr_engine.simulation.models import SimulationRules
from ktrdr_engine.simulation.simulator import Simulation, simulate

if TYPE_CHECKING:
    from ktrdr_engine.backtesting.job import BacktestJob


def warm_up() -> None:
    """Load what the first run would otherwise wait for: TA-Lib and the compiled kernels."""
    indicators.warm_up()
    fuzzy.warm_up()
    simulator.warm_up()
    curve.warm_up()


class BacktestingEngine:
    """One run of one job.

    Args:
        job: What `prepare` found.
    """

    def __init__(self, job: BacktestJob) -> None:
        self._job = job

    def run(
        self, bridge: BacktestProgressBridge | None = None, cancellation_token: CancellationToken | None = None
    ) -> BacktestResults:
        """Run to the end and return the numbers; the same job gives the same numbers, bit for bit.

        Args:
            bridge: Takes progress every 50 bars, or less often on series too long for its history to keep as much;
                None: the event loop runs in one call.
            cancellation_token: Read every 100 bars, and between the stages before.

        Raises:
            OperationCancelled: The token was cancelled; `partial` holds the `BacktestResults` of the bars done,
                or None when there were none.
            EngineError: The computation failed.
        """
        token = cancellation_token or CancellationToken()
        told = bridge or self._unread()
        decisions = self._decide(told, token)
        rules, window = self._rules(), self._job.window
        observer = BridgeObserver(bridge, token, window) if bridge else None
        told.enter(SIMULATION)
        try:
            simulation = simulate(window.series.prices, decisions.codes, rules, start=window.start, observer=observer)
        except OperationCancelled as stop:
            done = stop.partial
            if not isinstance(done, Simulation) or not done.bars:
                raise
            told.announce("Working out the numbers of the bars done")
            raise OperationCancelled(partial=make_results(self._job, decisions, rules, done)) from None
        told.enter(NUMBERS)
        results = make_results(self._job, decisions, rules, simulation)
        told.reach(self._job.bars, self._job.bars)
        return results

    def _decide(self, bridge: BacktestProgressBridge, token: CancellationToken) -> Decisions:
        """Return the decision on every bar, warm-up rows included."""
        token.raise_if_cancelled()
        bridge.enter(INDICATORS)
        matrix = self._job.features(_listener(bridge, token))
        rows = len(matrix)
        bridge.enter(PREDICTION)

        def on_chunk(done: int) -> None:
            token.raise_if_cancelled()
            bridge.reach(done, rows)

        probabilities = self._job.predictor.predict(matrix, on_chunk=on_chunk)
        threshold = self._job.strategy.config.decisions.confidence_threshold
        return decide(probabilities, threshold, start=self._job.window.start, known=matrix.known)

    def _unread(self) -> BacktestProgressBridge:
        request = self._job.request
        return BacktestProgressBridge("", request.symbol, request.timeframe, self._job.bars)

    def _rules(self) -> SimulationRules:
        """Return the strategy's rules with the request's money."""
        request, config = self._job.request, self._job.strategy.config
        decisions, execution = config.decisions, config.execution
        return SimulationRules(
            initial_capital=request.initial_capital,
            commission=request.commission,
            slippage=request.slippage,
            position_fraction=execution.position_fraction,
            fractional_units=execution.fractional_units,
            stop_loss=execution.stop_loss,
            take_profit=execution.take_profit,
            trailing_stop=execution.trailing_stop,
            min_signal_separation=decisions.filters.min_signal_separation,
            position_awareness=decisions.position_awareness,
            allow_short_from_flat=decisions.allow_short_from_flat,
        )


def _listener(bridge: BacktestProgressBridge, token: CancellationToken) -> Listener:
    """Return what publishes how far the features are, and heeds the token."""
    is_filling = False

    def on_indicator(done: int, total: int) -> None:
        token.raise_if_cancelled()
        bridge.reach(done, total)

    def on_rows(done: int, total: int) -> None:
        nonlocal is_filling
        token.raise_if_cancelled()
        if not is_filling:
            bridge.enter(FEATURES)
            is_filling = True
        bridge.reach(done, total)

    return Listener(on_indicator, on_rows)
