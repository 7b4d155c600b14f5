"""Rules as data: what they ask of fuzzy sets and what they say. Text is made here, `grammar` reads it. No numpy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from ktrdr_engine.number_format import plain

Signal = Literal["BUY", "HOLD", "SELL"]

SIGNALS: Final[tuple[Signal, ...]] = ("BUY", "HOLD", "SELL")
"""The classes in the order of the probabilities."""


@dataclass(frozen=True, slots=True)
class Is:
    """A fuzzy set has a membership; its degree is that of the membership.

    Attributes:
        timeframe: The bars the set is read on; None for those decided on.
        position: Where it stands in the text it was read from, counted from 1; no part of what it says.
    """

    fuzzy_set: str
    membership: str
    timeframe: str | None = None
    position: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{self.subject} is {self.membership}"

    @property
    def subject(self) -> str:
        """Return the set as written, with its timeframe where it has one."""
        return f"{self.timeframe} {self.fuzzy_set}" if self.timeframe else self.fuzzy_set


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    operand: Condition

    def __str__(self) -> str:
        if isinstance(self.operand, Is):
            return f"{self.operand.subject} is not {self.operand.membership}"
        return f"not {_bracketed(self.operand, And, Or)}"


@dataclass(frozen=True, slots=True)
class And:
    """All of two or more."""

    operands: tuple[Condition, ...]

    def __str__(self) -> str:
        return " and ".join(_bracketed(operand, And, Or) for operand in self.operands)


@dataclass(frozen=True, slots=True)
class Or:
    """One of two or more, or several."""

    operands: tuple[Condition, ...]

    def __str__(self) -> str:
        return " or ".join(_bracketed(operand, Or) for operand in self.operands)


Condition = Is | Not | And | Or


class Rule(NamedTuple):
    """If the condition holds, then the signal, with a weight in (0, 1]."""

    condition: Condition
    then: Signal
    weight: float = 1.0

    def __str__(self) -> str:
        weight = "" if self.weight == 1 else f" (weight {plain(self.weight)})"
        return f"{self.then} when {self.condition}{weight}"


def terms(condition: Condition) -> Iterator[Is]:
    """Yield what the condition asks of single sets, in the order of the text, as often as it asks."""
    match condition:
        case Is():
            yield condition
        case Not(operand):
            yield from terms(operand)
        case And(operands) | Or(operands):
            for operand in operands:
                yield from terms(operand)


def meaning(condition: Condition) -> str:
    """Return a text that is equal for conditions that differ only in order, repetition, brackets or double `not`."""
    plain = _without_double_not(condition)
    if isinstance(plain, Is):
        return str(plain)
    if isinstance(plain, Not):
        return f"not ({meaning(plain.operand)})"
    parts = sorted(set(_parts(plain, type(plain))))
    word = " and " if isinstance(plain, And) else " or "
    return word.join(f"({part})" for part in parts) if len(parts) > 1 else parts[0]


def _parts(condition: Condition, kind: type[And] | type[Or]) -> Iterator[str]:
    """Yield the meanings of all operands, those of nested conditions of the same kind included."""
    plain = _without_double_not(condition)
    if isinstance(plain, kind):
        for operand in plain.operands:
            yield from _parts(operand, kind)
    else:
        yield meaning(plain)


def _without_double_not(condition: Condition) -> Condition:
    while isinstance(condition, Not) and isinstance(condition.operand, Not):
        condition = condition.operand.operand
    return condition


def _bracketed(condition: Condition, *kinds: type[Condition]) -> str:
    return f"({condition})" if isinstance(condition, kinds) else str(condition)
