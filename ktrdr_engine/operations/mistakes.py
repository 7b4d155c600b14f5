"""Mistakes in arguments, in words: what was given, what is expected, and what was probably meant.

Every door words a refused argument here: requests for work, tools, queries over HTTP. What a field takes is read from
its JSON schema; where a validator of ours refused a value, its own sentence is told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ktrdr_engine.errors import did_you_mean, nearest

Schema = Mapping[str, Any]

_VALUE_WIDTH = 80
_NUMBERS = ("number", "integer")
UNKNOWN = object()
"""Stands for a value that nobody can guess."""


def sentence(error: Mapping[str, Any], schema: Schema) -> str:
    """Return what is expected in place of the value one of pydantic's findings is about.

    Args:
        error: The finding.
        schema: What the field takes.
    """
    value = error["input"]
    words = f"expected {expected(schema)}"
    if error["type"] == "value_error":
        own = str(error["msg"]).removeprefix("Value error, ")
        return f"{own}: {expected(schema)}" if _types(schema) & set(_NUMBERS) else own
    if isinstance(value, str):
        return words + _meant(value, schema)
    if isinstance(value, bool | int | float) and _types(schema) == {"string"}:
        return f'{words}. Put it in quotes: "{shown(value)}"'
    return words


def mended(value: object, schema: Schema) -> object:
    """Return the value that was probably meant, or `UNKNOWN`."""
    if isinstance(value, str):
        if choices := nearest(value, choices_of(schema), limit=1):
            return choices[0]
        return [value] if "array" in _types(schema) else UNKNOWN
    if isinstance(value, int) and not isinstance(value, bool):
        if _types(schema) == {"string"}:
            return str(value)
        return _bounded(value, schema)
    if isinstance(value, list) and len(value) == 1 and "string" in _types(schema) and isinstance(value[0], str):
        return value[0]
    return UNKNOWN


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


def _meant(text: str, schema: Schema) -> str:
    if "array" in _types(schema):
        return f". Did you mean [{shown(text)}]?"
    choices = choices_of(schema)
    return f".{did_you_mean(text, choices)}" if nearest(text, choices) else ""


def _bounded(value: int, schema: Schema) -> object:
    option = next((one for one in _options(schema) if one.get("type") == "integer"), None)
    if option is None:
        return UNKNOWN
    return max(option.get("minimum", value), min(option.get("maximum", value), value))


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
    return str(number) if isinstance(number, int) else f"{number:g}"
