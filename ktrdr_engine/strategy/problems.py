"""Mistakes in words: where, what value, what is wrong, what to write instead.

Turns pydantic's findings into problems by looking up the range, the choices and the known keys in the schema. The
checks themselves are in `schema` and `references`.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from pydantic_core import ErrorDetails

from ktrdr_engine.errors import StrategyError, did_you_mean, nearest
from ktrdr_engine.strategy.places import Path, Place, dotted_keys, place_of
from ktrdr_engine.strategy.schema import FRACTION, StrategyConfig
from ktrdr_engine.strategy.unsupported import FIELDS, VALUES

_SHOWN: Final = 40
_KEPT: Final = 100
_LONGEST: Final = 300
_RANGE: Final = {"greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number"}
_NUMBER: Final = {"float_type", "int_type", "int_from_float", "int_parsing_size"}
_MAPPING: Final = {"model_type", "model_attributes_type", "dict_type"}
_CHOICE: Final = {"literal_error", "enum"}


def _key(text: str) -> str:
    return text[:60] if text.isprintable() else ascii(text[:60])


def _short(value: object) -> str:
    shortener = reprlib.Repr()
    shortener.maxstring = shortener.maxother = shortener.maxlong = 60
    return shortener.repr(value)


class Problem(NamedTuple):
    """One mistake; `value` is None when something is missing."""

    path: Path
    value: object
    problem: str
    repair: str

    @property
    def where(self) -> str:
        """Return the path as people write it: `nn_inputs[0].fuzzy_set`."""
        text = "".join(f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in self.path)
        return text.removeprefix(".")


def strategy_error(problems: Iterable[Problem], source: str, lines: Mapping[Path, int]) -> StrategyError:
    """Return one error that lists all mistakes, in the order of the file."""
    ordered = sorted(problems, key=lambda problem: (_line(problem.path, lines), problem.where))
    count = f"{len(ordered)} mistakes" if len(ordered) > 1 else "1 mistake"
    shown = [f"- {_sentence(problem, lines)}" for problem in ordered[:_SHOWN]]
    if len(ordered) > _SHOWN:
        shown.append(f"- and {len(ordered) - _SHOWN} more")
    errors = [
        {"path": p.where, "value": _plain(p.value), "problem": p.problem[:_LONGEST], "repair": p.repair}
        for p in ordered[:_KEPT]
    ]
    return StrategyError(
        "\n".join([f"{source}: {count}.", *shown]), details={"source": source, "count": len(ordered), "errors": errors}
    )


def _line(path: Path, lines: Mapping[Path, int]) -> int:
    return next((lines[path[:end]] for end in range(len(path), -1, -1) if path[:end] in lines), 0)


def _sentence(problem: Problem, lines: Mapping[Path, int]) -> str:
    line = _line(problem.path, lines)
    place = f" (line {line})" if line else ""
    value = "" if problem.value is None else f" = {_short(problem.value)}"
    return f"{problem.where}{value}{place}: {problem.problem[:_LONGEST]}. {problem.repair}".rstrip()


def _plain(value: object) -> object:
    """Return what JSON can carry: short, finite."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value[:200] if isinstance(value, str) else _short(value)


def from_pydantic(error: ErrorDetails) -> Problem:
    """Return the problem behind one of pydantic's findings about a `StrategyConfig`."""
    path = tuple(part for part in error["loc"] if part != "[key]")
    place = place_of(StrategyConfig, path)
    value = None if error["type"] == "missing" else error["input"]
    return Problem(path, value, *_worded(error, path, place))


def _worded(error: ErrorDetails, path: Path, place: Place) -> tuple[str, str]:
    kind, value = error["type"], error["input"]
    if kind == "mistake":
        misspelt = isinstance(value, str) and nearest(str(path[-1]), ["indicator"])
        return error["ctx"]["problem"], "Did you mean the key 'indicator'?" if misspelt else error["ctx"]["repair"]
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind == "missing":
        return "this is required but missing", f"Add `{path[-1]}: {place.example}`."
    if kind in _CHOICE:
        return _choice(path, value, place)
    if kind in _RANGE:
        return f"must be {place.range}", _percent(value, place)
    if kind in _NUMBER:
        return _number(value, place)
    return _shape(kind, value, error["msg"], place)


def _unknown_key(path: Path) -> tuple[str, str]:
    dotted = ".".join(map(str, path))
    if dotted in FIELDS:
        return "not supported yet", FIELDS[dotted] + "."
    key, known = str(path[-1]), place_of(StrategyConfig, path[:-1]).keys
    if nearest(key, known):
        return "unknown key", did_you_mean(key, known).strip()
    elsewhere = {path.rpartition(".")[2]: path for path in dotted_keys(StrategyConfig)}
    if hits := nearest(key, elsewhere, limit=1):
        return "unknown key here", f"Did you mean {elsewhere[hits[0]]}?"
    return "unknown key", f"Known here: {', '.join(known)}."


def _choice(path: Path, value: object, place: Place) -> tuple[str, str]:
    dotted = ".".join(map(str, path))
    if isinstance(value, str) and (dotted, value) in VALUES:
        return "not supported yet", VALUES[dotted, value] + "."
    hint = did_you_mean(value, place.choices) if isinstance(value, str) and nearest(value, place.choices) else ""
    return f"must be one of {', '.join(place.choices)}", hint.strip()


def _percent(value: object, place: Place) -> str:
    if FRACTION not in place.metadata or not isinstance(value, int | float):
        return ""
    if 1 <= value <= 100:
        return f"Did you mean {value / 100:g}? This is a fraction, not percent."
    return "This is a fraction: 0.05 means 5 percent."


def _number(value: object, place: Place) -> tuple[str, str]:
    wanted = f"must be {place.range}"
    if isinstance(value, str) and _reads_as_number(value):
        return wanted, f"This is text: write {value.strip()} without quotes."
    if isinstance(value, str):
        return wanted, "This is text: write a plain number such as 0.001 or 20."
    if isinstance(value, float):
        return wanted, f"Did you mean {round(value)}?" if math.isfinite(value) else ""
    return wanted, ""


def _reads_as_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _shape(kind: str, value: object, message: str, place: Place) -> tuple[str, str]:
    if kind in _MAPPING:
        return "must be a mapping of keys to values", f"For example {place.example}." if place.example else ""
    if kind == "bool_type":
        return "must be true or false", "Write true or false, without quotes."
    if kind == "string_type":
        return "must be text", f'Put it in quotes: "{value}".' if isinstance(value, bool | int | float) else ""
    if kind == "tuple_type":
        return "must be a list", "Write it in brackets, like [a, b, c]."
    if kind == "string_pattern_mismatch":
        return "has characters that names may not have", "Use letters, digits and _, beginning with a letter."
    return message[0].lower() + message[1:], ""
