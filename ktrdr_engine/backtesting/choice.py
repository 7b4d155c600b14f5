"""Which model decides a run whose request names none: the newest that has not seen its bars, never another symbol's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ktrdr_engine.backtesting.models import ModelRelation
from ktrdr_engine.backtesting.relation import Run, relate
from ktrdr_engine.errors import ModelError

if TYPE_CHECKING:
    from ktrdr_engine.inference.library import ModelLibrary

_LISTED = 10


def choose(models: ModelLibrary, strategy_name: str, run: Run) -> str:
    """Return the file name of the newest model of a strategy whose bars, labels included, end before the run.

    Where there is none, the newest that was trained on this symbol; its relation to the run says what that means.

    Raises:
        ModelError: No model of the strategy was trained on this symbol; those of other symbols are listed.
    """
    names = models.newest_first(strategy_name)
    own = [name for name in names if run.symbol in models.metadata(name).symbols]
    if not own:
        raise _none_of_this_symbol(models, strategy_name, names, run.symbol)
    unseen = (name for name in own if relate(models.metadata(name), run).kind is ModelRelation.OUT_OF_SAMPLE)
    return next(unseen, own[0])


def _none_of_this_symbol(models: ModelLibrary, strategy_name: str, names: list[str], symbol: str) -> ModelError:
    known = {name: list(models.metadata(name).symbols) for name in names}
    listed = ", ".join(f"models/{name} ({', '.join(known[name][:_LISTED])})" for name in names[:_LISTED])
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ModelError(
        f"No model of strategy {strategy_name!r} was trained on {symbol}. Models of other symbols: {listed}{more}. "
        f"Train one on {symbol}, or name one of these as model_path.",
        details={"field": "model_path", "value": None, "strategy": strategy_name, "symbol": symbol, "known": known},
    )
