"""A strategy checked without being saved: every mistake, or what it resolves to and what it can be used with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ktrdr_engine.authoring.replies import Mistake, StrategyCheck
from ktrdr_engine.errors import InvalidRequest, ModelError, StrategyError
from ktrdr_engine.strategy.loader import parse_strategy
from ktrdr_engine.strategy.summary import plain_words

if TYPE_CHECKING:
    from ktrdr_engine.authoring.shelves import Shelves
    from ktrdr_engine.features.plan import FeaturePlan
    from ktrdr_engine.strategy.schema import StrategyConfig

_SHOWN = 40


def check_strategy(shelves: Shelves, *, text: str | None = None, name: str | None = None) -> StrategyCheck:
    """Check the text of a strategy, or the file called `name`.

    Raises:
        InvalidRequest: Not exactly one of the two is given.
        StrategyError: There is no such file.
    """
    if (text is None) == (name is None):
        raise InvalidRequest("Give either yaml, the text of a strategy, or name, a saved one: exactly one of the two.")
    if name is not None:
        shelves.strategies.source(name)  # An unknown name is no mistake in a strategy.
    try:
        config = _parsed(text) if text is not None else shelves.strategies.load(str(name)).config
    except StrategyError as error:
        return _refused(error)
    plan = config.feature_plan()
    return StrategyCheck(
        valid=True,
        summary=plain_words(config),
        n_features=len(plan.names),
        features=plan.base_names[:_SHOWN],
        warmup_bars=plan.warmup,
        trained=config.model.is_trained,
        models=tuple(fitting_models(shelves, plan)) if config.model.is_trained else (),
        datasets=tuple(_datasets(shelves, config)),
    )


def fitting_models(shelves: Shelves, plan: FeaturePlan) -> Iterator[str]:
    """Yield the models trained on exactly the features of `plan`; files that cannot be used are passed over."""
    from ktrdr_engine.inference.agreement import differences

    for name in shelves.models.names():
        with contextlib.suppress(ModelError, OSError):
            if not differences(shelves.models.metadata(name).feature_plan, plan):
                yield name


def _parsed(text: str) -> StrategyConfig:
    return parse_strategy(text.encode("utf-8", errors="surrogatepass"), "yaml")


def _refused(error: StrategyError) -> StrategyCheck:
    # A problem has no full stop at its end: a repair may follow.
    whole = {"path": "", "value": None, "problem": error.message.removesuffix("."), "repair": ""}
    found = error.details.get("errors") or [whole]
    mistakes = tuple(Mistake(**one) for one in found[:_SHOWN])
    return StrategyCheck(valid=False, mistakes=error.details.get("count", 1), errors=mistakes)


def _datasets(shelves: Shelves, config: StrategyConfig) -> Iterator[str]:
    wanted = set(config.training_data.symbols.names)
    known = [(symbol, timeframe) for symbol, timeframe in shelves.bars.datasets() if symbol in wanted]
    yield from (f"{symbol} {timeframe}" for symbol, timeframe in known[:_SHOWN])
