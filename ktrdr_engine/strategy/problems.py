"""Mistakes in words: where, what value, what is wrong, what to write instead.

Turns pydantic's findings into problems by looking up the range, the choices and the known keys in the schema. The
checks themselves are in `schema` and `references`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from pydantic_core import ErrorDetails

from ktrdr_engine.bars.timeframe import Timeframe, timeframe_repair
from ktrdr_engine.errors import StrategyError, did_you_mean, nearest
from ktrdr_engine.number_format import plain
from ktrdr_engine.strategy.document import Document, plain_scalar
from ktrdr_engine.strategy.places import Path, Place, dotted_keys, place_of
from ktrdr_engine.strategy.schema import FRACTION, StrategyConfig
from ktrdr_engine.strategy.unsupported import FIELDS, VALUES
from ktrdr_engine.vocabulary import STRATEGY_FIELDS, WITH_EACH_RUN, concept

_SHOWN: Final = 40
_KEPT: Final = 100
_LONGEST: Final = 300
_WIDEST: Final = 70
_SURELY: Final = 0.85
"""How alike two keys are that differ by a slip of the finger."""
_RANGE: Final = {"greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number"}
_NUMBER: Final = {"float_type", "int_type", "int_from_float", "int_parsing_size"}
_MAPPING: Final = {"model_type", "model_attributes_type", "dict_type"}
_CHOICE: Final = {"literal_error", "enum"}


def _key(text: str) -> str:
    return text[:60] if text.isprintable() else ascii(text[:60])


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST // 2]}...{text[-_WIDEST // 2 :]}"


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


def strategy_error(problems: Iterable[Problem], source: str, document: Document) -> StrategyError:
    """Return one error that lists all mistakes, in the order of the file, with values as the file writes them."""
    ordered = sorted(problems, key=lambda problem: (document.line_of(problem.path), problem.where))
    count = f"{len(ordered)} mistakes" if len(ordered) > 1 else "1 mistake"
    shown = [f"- {_sentence(problem, document)}" for problem in ordered[:_SHOWN]]
    if len(ordered) > _SHOWN:
        shown.append(f"- and {len(ordered) - _SHOWN} more")
    errors = [_as_data(problem, document) for problem in ordered[:_KEPT]]
    return StrategyError(
        "\n".join([f"{source}: {count}.", *shown]), details={"source": source, "count": len(ordered), "errors": errors}
    )


def _sentence(problem: Problem, document: Document) -> str:
    line = document.line_of(problem.path)
    place = f" (line {line})" if line else ""
    written = _written(problem, document)
    value = f" = {written}" if written else ""
    return f"{problem.where}{value}{place}: {problem.problem[:_LONGEST]}. {_repair(problem, document)}".rstrip()


def _as_data(problem: Problem, document: Document) -> dict[str, object]:
    return {
        "path": problem.where,
        "value": _plain(problem, document),
        "written": _written(problem, document),
        "line": document.line_of(problem.path),
        "problem": problem.problem[:_LONGEST],
        "repair": _repair(problem, document),
    }


def _written(problem: Problem, document: Document) -> str:
    """Return the value as the file writes it; empty when something is missing."""
    is_missing = problem.value is None and not document.written(problem.path)
    return "" if is_missing else _short(document.text_of(problem.path, problem.value))


def _repair(problem: Problem, document: Document) -> str:
    """Return what to write instead. NULL without quotes reads as nothing, where a name may have been meant."""
    text = document.written(problem.path) or ""
    is_name = problem.value is None and text.isalpha() and place_of(StrategyConfig, problem.path).annotation is str
    quoted = f'If it is a name, put it in quotes: "{text}".'
    return f"{problem.repair} {quoted}" if is_name and text not in problem.repair else problem.repair


def _plain(problem: Problem, document: Document) -> object:
    """Return a value as JSON can carry it: short, finite, and as text where a number would not say what was written."""
    value = problem.value
    text = document.text_of(problem.path, value)
    if isinstance(value, str):
        return value[:200]
    if isinstance(value, float) and not math.isfinite(value):
        return text
    if value is None or isinstance(value, bool | int | float):
        is_faithful = document.written(problem.path) is None or text == json.dumps(value)
        return value if is_faithful else text or None
    return _short(text)


def from_pydantic(error: ErrorDetails, document: Document) -> Problem:
    """Return the problem behind one of pydantic's findings about a `StrategyConfig`."""
    path = tuple(part for part in error["loc"] if part != "[key]")
    place = place_of(StrategyConfig, path)
    value = None if error["type"] == "missing" else error["input"]
    return Problem(path, value, *_worded(error, path, place, document.text_of(path, value)))


def _worded(error: ErrorDetails, path: Path, place: Place, text: str) -> tuple[str, str]:
    """Return what is wrong and the repair; `text` is the value as it is written."""
    kind, value = error["type"], error["input"]
    if kind == "mistake":
        misspelt = isinstance(value, str) and nearest(str(path[-1]), ["indicator"])
        return error["ctx"]["problem"], "Did you mean the key 'indicator'?" if misspelt else error["ctx"]["repair"]
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind == "missing":
        return "this is required but missing", f"Add `{path[-1]}: {place.example}`."
    if kind in _CHOICE:
        return _choice(path, value, place, text)
    if kind in _RANGE:
        return f"must be {place.range}", _percent(value, place)
    if kind in _NUMBER:
        return _number(value, place)
    return _shape(kind, value, error["msg"], place, text)


def _unknown_key(path: Path) -> tuple[str, str]:
    dotted = ".".join(map(str, path))
    if dotted in FIELDS:
        return "not supported yet", FIELDS[dotted] + "."
    key, known = str(path[-1]), place_of(StrategyConfig, path[:-1]).keys
    if nearest(key, known, cutoff=_SURELY):
        return "unknown key", did_you_mean(key, known).strip()
    elsewhere = {path.rpartition(".")[2]: path for path in dotted_keys(StrategyConfig)}
    if key in elsewhere:
        return "unknown key here", f"Did you mean {elsewhere[key]}?"
    if answer := concept(key):
        return "unknown key", f"{answer}."
    if key in WITH_EACH_RUN:
        return "unknown key", "Leave it out: it is given with each backtest, dates with each training too."
    if key in STRATEGY_FIELDS:
        return "unknown key", f"Did you mean {STRATEGY_FIELDS[key]}?"
    if nearest(key, known):
        return "unknown key", did_you_mean(key, known).strip()
    if hits := nearest(key, elsewhere, limit=1):
        return "unknown key here", f"Did you mean {elsewhere[hits[0]]}?"
    return "unknown key", f"Known here: {', '.join(known)}."


def _choice(path: Path, value: object, place: Place, text: str) -> tuple[str, str]:
    dotted = ".".join(map(str, path))
    if isinstance(value, str) and (dotted, value) in VALUES:
        return "not supported yet", VALUES[dotted, value] + "."
    wanted = f"must be one of {', '.join(place.choices)}"
    written = value if isinstance(value, str) else text
    if place.annotation is Timeframe:
        return wanted, timeframe_repair(written)
    return wanted, did_you_mean(written, place.choices).strip() if nearest(written, place.choices) else ""


def _percent(value: object, place: Place) -> str:
    if FRACTION not in place.metadata or not isinstance(value, int | float):
        return ""
    if 1 <= value <= 100:
        return f"Did you mean {plain(value / 100)}? This is a fraction, not percent."
    return "This is a fraction: 0.05 means 5 percent."


def _number(value: object, place: Place) -> tuple[str, str]:
    wanted = f"must be {place.range}"
    if isinstance(value, str):
        return wanted, _number_in_text(value.strip(), place)
    if isinstance(value, float):
        return wanted, f"Did you mean {round(value)}?" if math.isfinite(value) else ""
    return wanted, ""


def _number_in_text(text: str, place: Place) -> str:
    """Return the repair of text where a number should stand: quoted, in percent, or with separators of thousands."""
    if _is_number(text):
        return f"This is text: write {text} without quotes."
    if text.endswith("%") and _is_number(text[:-1].strip()):
        fraction = plain(float(text[:-1]) / 100)
        return f"Write {fraction}: a fraction, not percent." if FRACTION in place.metadata else "Leave out the %."
    bare = re.sub(r"(?<=[0-9])[_, ](?=[0-9]{3}(?![0-9]))", "", text)
    if _is_number(bare):
        return f"This is text: write {bare}, without separators."
    return "This is text: write a plain number such as 0.001 or 20."


def _is_number(text: str) -> bool:
    value = plain_scalar(text)
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _shape(kind: str, value: object, message: str, place: Place, text: str) -> tuple[str, str]:
    if kind in _MAPPING:
        return "must be a mapping of keys to values", f"For example {place.example}." if place.example else ""
    if kind == "bool_type":
        return "must be true or false", _boolean(value, text)
    if kind == "string_type":
        several = "Give one; for several write mode: multi_symbol and list." if isinstance(value, list) else ""
        return "must be text", f'Put it in quotes: "{text}".' if _is_scalar(value) and text else several
    if kind == "tuple_type":
        return "must be a list", f"Write it in brackets: [{text}]." if _is_scalar(value) else "Write it in brackets."
    if kind == "string_pattern_mismatch":
        return "has characters that names may not have", "Use letters, digits and _, beginning with a letter."
    return message[0].lower() + message[1:], ""


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _boolean(value: object, text: str) -> str:
    word = text.strip("'\"").casefold() if isinstance(value, bool | int | float | str) else ""
    if word in ("yes", "on", "y", "1", "true"):
        return "Write true, without quotes."
    if word in ("no", "off", "n", "0", "false"):
        return "Write false, without quotes."
    return "Write true or false, without quotes."
