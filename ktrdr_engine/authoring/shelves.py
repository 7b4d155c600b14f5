"""The three libraries that answers are drawn from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ktrdr_engine.bars.store import BarStore
    from ktrdr_engine.inference.library import ModelLibrary
    from ktrdr_engine.strategy.library import StrategyLibrary


class Shelves(NamedTuple):
    """Strategies, models and prices: the user's beside the shipped ones."""

    strategies: StrategyLibrary
    models: ModelLibrary
    bars: BarStore
