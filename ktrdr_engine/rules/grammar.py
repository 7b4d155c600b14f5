"""From the text of a rule's condition to data, or to the place where the text goes wrong.

```
condition = all , { "or" , all } ;
all       = one , { "and" , one } ;
one       = "not" , one | "(" , condition , ")" | subject , "is" , [ "not" ] , membership ;
subject   = fuzzy set | timeframe , fuzzy set | fuzzy set , "@" , timeframe ;
```

`not` binds closest, then `and`, then `or`. The five words may be written in any case and cannot be names here. Whether
the names exist is checked elsewhere; nothing is evaluated.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, NoReturn

from ktrdr_engine.errors import StrategyError, nearest
from ktrdr_engine.rules.conditions import And, Condition, Is, Not, Or

LONGEST: Final = 1000
"""Characters a condition may have."""

EXAMPLE: Final = "rsi_zone is oversold and not (trend is down or trend is flat)"

_DEEPEST: Final = 20
_TOKEN: Final = re.compile(r"\s*(?:(?P<name>[A-Za-z]\w*)|(?P<length>\d+[A-Za-z]+)|(?P<sign>[()@]))", re.ASCII)
_RESERVED: Final = ("is", "not", "and", "or")


class NotACondition(StrategyError):
    """The text breaks the grammar.

    Args:
        position: The character where it does, counted from 1.
        problem: What is wrong there.
        repair: What to write instead; may be empty.
    """

    def __init__(self, position: int, problem: str, repair: str) -> None:
        super().__init__(f"At character {position} {problem}. {repair}".rstrip(), details={"position": position})
        self.position = position
        self.problem = problem
        self.repair = repair


class _Token(NamedTuple):
    """A piece of text; `kind` is a reserved word, a sign, "name", "length" (a timeframe), or "end"."""

    kind: str
    text: str
    position: int


def parse(text: str) -> Condition:
    """Read a condition.

    Raises:
        NotACondition: Where the text goes wrong, why, and the repair.
    """
    return _Parser(text).whole()


def _tokens(text: str) -> list[_Token]:
    if len(text) > LONGEST:
        raise NotACondition(LONGEST + 1, f"it goes on beyond {LONGEST} characters", "Make two rules of it.")
    found, end = [], 0
    while match := _TOKEN.match(text, end):
        word, end = match[0].lstrip(), match.end()
        reserved = word.lower() if word.lower() in _RESERVED else None
        kind = reserved or (word if match["sign"] else str(match.lastgroup))
        found.append(_Token(kind, word, end - len(word) + 1))
    rest = text[end:].lstrip()
    position = len(text) - len(rest) + 1
    if rest:
        raise NotACondition(position, f"there is {rest[0]!r}", _instead(rest))
    return [*found, _Token("end", "", position)]


def _instead(rest: str) -> str:
    for sign, word in (("&", "and"), ("|", "or"), ("!", "not"), ("~", "not"), ("=", "is")):
        if rest.startswith(sign):
            return f"Write the word: {word}."
    return f"Write names, is, and, or, not and brackets only, such as: {EXAMPLE}."


class _Parser:
    """Descends through the grammar, one method a line of it."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0

    def whole(self) -> Condition:
        condition = self._condition()
        if self._peek.kind != "end":
            self._refuse("'and', 'or' or the end", "Join conditions by and, or.")
        return condition

    def _condition(self) -> Condition:
        operands = [self._all()]
        while self._took("or"):
            operands.append(self._all())
        return Or(tuple(operands)) if len(operands) > 1 else operands[0]

    def _all(self) -> Condition:
        operands = [self._one()]
        while self._took("and"):
            operands.append(self._one())
        return And(tuple(operands)) if len(operands) > 1 else operands[0]

    def _one(self) -> Condition:
        if self._depth == _DEEPEST:
            position = self._peek.position
            raise NotACondition(position, f"it is nested deeper than {_DEEPEST} times", "Make two rules of it.")
        self._depth += 1
        condition = self._nested()
        self._depth -= 1
        return condition

    def _nested(self) -> Condition:
        if self._took("not"):
            return Not(self._one())
        if self._took("("):
            condition = self._condition()
            self._expect(")", "'and', 'or' or the closing bracket", "Close every bracket that was opened.")
            return condition
        return self._term()

    def _term(self) -> Condition:
        position = self._peek.position
        before = self._took("length")
        name = self._expect("name", "a fuzzy set", f"For example: {EXAMPLE}.")
        after = self._expect("length", "a timeframe", "Such as 4h.") if not before and self._took("@") else None
        timeframe = before or after
        self._expect("is", "'is'", f"Write {name.text} is ..., with a membership of {name.text}.")
        is_negated = self._took("not")
        membership = self._expect("name", f"a membership of {name.text}", f"For example: {EXAMPLE}.")
        term = Is(name.text, membership.text, timeframe.text if timeframe else None, position)
        return Not(term) if is_negated else term

    @property
    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _took(self, kind: str) -> _Token | None:
        """Take the next token if it is of this kind."""
        token = self._peek
        if token.kind != kind:
            return None
        self._next += 1
        return token

    def _expect(self, kind: str, expected: str, repair: str) -> _Token:
        return self._took(kind) or self._refuse(expected, repair)

    def _refuse(self, expected: str, repair: str) -> NoReturn:
        token = self._peek
        problem = f"there is {token.text!r}" if token.text else "it ends"
        hits = nearest(token.text, _RESERVED, limit=1)
        meant = f"Did you mean {hits[0]!r}?" if hits and hits[0] != token.kind else repair
        raise NotACondition(token.position, f"{problem}, where {expected} should stand", meant)
