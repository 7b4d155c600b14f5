"""What charts and reports say of a run in words, so that who cannot see the picture learns the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ktrdr_engine.backtesting.models import relation_of
from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.charts.run import Run, Scope
from ktrdr_engine.metrics.paths import drawdowns
from ktrdr_engine.number_format import change, money, percent

if TYPE_CHECKING:
    from ktrdr_engine.operations.models import Operation


def period(run: Run) -> str:
    """Return the first and the last day that the run has reached."""
    return f"{day(int(run.stamps[0]))} to {day(int(run.stamps[-1]))}"


def day(stamp: int) -> str:
    """Return the UTC day of ns since 1970."""
    return format_stamp(stamp)[:10]


def extent(run: Run) -> str:
    """Say how much of the run this is, if not all, and whether the model had seen it."""
    relation = relation_of(run.results or run.operation.metadata)
    parts = {
        Scope.WHOLE: "",
        Scope.PARTIAL: f"partial: {run.operation.status.lower()} at {day(int(run.stamps[-1]))}",
        Scope.SO_FAR: _so_far(run.operation),
    }
    return "; ".join(part for part in (parts[run.scope], relation.flaw if relation else "") if part)


def _so_far(operation: Operation) -> str:
    if operation.status.is_final:
        return f"ended {operation.status.lower()}: what is known of it"
    return f"{operation.status.lower()}, {operation.progress.percentage:.0f} % done: what there is so far"


def outcome(run: Run) -> str:
    """Return what became of the money, against buy and hold where the prices are known."""
    final = float(run.equity[-1])
    words = f"{money(run.initial_capital)} became {money(final)} ({change(final / run.initial_capital - 1)})"
    if run.prices is None:
        return words
    return f"{words}; buy and hold without costs {change(float(run.prices.growth[-1]) - 1)}"


def worst(run: Run) -> str:
    """Return the largest drawdown and when it was deepest."""
    falls = drawdowns(run.equity, run.initial_capital)
    deepest = int(np.argmax(falls))
    if falls[deepest] == 0:
        return "no drawdown"
    return f"largest drawdown {percent(float(falls[deepest]), 1)} on {day(int(run.stamps[deepest]))}"


def trading(run: Run) -> str:
    """Return how many trades were closed and how many of them gained."""
    count, known = run.closed_trades, len(run.trades)
    if not count:
        return "no closed trades"
    words = f"{count:,} closed trade{'s' * (count != 1)}"
    if known < count:
        words = f"{words}, of which the last {known:,} are kept"
    if not known:
        return words
    gained = percent(int((run.trades.pnl > 0).sum()) / known, 0)
    return f"{words}, {gained} {'of these ' * (known < count)}gained"


def sentence(*parts: str) -> str:
    """Return clauses as one sentence, empty ones left out."""
    text = "; ".join(part for part in parts if part)
    return f"{text[:1].upper()}{text[1:]}." if text else ""
