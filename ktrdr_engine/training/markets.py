"""The prices of a training by symbol: the bars decided on, and those of the longer timeframes beside them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ktrdr_engine.bars.alignment import check_fresh
from ktrdr_engine.bars.frames import frames
from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.bars.window import BarWindow
from ktrdr_engine.errors import DataError
from ktrdr_engine.features.plan import FeaturePlan


class Market(NamedTuple):
    """One symbol: its `base` bars are labelled and decided on, `higher` are read beside them."""

    base: BarSeries
    higher: tuple[BarSeries, ...]


def load_series(store: BarStore, symbols: Iterable[str], timeframes: Sequence[str]) -> list[BarSeries]:
    """Return all bars of each symbol in each timeframe; longer ones without a file are made from the shortest.

    Args:
        store: Where the files are.
        symbols: Each once.
        timeframes: Shortest first.

    Raises:
        DataError: A symbol or its shortest timeframe is unknown, a file breaks a rule, or bars cannot be made.
    """
    base, *longer = timeframes
    found: list[BarSeries] = []
    for symbol in symbols:
        series = store.load(symbol, base)
        whole = BarWindow(series, 0)
        found += [series, *(frame.series for frame in frames(store, series, longer, whole, sys.maxsize))]
    return found


def markets(plan: FeaturePlan, series: Sequence[BarSeries], since: int | None = None) -> list[Market]:
    """Return the series by symbol, in the order in which they were given.

    Args:
        plan: Which timeframes are read.
        series: Of one or more symbols, each in every timeframe.
        since: From when on, ns UTC, the longer bars must not stop; None: from the first bar on.

    Raises:
        DataError: There are none, one has bars of a timeframe the plan does not read or is there twice, a symbol
            lacks a timeframe, or its longer bars stop while its shortest go on.
    """
    if not series:
        raise DataError("There are no prices to train on. Give at least one series.")
    given: dict[str, dict[str, BarSeries]] = {}
    for one in series:
        _check(one, plan, given.setdefault(one.symbol, {}))
        given[one.symbol][one.timeframe.value] = one
    return [_market(symbol, found, plan, since) for symbol, found in given.items()]


def _check(one: BarSeries, plan: FeaturePlan, others: dict[str, BarSeries]) -> None:
    wanted = ", ".join(plan.timeframes)
    if one.timeframe not in plan.timeframes:
        raise DataError(
            f"The strategy works on {wanted} bars, {one.symbol} was given in {one.timeframe}. Give {wanted} bars.",
            details={"strategy_timeframe": wanted, "timeframe": str(one.timeframe)},
        )
    if one.timeframe in others:
        raise DataError(f"{one.symbol} {one.timeframe} bars were given twice. Give each series once.")


def _market(symbol: str, found: dict[str, BarSeries], plan: FeaturePlan, since: int | None) -> Market:
    missing = [timeframe for timeframe in plan.timeframes if timeframe not in found]
    if missing:
        raise DataError(
            f"The strategy reads {', '.join(plan.timeframes)} bars, {symbol} was given without {', '.join(missing)}. "
            "Give those too.",
            details={"symbol": symbol, "missing": missing},
        )
    base, *higher = (found[timeframe] for timeframe in plan.timeframes)
    first = 0 if since is None else int(np.searchsorted(base.timestamp, since))
    for longer in higher:
        check_fresh(base, longer, first)
    return Market(base, tuple(higher))
