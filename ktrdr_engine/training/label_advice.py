"""What to change about the labels of a training that cannot learn from them: found by trying, not by rule of thumb.

All BUY asks for another threshold than all HOLD, and for zigzag a threshold also says where turning points are. So
settings around the strategy's own are tried on the same bars, and the nearest that can be learned from is offered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.number_format import plain
from ktrdr_engine.strategy.schema import DataSplit, Labels
from ktrdr_engine.training.labels import BUY, HOLD, SELL, UNKNOWN, make_labels
from ktrdr_engine.training.split import PARTS, cut, parts

NAMES: Final = {BUY: "BUY", HOLD: "HOLD", SELL: "SELL"}
_FACTORS: Final = (1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
_ENOUGH: Final = 0.05
"""Share of the training rows that the second most frequent label should have; less is offered only for want of it."""
_FEWEST_BARS: Final = 200
"""With fewer bars a longer range is what is missing, not other labels."""
_MOST_STEPS: Final = 500_000_000
"""Bars looked at in all, so that a refusal of a million bars does not take minutes."""


class Readable(NamedTuple):
    """The bars of one symbol, and which of them have features: bool, shape (n_bars,)."""

    series: BarSeries
    has_features: NDArray[np.bool_]


def label_advice(
    symbols: Sequence[Readable], settings: Labels, shares: DataSplit, *, only: int | None = None
) -> str | None:
    """Return what to change and what the training rows then are, as a sentence; None where nothing near helps.

    Args:
        symbols: Of whose bars the training is made.
        settings: The labels that cannot be learned from.
        shares: Of the parts.
        only: The label that all training rows have, if it is that.
    """
    if sum(int(one.has_features.sum()) for one in symbols) < _FEWEST_BARS:
        return None
    rare, steps = None, 0
    for other in _candidates(settings, only):
        steps += sum(len(one.series) for one in symbols) * (other.lookahead if other.source == "triple_barrier" else 20)
        if steps > _MOST_STEPS:
            break
        counts = _counts(symbols, other, shares)
        if counts is None:
            continue
        if sorted(counts.values())[-2] >= _ENOUGH * sum(counts.values()):
            return _sentence(settings, other, counts)
        rare = rare or (other, counts)
    return _sentence(settings, *rare) if rare else None


def _candidates(settings: Labels, only: int | None) -> Iterator[Labels]:
    """Yield settings, thresholds before lookaheads, the nearest first.

    Too many moves count where all is BUY or all is SELL: higher thresholds come first, and shorter lookaheads. Too few
    count where all is HOLD, and where a zigzag finds no turning point.
    """
    upwards = [settings.threshold * factor for factor in _FACTORS]
    downwards = [settings.threshold / factor for factor in _FACTORS]
    for threshold in upwards + downwards if only in (BUY, SELL) else downwards + upwards:
        if 0 < (rounded := float(f"{threshold:.2g}")) < 1 and rounded != settings.threshold:
            yield settings.model_copy(update={"threshold": rounded})
    shorter = [round(settings.lookahead / factor) for factor in _FACTORS]
    longer = [round(settings.lookahead * factor) for factor in _FACTORS]
    for lookahead in longer + shorter if only == HOLD else shorter + longer:
        if 1 <= lookahead <= 10_000 and lookahead != settings.lookahead:
            yield settings.model_copy(update={"lookahead": lookahead})


def _counts(symbols: Sequence[Readable], settings: Labels, shares: DataSplit) -> Mapping[str, int] | None:
    """Return how many training rows have each label; None where a training could not learn from them."""
    codes, stamps, known = [], [], []
    for series, has_features in symbols:
        labelled = make_labels(series, settings)
        usable = np.flatnonzero(has_features & (labelled.codes != UNKNOWN))
        codes.append(labelled.codes[usable])
        stamps.append(series.timestamp[usable])
        known.append(series.timestamp[labelled.reach[usable]])
    every, when = np.concatenate(codes), np.concatenate(stamps)
    if not len(every):
        return None
    rows = parts(when, np.concatenate(known), cut(when, shares))
    train, validation = every[rows["train"]], every[rows["validation"]]
    if any(len(rows[part]) == 0 for part in PARTS) or len(np.unique(train)) < 2 or not np.isin(validation, train).any():
        return None
    return {name: int(np.count_nonzero(train == code)) for code, name in NAMES.items()}


def _sentence(settings: Labels, other: Labels, counts: Mapping[str, int]) -> str:
    found = ", ".join(f"{name} {count}" for name, count in counts.items())
    if other.threshold != settings.threshold:
        verb = "Raise" if other.threshold > settings.threshold else "Lower"
        change = f"{verb} training.labels.threshold (now {plain(settings.threshold)}) to {plain(other.threshold)}"
    else:
        verb = "Raise" if other.lookahead > settings.lookahead else "Lower"
        change = f"{verb} training.labels.lookahead (now {settings.lookahead}) to {other.lookahead}"
    return f"{change}: the training rows are then {found}."
