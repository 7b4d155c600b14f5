"""What to compute, free of any file format: the plan between a strategy and the feature matrix.

A strategy makes one, `matrix.build_features` follows it, a model remembers its names. No numpy here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.errors import StrategyError, did_you_mean
from ktrdr_engine.features.registry import INDICATORS
from ktrdr_engine.features.specs import IndicatorSpec, Value

_LAG = re.compile(r"(.+)_lag_([1-9]\d{0,8})")


@dataclass(frozen=True, slots=True)
class IndicatorPlan:
    """One indicator with its parameters; `id` is the strategy's name for it, `type` the registry's."""

    id: str
    type: str
    parameters: tuple[tuple[str, Value], ...] = ()

    @property
    def spec(self) -> IndicatorSpec:
        """Return the declaration.

        Raises:
            StrategyError: No indicator is registered as `type`.
        """
        if self.type not in INDICATORS:
            raise StrategyError(
                f"Indicator {self.id!r}: no type {self.type!r}.{did_you_mean(self.type, INDICATORS)}",
                details={"value": self.type},
            )
        return INDICATORS[self.type]

    @property
    def warmup(self) -> int:
        """Return how many leading rows are NaN."""
        return self.spec.warmup(dict(self.parameters))


@dataclass(frozen=True, slots=True)
class MembershipPlan:
    """One membership of a fuzzy set."""

    name: str
    function: str
    parameters: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class FuzzyInput:
    """A fuzzy set over one output of an indicator: one feature a membership and timeframe; no timeframes means all."""

    fuzzy_set: str
    indicator: str
    output: str | None
    memberships: tuple[MembershipPlan, ...]
    timeframes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the features' names without timeframe and lag."""
        return tuple(f"{self.fuzzy_set}_{membership.name}" for membership in self.memberships)


@dataclass(frozen=True, slots=True)
class RawInput:
    """The value of one output of an indicator, which the model normalises; no timeframes means all."""

    indicator: str
    output: str | None
    normalization: Literal["minmax", "zscore", "none"]
    timeframes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the feature's name without timeframe and lag."""
        return (f"{self.indicator}_{self.output}_raw" if self.output else f"{self.indicator}_raw",)


Input = FuzzyInput | RawInput


@dataclass(frozen=True, slots=True)
class FeaturePlan:
    """The features of a strategy: their inputs in order, each on its timeframes, each with lags 0..`lags`.

    Attributes:
        timeframe: The bars decided on; a lag is one of them, on every timeframe.
        higher: The longer timeframes, shortest first.

    Raises:
        StrategyError: An input names an indicator, an output or a timeframe that is not there, the timeframes are out
            of order, or two features would share a name.
    """

    timeframe: str
    indicators: tuple[IndicatorPlan, ...]
    inputs: tuple[Input, ...]
    lags: int = 0
    higher: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a plan that cannot be followed."""
        self._check_timeframes()
        for item in self.inputs:
            if problem := self.indicator(item.indicator).spec.output_problem(item.output):
                raise StrategyError(f"Input of {item.indicator!r}: {problem.problem}. {problem.repair}")
        twice = self._shared_names()
        if twice:
            raise StrategyError(
                f"Two features would be called {twice[0]!r}: "
                "rename a fuzzy set or a membership, or list the input only once.",
                details={"names": twice},
            )

    def indicator(self, id: str) -> IndicatorPlan:
        """Return the indicator called `id`.

        Raises:
            StrategyError: There is none.
        """
        for plan in self.indicators:
            if plan.id == id:
                return plan
        known = [plan.id for plan in self.indicators]
        raise StrategyError(f"No indicator {id!r}.{did_you_mean(id, known)}", details={"value": id})

    @property
    def timeframes(self) -> tuple[str, ...]:
        """Return all timeframes, shortest first."""
        return (self.timeframe, *self.higher)

    @property
    def used(self) -> tuple[IndicatorPlan, ...]:
        """Return the indicators some input reads, each once, in the order of first use."""
        return tuple(self.indicator(id) for id in dict.fromkeys(item.indicator for item in self.inputs))

    def readings(self) -> Iterator[tuple[Input, str]]:
        """Yield each input with each timeframe it is read on, in the order of the features."""
        for item in self.inputs:
            for timeframe in item.timeframes or self.timeframes:
                yield item, timeframe

    def used_on(self, timeframe: str) -> tuple[IndicatorPlan, ...]:
        """Return the indicators some input reads on a timeframe, each once, in the order of first use."""
        ids = dict.fromkeys(item.indicator for item, read_on in self.readings() if read_on == timeframe)
        return tuple(self.indicator(id) for id in ids)

    @property
    def base_names(self) -> tuple[str, ...]:
        """Return the names of the features at lag 0."""
        return tuple(f"{timeframe}_{name}" for item, timeframe in self.readings() for name in item.names)

    @property
    def names(self) -> tuple[str, ...]:
        """Return all feature names in order, lags innermost."""
        return tuple(name for base in self.base_names for name in self._lagged(base))

    @property
    def warmup(self) -> int:
        """Return how many leading bars have a NaN in some feature; those of each timeframe before they are aligned."""
        return max((plan.warmup for plan in self.used), default=0) + self.lags

    @property
    def unsettled(self) -> bool:
        """Return whether a feature depends on where its series begins, however long ago that is."""
        return any(plan.spec.unsettled for plan in self.used)

    def _check_timeframes(self) -> None:
        if not self.higher and not any(item.timeframes for item in self.inputs):
            return
        known = {timeframe.value: timeframe.nanoseconds for timeframe in Timeframe}
        lengths = [known.get(timeframe, 0) for timeframe in self.timeframes]
        if any(longer <= shorter for shorter, longer in pairwise((0, *lengths))):
            raise StrategyError(
                f"The timeframes {', '.join(self.timeframes)} are not each longer than the one before. "
                f"Order them, shortest first; all: {', '.join(known)}.",
                details={"value": list(self.timeframes)},
            )
        for item in self.inputs:
            for unknown in set(item.timeframes) - set(self.timeframes):
                hint = did_you_mean(unknown, self.timeframes)
                raise StrategyError(f"Input of {item.indicator!r}: no timeframe {unknown!r}.{hint}")

    def _shared_names(self) -> list[str]:
        # Not by spelling all names out: a foreign model file may claim any number of lags.
        base = Counter(self.base_names)
        lags = {name: _LAG.fullmatch(name) for name in base}
        as_lag = [name for name, lag in lags.items() if lag and lag[1] in base and int(lag[2]) <= self.lags]
        return [name for name, count in base.items() if count > 1] + as_lag

    def _lagged(self, base: str) -> Iterator[str]:
        yield base
        yield from (f"{base}_lag_{lag}" for lag in range(1, self.lags + 1))
