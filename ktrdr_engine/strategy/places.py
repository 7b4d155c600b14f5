"""Where a path leads in the schema: the range, the choices, the example and the keys known there.

The schema states each of these once; this reads them back, so that a message can name them.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel

Path = tuple[str | int, ...]


class Place(NamedTuple):
    """What the schema says of one value; `annotation` is None where it says nothing."""

    annotation: Any
    metadata: tuple[object, ...] = ()
    example: str = ""

    @property
    def model(self) -> type[BaseModel] | None:
        """Return the section that stands here, if one does."""
        found = self.annotation
        return found if isinstance(found, type) and issubclass(found, BaseModel) else None

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the keys a section knows, as written in the file; none for other values."""
        fields = self.model.model_fields if self.model else {}
        return tuple(field.alias or name for name, field in fields.items())

    @property
    def choices(self) -> tuple[str, ...]:
        """Return the words that may stand here, where only some may."""
        if get_origin(self.annotation) is Literal:
            return tuple(map(str, get_args(self.annotation)))
        is_enum = isinstance(self.annotation, type) and issubclass(self.annotation, Enum)
        return tuple(str(member.value) for member in self.annotation) if is_enum else ()

    @property
    def range(self) -> str:
        """Say in words which numbers may stand here."""
        bounds = [words for mark in self.metadata for words in _bound(mark)]
        return " ".join([_NOUN.get(self.annotation, "a number"), " and ".join(bounds)]).rstrip()


_NOUN = {int: "a whole number"}


def place_of(model: type[BaseModel], path: Path) -> Place:
    """Return the place that `path` leads to, from the section `model` on."""
    place = Place(model)
    for part in path:
        place = _inside(place, str(part))
    return place


def dotted_keys(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the dotted path of every key in the fixed sections below `model`, outer ones last."""
    for key in Place(model).keys:
        if inner := _inside(Place(model), key).model:
            yield from dotted_keys(inner, (*path, key))
        yield ".".join((*path, key))


def _bound(mark: object) -> Iterator[str]:
    match mark:
        case Ge(limit):
            yield f"at least {limit}"
        case Gt(limit):
            yield f"above {limit}"
        case Le(limit):
            yield f"at most {limit}"
        case Lt(limit):
            yield f"below {limit}"


def _inside(place: Place, part: str) -> Place:
    if place.model:
        return _field(place.model, part)
    arguments = get_args(place.annotation)
    if get_origin(place.annotation) is dict:
        return _stripped(arguments[1])
    return _stripped(arguments[0]) if get_origin(place.annotation) is tuple else Place(None)


def _field(model: type[BaseModel], key: str) -> Place:
    for name, field in model.model_fields.items():
        if key == (field.alias or name):
            place = _stripped(field.annotation)
            example = str(field.examples[0]) if field.examples else ""
            return Place(place.annotation, (*field.metadata, *place.metadata), example)
    if model.model_config.get("extra") == "allow":
        return _stripped(get_args(get_type_hints(model, include_extras=True)["__pydantic_extra__"])[1])
    return Place(None)


def _stripped(annotation: Any) -> Place:
    """Return the type below `Annotated` and `| None`, with what was attached to it."""
    if get_origin(annotation) is Annotated:
        inner = _stripped(annotation.__origin__)
        return Place(inner.annotation, (*annotation.__metadata__, *inner.metadata))
    options = [option for option in get_args(annotation) if option is not type(None)]
    is_optional = len(options) == 1 and type(None) in get_args(annotation)
    return _stripped(options[0]) if is_optional else Place(annotation)
