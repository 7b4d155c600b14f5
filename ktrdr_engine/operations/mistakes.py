"""Mistakes in arguments, in words: what was given, what is expected, and what was probably meant.

Every door words a refused argument here: requests for work, tools, queries over HTTP. What a field takes is read from
its JSON schema; where a validator of ours refused a value, its own sentence is told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ktrdr_engine.number_format import plain
from ktrdr_engine.vocabulary import nearest_choice

Schema = Mapping[str, Any]

_VALUE_WIDTH = 80
_LARGEST = 1e300
_NUMBERS = ("number", "integer")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e-?[0-9]+)?", re.IGNORECASE | re.ASCII)
_SEPARATOR = re.compile(r"(?<=[0-9])[_, ](?=[0-9]{3}(?![0-9]))", re.ASCII)
UNKNOWN = object()
"""Stands for a value that nobody can guess."""


def sentence(error: Mapping[str, Any], schema: Schema, *, about: str = "") -> str:
    """Return what is expected in place of the value one of pydantic's findings is about, without a full stop.

    Args:
        error: The finding.
        schema: What the field takes.
        about: What the field is for.
    """
    value = error["input"]
    words = f"expected {expected(schema)}{about and f': {about}'}"
    if error["type"] == "value_error":
        own = str(error["msg"]).removeprefix("Value error, ")
        return f"{own}: {expected(schema)}" if _types(schema) & set(_NUMBERS) else own
    meant = mended(value, schema)
    if isinstance(value, int | float) and _types(schema) == {"string"} and not isinstance(value, bool):
        return f'{words}. Put it in quotes: "{shown(value)}"'
    if isinstance(value, int) and isinstance(meant, int):  # brought to the end of its range, which was just named
        return words
    return (
        words
        if meant is UNKNOWN
        else f"{words}. Did you mean {repr(meant) if isinstance(meant, str) else shown(meant)}?"
    )


def mended(value: object, schema: Schema) -> object:
    """Return the value that was probably meant, or `UNKNOWN`."""
    types = _types(schema)
    if isinstance(value, str):
        return _mended_text(value.strip(), schema, types)
    if isinstance(value, bool) or not isinstance(value, int | float | list):
        return UNKNOWN
    if isinstance(value, list):
        return value[0] if len(value) == 1 and "string" in types and isinstance(value[0], str) else UNKNOWN
    if types == {"string"}:
        return shown(value)
    is_number = bool(types & set(_NUMBERS)) and abs(value) <= _LARGEST  # NaN is not either
    return _mended_number(value, schema) if is_number else UNKNOWN


def fits(value: object, schema: Schema) -> bool:
    """Return whether a value has the type a field takes and is one of its choices."""
    kinds: dict[str, type | tuple[type, ...]] = {
        "string": str,
        "array": list,
        "boolean": bool,
        "number": (int, float),
        "integer": int,
    }
    choices = choices_of(schema)
    return any(isinstance(value, kinds.get(kind, object)) for kind in _types(schema)) and (
        not choices or value in choices
    )


def _mended_text(text: str, schema: Schema, types: set[str]) -> object:
    if choice := nearest_choice(text, choices_of(schema)):
        return choice
    if "array" in types:
        return [part.strip() for part in text.split(",") if part.strip()]
    if not types & set(_NUMBERS):
        return UNKNOWN
    is_percent = text.endswith("%")
    bare = _SEPARATOR.sub("", text.removesuffix("%").strip())
    if not _NUMBER.fullmatch(bare):
        return UNKNOWN
    number = float(bare) / 100 if is_percent else float(bare)
    return (
        number if abs(number) <= _LARGEST and _is_within(number, schema) and (is_percent or bare != text) else UNKNOWN
    )


def _mended_number(value: float, schema: Schema) -> object:
    """Return a number beyond its range at the end of it, and a fraction that was written in percent as one."""
    option = next(one for one in _options(schema) if one.get("type") in _NUMBERS)
    high = option.get("maximum")
    if high is not None and high <= 1:
        return value / 100 if value > high and _is_within(value / 100, schema) else UNKNOWN
    if value != int(value) and option["type"] == "integer":
        return UNKNOWN
    low, high = option.get("minimum"), option.get("maximum")
    bounded = value if low is None else max(low, value)
    bounded = bounded if high is None else min(high, bounded)
    return int(bounded) if bounded != value else UNKNOWN


def _is_within(number: float, schema: Schema) -> bool:
    option = next(one for one in _options(schema) if one.get("type") in _NUMBERS)
    return bool(
        option.get("minimum", number) <= number <= option.get("maximum", number)
        and number > option.get("exclusiveMinimum", number - 1)
        and number < option.get("exclusiveMaximum", number + 1)
    )


def expected(schema: Schema) -> str:
    """Say in words what a property takes: its type, range, choices."""
    return " or ".join(dict.fromkeys(_kind(option) for option in _options(schema)))


def choices_of(schema: Schema) -> list[str]:
    """Return the words a property takes, where only some are."""
    return [str(choice) for option in _options(schema) for choice in option.get("enum", ())]


def shown(value: object) -> str:
    """Return a value as JSON writes it, and not at length."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= _VALUE_WIDTH else text[:_VALUE_WIDTH] + "..."


def _types(schema: Schema) -> set[str]:
    return {str(option.get("type")) for option in _options(schema)}


def _options(schema: Schema) -> list[Schema]:
    return [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]


def _kind(schema: Schema) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(str(choice) for choice in schema["enum"])
    if schema.get("type") == "string":
        return "text" + _text_limits(schema)
    if schema.get("type") == "array":
        return f"a list of {schema['minItems']} to {schema['maxItems']} values" if "maxItems" in schema else "a list"
    noun = {"number": "a finite number", "integer": "a whole number", "boolean": "true or false"}
    return noun.get(schema.get("type", ""), "a value") + _range(schema)


def _text_limits(schema: Schema) -> str:
    low, high = schema.get("minLength", 0), schema.get("maxLength")
    limits = [f"{low} to {high} characters"] if high is not None else []
    limits += [f"matching {schema['pattern']}"] if "pattern" in schema else []
    return f" ({', '.join(limits)})" if limits else ""


def _range(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f" from {_figure(low)} to {_figure(high)}"
    bounds = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    parts = [f"{words} {_figure(schema[key])}" for key, words in bounds.items() if key in schema]
    return " " + ", ".join(parts) if parts else ""


def _figure(number: float) -> str:
    return str(number) if isinstance(number, int) else plain(number)
