"""From a request to everything a run needs: all that can be wrong is found here, before a handle is given out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ktrdr_engine.errors import Checks, StrategyError, about

if TYPE_CHECKING:
    from ktrdr_engine.backtesting.models import BacktestRequest
    from ktrdr_engine.backtesting.predictor import Predictor
    from ktrdr_engine.backtesting.relation import Relation
    from ktrdr_engine.bars.frames import Frame
    from ktrdr_engine.bars.gaps import Gap
    from ktrdr_engine.bars.series import BarSeries
    from ktrdr_engine.bars.spikes import Spike
    from ktrdr_engine.bars.store import BarStore
    from ktrdr_engine.bars.window import BarWindow
    from ktrdr_engine.features.matrix import FeatureMatrix, Listener
    from ktrdr_engine.features.plan import FeaturePlan
    from ktrdr_engine.inference.bundle import ModelBundle
    from ktrdr_engine.inference.library import ModelLibrary
    from ktrdr_engine.strategy.library import Strategy, StrategyLibrary


@dataclass(frozen=True, slots=True)
class BacktestJob:
    """A request whose every part was found and agrees with the others.

    `window.series` starts with the warm-up bars; `window.start` is the first bar of the requested range.
    `higher` are the bars of the longer timeframes, warm-up included. `available` is the first and the last bar of all
    the data there is, ns UTC, `gaps` where bars between them are missing, `spikes` the jumps between them. `predictor`
    decides; `model` is the same where it was trained, None where it is rules; `relation` says whether it has seen these
    bars.
    """

    request: BacktestRequest
    strategy: Strategy
    predictor: Predictor
    model: ModelBundle | None
    model_path: str | None
    plan: FeaturePlan
    window: BarWindow
    relation: Relation
    available: tuple[int, int]
    higher: tuple[Frame, ...] = ()
    gaps: tuple[Gap, ...] = ()
    spikes: tuple[Spike, ...] = ()

    @property
    def bars(self) -> int:
        """The number of bars in the requested range."""
        return len(self.window.series) - self.window.start

    def features(self, listener: Listener | None = None) -> FeatureMatrix:
        """Compute the features of all bars, warm-up included."""
        from ktrdr_engine.features.matrix import build_features

        higher = [frame.series for frame in self.higher]
        return build_features(self.plan, self.window.series, higher, listener=listener)


def prepare(request: BacktestRequest, strategies: StrategyLibrary, models: ModelLibrary, bars: BarStore) -> BacktestJob:
    """Find and check everything `request` names.

    Raises:
        InvalidRequest: The dates are unreadable, inverted or hold no bar, or rules were given a model.
        DataError: The symbol or timeframe is unknown, the file breaks a rule of bars, the range is not covered.
        StrategyError: The strategy is unknown, wrong, or written for another timeframe.
        ModelError: The model is unknown, unsafe, damaged, or made for other features.
    """
    from ktrdr_engine.bars.frames import frames
    from ktrdr_engine.bars.window import window

    checks, plan = Checks(), None
    with checks.each():
        first, last = request.range_ns()
    with checks.each(), about("strategy_config_path", request.strategy_config_path):
        strategy = strategies.load(request.strategy_config_path)
        plan = strategy.config.feature_plan()
    with checks.each(), about("symbol", request.symbol):
        if plan is not None:
            _require_its_bars(request, plan.timeframe, bars.timeframes(request.symbol))
        series = bars.load(request.symbol, request.timeframe)
    checks.finish()
    plan, before = strategy.config.feature_plan(), strategy.config.bars_before()
    if plan.timeframe != request.timeframe:
        raise StrategyError(
            f"{request.strategy_config_path} is written for {plan.timeframe} bars, not {request.timeframe}: "
            f"ask for timeframe={plan.timeframe!r}, or choose a strategy written for {request.timeframe}.",
            details={"field": "timeframe", "value": request.timeframe, "known": [plan.timeframe]},
        )
    with about("start_date", request.start_date):
        wanted = window(series, first, last, warmup=before)
    decider = _decider(request, strategy, models, series, wanted)
    with about("end_date", request.end_date):
        higher = frames(bars, series, plan.higher, wanted, before)
    return BacktestJob(
        request=request,
        strategy=strategy,
        predictor=decider.predictor,
        model=decider.model,
        model_path=decider.model_path,
        plan=plan,
        window=wanted,
        relation=decider.relation,
        gaps=bars.gaps(request.symbol, request.timeframe),
        spikes=bars.spikes(request.symbol, request.timeframe),
        available=(int(series.timestamp[0]), int(series.timestamp[-1])),
        higher=higher,
    )


def _require_its_bars(request: BacktestRequest, needed: str, there: list[str]) -> None:
    """Refuse a strategy for bars that the symbol has none of: no other timeframe would repair the request.

    Args:
        request: What was asked for.
        needed: The timeframe the strategy decides on.
        there: Those that there are prices of; empty where the symbol is unknown.
    """
    if there and needed not in there:
        raise StrategyError(
            f"{request.strategy_config_path} is written for {needed} bars, and of {request.symbol} there are only "
            f"{', '.join(there)} bars: choose a strategy written for {' or '.join(there)}, or load {needed} prices of "
            f"{request.symbol}.",
            details={"field": "strategy_config_path", "value": request.strategy_config_path, "timeframes": there},
        )


class _Decider(NamedTuple):
    """Who decides, the model where it was trained, that model's path, and whether it has seen the bars."""

    predictor: Predictor
    model: ModelBundle | None
    model_path: str | None
    relation: Relation


def _decider(
    request: BacktestRequest, strategy: Strategy, models: ModelLibrary, series: BarSeries, wanted: BarWindow
) -> _Decider:
    from ktrdr_engine.backtesting.choice import choose
    from ktrdr_engine.backtesting.predictor import rule_base
    from ktrdr_engine.backtesting.relation import RULES, Run, relate

    with about("model_path", request.model_path):
        if not strategy.config.model.is_trained:
            return _Decider(rule_base(request, strategy.config), None, None, RULES)
        stamps = wanted.series.timestamp
        run = Run(series, int(stamps[wanted.start]), int(stamps[-1]), strategy.config.bars_before())
        model_path = request.model_path or f"models/{choose(models, strategy.config.name, run)}"
        model = models.load(model_path)
        model.require(strategy.config.feature_plan())
    return _Decider(model, model, model_path, relate(model.metadata, run))
