"""From a request to everything a training needs: all that can be wrong is found here, before a handle is given out.

Features and labels are computed here too: only then is it known that there are enough rows of enough kinds.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ktrdr_engine.errors import Checks, DataError, InputError, InvalidRequest, StrategyError, about

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ktrdr_engine.bars.frames import Frame
    from ktrdr_engine.bars.gaps import Gap
    from ktrdr_engine.bars.series import BarSeries
    from ktrdr_engine.bars.spikes import Spike
    from ktrdr_engine.bars.store import BarStore
    from ktrdr_engine.inference.library import ModelLibrary
    from ktrdr_engine.strategy.library import Strategy, StrategyLibrary
    from ktrdr_engine.training.models import TrainingRequest
    from ktrdr_engine.training.trainer import Material


class Coverage(NamedTuple):
    """The first and the last bar there is of a symbol, ns UTC, where bars between them are missing, and jumps."""

    symbol: str
    first: int
    last: int
    gaps: tuple[Gap, ...] = ()
    spikes: tuple[Spike, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """A request whose every part was found and can be learned from.

    `higher` are the longer timeframes of each symbol. `data_sha256` is of all bars that were read, warm-up included.
    """

    request: TrainingRequest
    strategy: Strategy
    material: Material
    data_sha256: str
    available: tuple[Coverage, ...]
    higher: tuple[Frame, ...] = ()

    @property
    def model_stem(self) -> str:
        """What the model's file name begins with."""
        return self.request.model_name or self.strategy.name

    @property
    def batches(self) -> int:
        """Batches in an epoch."""
        return math.ceil(len(self.material.rows["train"].labels) / self.material.training.batch_size)


def prepare(request: TrainingRequest, strategies: StrategyLibrary, models: ModelLibrary, bars: BarStore) -> TrainingJob:
    """Find and check everything `request` names.

    Raises:
        InvalidRequest: The dates are unreadable or inverted, or a symbol is named twice.
        DataError: A symbol is unknown, its file breaks a rule of bars, the range is not covered, or too few rows can be
            learned from.
        StrategyError: The strategy is unknown, wrong, needs no training, or is written for other timeframes.
        StorageError: The folder of models cannot be written.
    """
    from ktrdr_engine.bars.frames import frames
    from ktrdr_engine.bars.window import window
    from ktrdr_engine.training.trainer import gather

    checks = Checks()
    with checks.each():
        first, last = request.range_ns()
    with checks.each(), about("strategy_config_path", request.strategy_config_path):
        strategy = strategies.load(request.strategy_config_path)
        _require_a_network(strategy)
    checks.finish()
    _require_its_timeframes(request, strategy)
    models.writable_folder()
    plan, before = strategy.config.feature_plan(), strategy.config.bars_before()
    found = [_load(bars, symbol, plan.timeframe) for symbol in _symbols(request, strategy)]
    with about("start_date", request.start_date):
        wanted = [window(one, first, last, warmup=before) for one in found]
    with about("end_date", request.end_date):
        pairs = zip(found, wanted, strict=True)
        higher = tuple(frame for one, part in pairs for frame in frames(bars, one, plan.higher, part, before))
    used = [*(part.series for part in wanted), *(frame.series for frame in higher)]
    with about("start_date", request.start_date):
        material = gather(strategy, used, since=first, seed=request.seed)
    return TrainingJob(
        request=request,
        strategy=strategy,
        material=material,
        data_sha256=_sha256(used),
        available=tuple(_coverage(bars, one) for one in found),
        higher=higher,
    )


def _require_a_network(strategy: Strategy) -> None:
    if strategy.config.model.type == "fuzzy_rules":
        raise StrategyError(
            f"{strategy.name} decides by rules, which need no training: start_backtest runs it as it is, without "
            "model_path. To train a network give it a model of another type, such as mlp."
        )


def _require_its_timeframes(request: TrainingRequest, strategy: Strategy) -> None:
    own = strategy.config.feature_plan().timeframes
    if request.timeframes is not None and set(request.timeframes) != set(own):
        raise StrategyError(
            f"{request.strategy_config_path} is written for {', '.join(own)} bars, not for "
            f"{', '.join(request.timeframes)}: leave timeframes out, or choose a strategy written for them.",
            details={
                "field": "timeframes",
                "value": list(request.timeframes),
                "known": list(own),
                "mended": {"timeframes": None},
            },
        )


def _symbols(request: TrainingRequest, strategy: Strategy) -> tuple[str, ...]:
    symbols = request.symbols or strategy.config.training_data.symbols.names
    twice = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
    if twice:
        raise InvalidRequest(
            f"symbols names {', '.join(twice)} more than once: name each once.",
            details={"field": "symbols", "value": list(symbols)},
        )
    return symbols


def _coverage(bars: BarStore, series: BarSeries) -> Coverage:
    first, last = (int(series.timestamp[row]) for row in (0, -1))
    name = series.symbol, series.timeframe
    return Coverage(series.symbol, first, last, bars.gaps(*name), bars.spikes(*name))


def _load(bars: BarStore, symbol: str, timeframe: str) -> BarSeries:
    try:
        return bars.load(symbol, timeframe)
    except InputError as error:
        # Whatever is missing, what can be changed here is which symbols are asked for.
        if error.details.get("field") != "timeframe":
            error.details |= {"field": "symbols", "value": symbol}
            raise
        there = error.details["known"]
        raise DataError(
            f"{error.message} The strategy is written for {timeframe} bars: name other symbols, choose a strategy "
            f"written for {' or '.join(there)}, or load {timeframe} prices of {symbol}.",
            details={"field": "symbols", "value": symbol, "timeframes": there},
        ) from None


def _sha256(series: Sequence[BarSeries]) -> str:
    told = "".join(f"{one.symbol} {one.timeframe} {one.sha256()}\n" for one in series)
    return hashlib.sha256(told.encode()).hexdigest()
