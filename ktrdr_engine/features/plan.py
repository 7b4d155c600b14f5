"""What to compute, free of any file format: the plan between a strategy and the feature matrix.

A strategy makes one, `matrix.build_features` follows it, a model remembers its names. No numpy here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

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
    """A fuzzy set over one output of an indicator: one feature a membership."""

    fuzzy_set: str
    indicator: str
    output: str | None
    memberships: tuple[MembershipPlan, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the features' names without timeframe and lag."""
        return tuple(f"{self.fuzzy_set}_{membership.name}" for membership in self.memberships)


@dataclass(frozen=True, slots=True)
class RawInput:
    """The value of one output of an indicator; the model normalises it."""

    indicator: str
    output: str | None
    normalization: Literal["minmax", "zscore", "none"]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the feature's name without timeframe and lag."""
        return (f"{self.indicator}_{self.output}_raw" if self.output else f"{self.indicator}_raw",)


@dataclass(frozen=True, slots=True)
class FeaturePlan:
    """The features of a strategy: their inputs in order, each with lags 0..`lags`.

    Raises:
        StrategyError: An input names an indicator or an output that is not there, or two features would share a name.
    """

    timeframe: str
    indicators: tuple[IndicatorPlan, ...]
    inputs: tuple[FuzzyInput | RawInput, ...]
    lags: int = 0

    def __post_init__(self) -> None:
        """Refuse a plan that cannot be followed."""
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
    def used(self) -> tuple[IndicatorPlan, ...]:
        """Return the indicators some input reads, each once, in the order of first use."""
        return tuple(self.indicator(id) for id in dict.fromkeys(item.indicator for item in self.inputs))

    @property
    def base_names(self) -> tuple[str, ...]:
        """Return the names of the features at lag 0."""
        return tuple(f"{self.timeframe}_{name}" for item in self.inputs for name in item.names)

    @property
    def names(self) -> tuple[str, ...]:
        """Return all feature names in order, lags innermost."""
        return tuple(name for base in self.base_names for name in self._lagged(base))

    @property
    def warmup(self) -> int:
        """Return how many leading bars have a NaN in some feature."""
        return max((plan.warmup for plan in self.used), default=0) + self.lags

    @property
    def unsettled(self) -> bool:
        """Return whether a feature depends on where its series begins, however long ago that is."""
        return any(plan.spec.unsettled for plan in self.used)

    def _shared_names(self) -> list[str]:
        # Not by spelling all names out: a foreign model file may claim any number of lags.
        base = Counter(self.base_names)
        lags = {name: _LAG.fullmatch(name) for name in base}
        as_lag = [name for name, lag in lags.items() if lag and lag[1] in base and int(lag[2]) <= self.lags]
        return [name for name, count in base.items() if count > 1] + as_lag

    def _lagged(self, base: str) -> Iterator[str]:
        yield base
        yield from (f"{base}_lag_{lag}" for lag in range(1, self.lags + 1))
