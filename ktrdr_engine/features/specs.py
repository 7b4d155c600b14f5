"""The words a declaration is made of: parameters, their ranges, indicators, membership functions.

Not the declarations themselves (`registry`) and not the numbers (`indicators`, `fuzzy`). Strategy validation,
documentation and error messages read these fields, so nothing about a range is said twice. No numpy here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeGuard

from ktrdr_engine.errors import did_you_mean
from ktrdr_engine.number_format import plain

Value = int | float | str
"""What a parameter may hold."""


class Problem(NamedTuple):
    """One mistake in the parameters of an indicator or a membership function.

    `parameter` is None when the mistake belongs to several of them.
    """

    parameter: str | None
    value: object
    problem: str
    repair: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an indicator; `low` and `high` are inclusive and None for a choice and for true or false."""

    name: str
    kind: type[int] | type[float] | type[str] | type[bool]
    default: Value
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """Say in words what the parameter accepts."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.kind is bool:
            return "true or false"
        noun = "a whole number" if self.kind is int else "a number"
        return f"{noun} from {' to '.join(plain(end) for end in (self.low, self.high) if end is not None)}"

    @property
    def default_text(self) -> str:
        """Return the default as a strategy file writes it."""
        return str(self.default).lower() if self.kind is bool else str(self.default)

    def problem(self, value: object) -> Problem | None:
        """Return what is wrong with `value`, or None."""
        if self._accepts(value):
            return None
        hint = did_you_mean(value, self.choices) if self.choices and isinstance(value, str) else ""
        repair = f"Give {self.allowed}; the default is {self.default_text}.{hint}"
        return Problem(self.name, value, f"{self.name} must be {self.allowed}", repair)

    def _accepts(self, value: object) -> bool:
        if self.choices:
            return isinstance(value, str) and value in self.choices
        if self.kind is bool or isinstance(value, bool):
            return self.kind is bool and isinstance(value, bool)
        if not isinstance(value, int if self.kind is int else (int, float)):
            return False
        assert self.low is not None
        assert self.high is not None
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Ordering:
    """A rule between two parameters: `smaller` stays below `larger`, or equal to it when `or_equal`."""

    smaller: str
    larger: str
    or_equal: bool = False

    @property
    def text(self) -> str:
        """Say the rule in words."""
        return f"{self.smaller} must {'not exceed' if self.or_equal else 'be smaller than'} {self.larger}"

    def problem(self, values: Mapping[str, Value]) -> Problem | None:
        """Return what is wrong with a full set of well-typed values, or None."""
        smaller, larger = float(values[self.smaller]), float(values[self.larger])
        if smaller < larger or (self.or_equal and smaller == larger):
            return None
        found = {self.smaller: values[self.smaller], self.larger: values[self.larger]}
        return Problem(None, found, self.text, f"Lower {self.smaller} or raise {self.larger}.")


class Bounds(NamedTuple):
    """Where the values of an output lie, both ends included; infinite where there is no end.

    `high` may be the name of a parameter, whose value it then is.
    """

    low: float
    high: float | str = math.inf

    def of(self, values: Mapping[str, Value]) -> tuple[float, float]:
        """Return both ends as numbers, for these parameters."""
        return self.low, float(values[self.high] if isinstance(self.high, str) else self.high)

    @property
    def text(self) -> str:
        """Say the bounds in words."""
        if self.high == math.inf:
            return f"{plain(self.low, 4)} or more"
        return f"{plain(self.low, 4)} to {self.high if isinstance(self.high, str) else plain(self.high, 4)}"


@dataclass(frozen=True, slots=True)
class IndicatorSpec:
    """One indicator: what it reads, what it takes, what it gives.

    Attributes:
        name: The type written in a strategy.
        title: The usual name.
        outputs: The names of its outputs; a single one is called "value".
        inputs: The columns it reads; a `source` parameter may replace "close".
        lookback: Parameters, defaults filled in, to the number of leading NaN rows.
        formula: Where the formula stands.
        unsettled: It never forgets the bar it began with, so it must begin with the series' first one.
        bounds: Where the values of an output lie, by its name; outputs that may have any value are left out.
    """

    name: str
    title: str
    parameters: tuple[Parameter, ...]
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    lookback: Callable[[Mapping[str, Value]], int]
    description: str
    formula: str
    orderings: tuple[Ordering, ...] = ()
    unsettled: bool = False
    bounds: Mapping[str, Bounds] = field(default_factory=dict)

    def complete(self, parameters: Mapping[str, Value]) -> dict[str, Value]:
        """Return all parameters in declared order, defaults filled in, numbers of the declared kind."""
        return {p.name: p.kind(parameters.get(p.name, p.default)) for p in self.parameters}

    def warmup(self, parameters: Mapping[str, Value]) -> int:
        """Return the exact number of leading NaN rows of every output; missing parameters take their default."""
        return self.lookback(self.complete(parameters))

    def problems(self, parameters: Mapping[str, object]) -> list[Problem]:
        """Return every mistake in `parameters`: unknown names, wrong values, broken orderings."""
        known = {p.name: p for p in self.parameters}
        unknown = [self._unknown(name, value) for name, value in parameters.items() if name not in known]
        wrong = [p.problem(parameters[p.name]) for p in self.parameters if p.name in parameters]
        found = unknown + [problem for problem in wrong if problem]
        if found:
            return found
        values: dict[str, Value] = {n: v for n, v in parameters.items() if isinstance(v, (int, float, str))}
        broken = [rule.problem(self.complete(values)) for rule in self.orderings]
        return [problem for problem in broken if problem]

    def output_problem(self, output: str | None) -> Problem | None:
        """Return what is wrong with naming `output`, or None; None as `output` is fine for a single one."""
        if output in self.outputs or (output is None and len(self.outputs) == 1):
            return None
        listed = ", ".join(self.outputs)
        if output is None:
            return Problem(None, None, f"{self.name} has several outputs", f"Write <id>.<output>, one of: {listed}.")
        return Problem(None, output, f"{self.name} has no output {output!r}", f"Its outputs: {listed}.")

    def _unknown(self, name: str, value: object) -> Problem:
        known = [p.name for p in self.parameters]
        takes = did_you_mean(name, known).strip() or "It takes no parameters: leave this one out."
        return Problem(name, value, f"{self.name} has no parameter {name!r}", takes)


@dataclass(frozen=True, slots=True)
class MembershipSpec:
    """One membership function.

    Attributes:
        name: The type written in a strategy.
        parameters: The names of its numbers, in order.
        rule: The condition on the numbers, in words.
        holds: The same condition, given as many finite numbers as there are names.
        description: The formula in words.
    """

    name: str
    parameters: tuple[str, ...]
    rule: str
    holds: Callable[[Sequence[float]], bool]
    example: tuple[float, ...]
    description: str

    def problem(self, numbers: Sequence[object]) -> Problem | None:
        """Return what is wrong with `numbers`, or None."""
        names, example = ", ".join(self.parameters), list(self.example)
        repair = f"Give [{names}], for example {example}."
        if len(numbers) != len(self.parameters):
            return Problem(
                None, list(numbers), f"{self.name} takes {len(self.parameters)} numbers, not {len(numbers)}", repair
            )
        finite = [float(n) for n in numbers if _is_number(n)]
        if len(finite) != len(numbers):
            return Problem(None, list(numbers), f"{self.name} takes finite numbers only", repair)
        return None if self.holds(finite) else Problem(None, list(numbers), f"{self.name} needs {self.rule}", repair)


_LARGEST = 1e100
"""Beyond this a difference or a square could leave the range of a double."""


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _LARGEST
