"""What every request for work shares: one strict model of all arguments, whichever door they come through.

A kind subclasses `OperationRequest` and declares its fields and their defaults. Light to import.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from ktrdr_engine.errors import InvalidRequest, did_you_mean
from ktrdr_engine.operations import mistakes

_MISTAKES_SHOWN = 20
_VALUE_WIDTH = 200


class OperationRequest(BaseModel):
    """One piece of work, as asked for. Unknown fields are refused.

    A subclass sets `noun`, what the work is called in a refusal, and may set `hints`: by field, what to add to one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    noun: ClassVar[str]
    hints: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def parse(cls, arguments: Mapping[str, Any]) -> Self:
        """Build a request from untyped arguments.

        Raises:
            InvalidRequest: All mistakes in one message, the first twenty named: the field, the value, the repair.
        """
        try:
            return cls.model_validate(dict(arguments))
        except ValidationError as error:
            found = error.errors(include_url=False)
            told = [cls._mistake(one) for one in found[:_MISTAKES_SHOWN]]
            more = f"; and {len(found) - len(told)} more" if len(found) > len(told) else ""
            raise InvalidRequest(
                f"The {cls.noun} request is not valid: " + "; ".join(text for text, _ in told) + more,
                details={"errors": [details for _, details in told]},
            ) from None

    @classmethod
    def _mistake(cls, error: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return a mistake as a clause of the message, and as field, value and repair."""
        name = str(error["loc"][0])
        field, value = ".".join(str(part) for part in error["loc"])[:_VALUE_WIDTH], error["input"]
        if error["type"] == "extra_forbidden":
            repair = cls.unknown(field)
            text = f"unknown argument {field!r}: {repair}"
        elif error["type"] == "missing":
            value, repair = None, "give it"
            text = f"{field} is missing"
        else:
            repair = mistakes.sentence(error, cls.model_json_schema()["properties"][name])
            if name in cls.hints:
                repair += f" ({cls.hints[name]})"
            written = mistakes.shown(value) if value is None or isinstance(value, bool) else repr(value)
            text = f"{field}={written[:_VALUE_WIDTH]}: {repair}"
        return text, {"field": field, "value": _plain(value), "repair": repair}

    @classmethod
    def unknown(cls, field: str) -> str:
        """Return what to do about a field there is not; a kind that knows other words for its own says more."""
        return did_you_mean(field, cls.model_fields).strip()


def refuse_booleans(value: object) -> object:
    """Return `value` unless it is true or false, which pydantic would take for 1 and 0.

    Raises:
        ValueError: It is; pydantic makes a validation error of that.
    """
    if isinstance(value, bool):
        raise ValueError("expected a number, not true or false")
    return value


def _plain(value: object) -> str | int | float | None:
    """Return a value as JSON can carry it, and not at length."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return value[:_VALUE_WIDTH] if isinstance(value, str) else repr(value)[:_VALUE_WIDTH]
