"""The rows of a training: features and labels of all series, parted by time, normalised by the training rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.errors import DataError
from ktrdr_engine.features.matrix import build_features
from ktrdr_engine.features.plan import FeaturePlan, RawInput
from ktrdr_engine.inference.metadata import Normalization
from ktrdr_engine.strategy.schema import StrategyConfig
from ktrdr_engine.training.label_advice import NAMES, Readable, label_advice
from ktrdr_engine.training.labels import UNKNOWN, make_labels
from ktrdr_engine.training.markets import Market, markets
from ktrdr_engine.training.split import PARTS, cut, parts


class Rows(NamedTuple):
    """Rows that can be learned from.

    Attributes:
        features: float32, shape (n_rows, n_features), finite, before normalisation.
        labels: int64, shape (n_rows,): BUY 0, HOLD 1, SELL 2.
        stamps: int64 ns UTC, shape (n_rows,): when each row's bar opens.
        known: int64 ns UTC, shape (n_rows,): when the last bar its label depends on opens.
        market: int64, shape (n_rows,): the place of its symbol among those of the training, from 0.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    stamps: NDArray[np.int64]
    known: NDArray[np.int64]
    market: NDArray[np.int64]

    @property
    def majority_share(self) -> float:
        """The share of the most frequent label: the accuracy of always giving it."""
        return float(np.bincount(self.labels).max() / len(self.labels))


def labelled_rows(
    config: StrategyConfig, plan: FeaturePlan, market: Market, since: int | None = None, place: int = 0
) -> Rows:
    """Return the rows of one symbol whose features are finite and whose label is known.

    Args:
        config: Whose labels.
        plan: What the features are.
        market: The bars, with those that only settle the indicators.
        since: The first bar that may be a row, ns UTC; None: every bar may.
        place: The symbol's, among those of the training.
    """
    series = market.base
    labelled = make_labels(series, config.training.labels)
    features, has_features = _features(plan, market, since)
    usable = np.flatnonzero(has_features & (labelled.codes != UNKNOWN))
    return Rows(
        features[usable],
        labelled.codes[usable].astype(np.int64),
        series.timestamp[usable],
        series.timestamp[labelled.reach[usable]],
        np.full(len(usable), place, dtype=np.int64),
    )


def parted_rows(
    config: StrategyConfig, plan: FeaturePlan, series: Sequence[BarSeries], since: int | None = None
) -> dict[str, Rows]:
    """Return the rows of all symbols by part: train, validation, test; `since` as in `labelled_rows`.

    Each symbol is labelled by its own bars of the shortest timeframe and sees its own longer ones.

    Raises:
        DataError: The series are not those the plan reads, a part has no rows, or their labels cannot be learned from;
            the message has what to change about the labels where that helps.
    """
    by_symbol = markets(plan, series, since)
    collected = [labelled_rows(config, plan, market, since, place) for place, market in enumerate(by_symbol)]
    rows = Rows(*(np.concatenate(columns) for columns in zip(*collected, strict=True)))
    found, labels = len(rows.labels), config.training.labels

    def advice(otherwise: str, only: int | None = None) -> str:
        readable = [Readable(market.base, _features(plan, market, since)[1]) for market in markets(plan, series, since)]
        return label_advice(readable, labels, config.training.data_split, only=only) or otherwise

    if found == 0:
        raise DataError(f"No bar has both features and a label: {_bars(series)}. {advice('Give a longer range.')}")
    chosen = parts(rows.stamps, rows.known, cut(rows.stamps, config.training.data_split))
    for part in PARTS:
        if len(chosen[part]) == 0:
            repair = advice("Give a longer range or a larger share.")
            raise DataError(
                f"No rows are left for {part}: {_bars(series)}, {found} labelled rows, those not counted whose label "
                f"reaches into the next part. {repair}",
                details={"part": part, "labelled_rows": found},
            )
    result = {part: _chosen(rows, chosen[part]) for part in PARTS}
    taught = np.unique(result["train"].labels)
    if len(taught) < 2:
        only, otherwise = int(taught[0]), "No setting near these helps: give a longer range or other prices."
        raise DataError(
            f"All training rows have the same label, {NAMES[only]}, so there is nothing to learn. "
            + advice(otherwise, only),
            details={
                "field": "training.labels",
                "label": NAMES[only],
                "threshold": labels.threshold,
                "lookahead": labels.lookahead,
            },
        )
    if not np.isin(result["validation"].labels, taught).any():
        raise DataError(
            "No validation row has a label that the training rows teach, so nothing can be judged. "
            + advice("Give a longer range."),
            details={"field": "training.labels", "threshold": labels.threshold, "lookahead": labels.lookahead},
        )
    return result


def _features(plan: FeaturePlan, market: Market, since: int | None) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the features of all bars, and which bars have all of them and are not before `since`."""
    features = build_features(plan, market.base, market.higher).values
    has_features: NDArray[np.bool_] = np.asarray(np.isfinite(features).all(axis=1))
    if since is not None:
        has_features &= market.base.timestamp >= since
    return features, has_features


def _chosen(rows: Rows, numbers: NDArray[np.intp]) -> Rows:
    return Rows(
        rows.features[numbers], rows.labels[numbers], rows.stamps[numbers], rows.known[numbers], rows.market[numbers]
    )


def fit_normalization(plan: FeaturePlan, features: NDArray[np.float32]) -> Normalization:
    """Return the shift and scale of every feature, from training rows alone.

    Fuzzy degrees stay as they are. The lags of a raw input share the numbers of its lag 0.

    Args:
        plan: What the columns are.
        features: float32, shape (n_rows, n_features), the training rows.
    """
    shifts: list[float] = []
    scales: list[float] = []
    lags = plan.lags + 1
    for item, _ in plan.readings():
        for _ in item.names:
            shift, scale = _fitted(item, features[:, len(shifts)].astype(np.float64))
            shifts += [shift] * lags
            scales += [scale] * lags
    return Normalization(shift=tuple(shifts), scale=tuple(scales))


def _fitted(item: object, column: NDArray[np.float64]) -> tuple[float, float]:
    if not isinstance(item, RawInput) or item.normalization == "none":
        return 0.0, 1.0
    if item.normalization == "minmax":
        shift, width = column.min(), column.max() - column.min()
    else:
        shift, width = column.mean(), column.std()
    # A column that never changes carries nothing: only its level is taken away.
    return float(shift), 1 / float(width) if width > 0 else 1.0


def _bars(series: Sequence[BarSeries]) -> str:
    return ", ".join(f"{one.symbol} {one.timeframe} has {len(one)} bars" for one in series)
