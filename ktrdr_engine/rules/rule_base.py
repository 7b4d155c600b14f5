"""From the degrees of fuzzy sets to probabilities, by rules; nothing is trained.

This is fuzzy inference after Takagi, Sugeno and Kang, of order zero: a rule's consequence is one of three classes, and
the answer is the mean of all consequences, weighted by how strongly their rules fire.

- A rule fires with its weight times the degree of its condition.
- `min_max`: and is the smaller degree, or the larger; of the rules for one class the strongest counts.
- `product`: and is the product, or is a + b - ab; the rules for one class add up, to 1 at most.
- Under both, not is 1 - x. HOLD gets what the stronger of BUY and SELL leaves of 1, unless rules say HOLD.
- The three are divided by their sum. Where rules say HOLD and no rule fires at all, HOLD is certain.

Sources: Takagi and Sugeno, Fuzzy identification of systems and its applications to modeling and control, IEEE
Transactions on Systems, Man, and Cybernetics 15:1 (1985); Sugeno and Kang, Structure identification of fuzzy model,
Fuzzy Sets and Systems 28:1 (1988).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.features.plan import FeaturePlan, FuzzyInput
from ktrdr_engine.rules.conditions import SIGNALS, And, Condition, Is, Not, Or, Rule, Signal

if TYPE_CHECKING:
    from ktrdr_engine.features.matrix import FeatureMatrix

Degrees = NDArray[np.float32]
_CHUNK_ROWS: Final = 8192
_ONE: Final = np.float32(1)


class Peak(NamedTuple):
    """Where a rule fired most strongly: `strength` in [0, 1] and the row; -1 and 0 where it was never known."""

    rule: int
    strength: float
    row: int


class _Norm(NamedTuple):
    """What two degrees amount to under and, under or, and as rules for the same class."""

    both: Callable[[Degrees, Degrees], Degrees]
    either: Callable[[Degrees, Degrees], Degrees]
    together: Callable[[Degrees, Degrees], Degrees]


def _either_product(one: Degrees, other: Degrees) -> Degrees:
    # a + b - ab, in a form that gives exactly 1 where one of them is 1: its opposite must be exactly 0.
    return _ONE - (_ONE - one) * (_ONE - other)


def _sum_to_one(one: Degrees, other: Degrees) -> Degrees:
    total: Degrees = np.minimum(one + other, _ONE)
    return total


NORMS: Final[Mapping[str, _Norm]] = {
    "min_max": _Norm(np.minimum, np.maximum, np.maximum),
    "product": _Norm(np.multiply, _either_product, _sum_to_one),
}


@dataclass(frozen=True, slots=True)
class RuleBase:
    """Rules that are ready to predict.

    Guarantees: nothing in it changes; any number of threads may predict at once.

    Attributes:
        norm: A key of `NORMS`.
        plan: What the columns of the features are; it reads every set the rules ask about, without lags.
    """

    rules: tuple[Rule, ...]
    norm: str
    plan: FeaturePlan

    def predict(self, matrix: FeatureMatrix, *, on_chunk: Callable[[int], None] | None = None) -> Degrees:
        """Return the probabilities of BUY, HOLD and SELL.

        Args:
            matrix: The features of `plan`.
            on_chunk: Called after each chunk with the number of rows done; what it raises ends the prediction.

        Returns:
            float32, shape (n_rows, 3), each row summing to 1; NaN in the rows where any feature is NaN. A row's bits
            depend on its own features only.
        """
        probabilities = np.empty((len(matrix), len(SIGNALS)), dtype=np.float32)
        for start, fired in self._chunks(matrix):
            stop = start + len(fired[0])
            for column, probability in enumerate(self._weighed(fired)):
                probabilities[start:stop, column] = probability
            if on_chunk is not None:
                on_chunk(stop)
        return probabilities

    def peaks(self, matrix: FeatureMatrix, first: int, stop: int) -> list[Peak]:
        """Return where each rule fired most strongly in the rows [first, stop), the earliest such row."""
        peaks = [Peak(number, -1.0, 0) for number in range(len(self.rules))]
        for start, fired in self._chunks(matrix):
            rows = slice(max(first - start, 0), max(stop - start, 0))
            for number, strengths in enumerate(fired):
                known = np.nan_to_num(strengths[rows], nan=-1.0)
                if len(known) and known.max() > peaks[number].strength:
                    row = int(known.argmax())
                    peaks[number] = Peak(number, float(known[row]), start + rows.start + row)
        return peaks

    def _chunks(self, matrix: FeatureMatrix) -> Iterator[tuple[int, list[Degrees]]]:
        """Yield the first row of each chunk, and how strongly each rule fires in it."""
        columns = self._columns()
        for start in range(0, len(matrix), _CHUNK_ROWS):
            rows = matrix.rows(start, min(start + _CHUNK_ROWS, len(matrix)))
            degrees = dict(zip(columns, np.ascontiguousarray(rows.T), strict=True))
            yield start, [self._degree(rule.condition, degrees) * np.float32(rule.weight) for rule in self.rules]

    def _columns(self) -> list[Is]:
        """Return what each column of the features is the degree of."""
        return [
            Is(item.fuzzy_set, membership.name, timeframe)
            for item, timeframe in self.plan.readings()
            if isinstance(item, FuzzyInput)
            for membership in item.memberships
        ]

    def _degree(self, condition: Condition, degrees: Mapping[Is, Degrees]) -> Degrees:
        norm = NORMS[self.norm]
        match condition:
            case Is(fuzzy_set, membership, timeframe):
                return degrees[Is(fuzzy_set, membership, timeframe or self.plan.timeframe)]
            case Not(operand):
                return _ONE - self._degree(operand, degrees)
            case And(operands):
                return functools.reduce(norm.both, (self._degree(operand, degrees) for operand in operands))
            case Or(operands):
                return functools.reduce(norm.either, (self._degree(operand, degrees) for operand in operands))

    def _weighed(self, fired: list[Degrees]) -> tuple[Degrees, ...]:
        """Return the probability of each class from how strongly the rules fire."""
        buy, hold, sell = (self._together(signal, fired) for signal in SIGNALS)
        if not any(rule.then == "HOLD" for rule in self.rules):
            hold = _ONE - np.maximum(buy, sell)
        total = buy + hold + sell
        silent = total == 0
        hold[silent] = total[silent] = 1
        return buy / total, hold / total, sell / total

    def _together(self, signal: Signal, fired: list[Degrees]) -> Degrees:
        strengths = (fired[number] for number, rule in enumerate(self.rules) if rule.then == signal)
        return functools.reduce(NORMS[self.norm].together, strengths, np.zeros_like(fired[0]))
