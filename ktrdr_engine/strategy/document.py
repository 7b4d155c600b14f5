"""YAML as data: one mapping of plain values, and the line each value stands on.

Only what a strategy needs is read: mappings with text keys, lists, and the scalars of YAML 1.2 (so `no` and `1:30`
are text, `1e-3` is a number). Tags, anchors, aliases and further documents are refused, so a file can neither run
code nor grow in memory. What the values mean is `schema`'s matter.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final, NamedTuple, NoReturn

import yaml

from ktrdr_engine.errors import StrategyError
from ktrdr_engine.strategy.places import Path

MAX_BYTES: Final = 256 * 1024
_MAX_DEPTH: Final = 20
_LONGEST_NUMBER: Final = 64
_SHOWN: Final = 12
_YAML_WORDS: Final = {None: "null", True: "true", False: "false"}

Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]

_WORDS: Final[dict[str, bool | float | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


class Document(NamedTuple):
    """A strategy as it was read, and how it was written.

    Attributes:
        root: The root mapping.
        lines: For each path in it the line its value begins on, counted from 1.
        texts: For each path of a value that is no text, its characters in the file: `000001`, `TRUE`, `1e3`, `null`.
    """

    root: Mapping[str, object]
    lines: Mapping[Path, int]
    texts: Mapping[Path, str]

    def text_of(self, path: Path, value: object) -> str:
        """Return how `value` is written at `path`; as YAML would write it where it does not come from a file."""
        written = self.written(path)
        if written is not None and not isinstance(value, str):
            return written
        if isinstance(value, Mapping):
            pairs = (f"{key}: {self.text_of((*path, key), inner)}" for key, inner in islice(value.items(), _SHOWN))
            return "{" + ", ".join(pairs) + (", ...}" if len(value) > _SHOWN else "}")
        if isinstance(value, list | tuple):
            items = (self.text_of((*path, number), inner) for number, inner in enumerate(value[:_SHOWN]))
            return "[" + ", ".join(items) + (", ...]" if len(value) > _SHOWN else "]")
        return _YAML_WORDS.get(value, repr(value)) if value is None or isinstance(value, bool) else repr(value)

    def written(self, path: Path) -> str | None:
        """Return the characters of a value that is no text; None: there is none, or it is text.

        A membership function in its short form has its numbers one level higher than the schema says.
        """
        at = path if path in self.texts else tuple(part for part in path if part != "parameters")
        return self.texts.get(at)

    def line_of(self, path: Path) -> int:
        """Return the line `path` or the innermost section around it begins on; 0 where it does not come from a file."""
        return next((self.lines[path[:end]] for end in range(len(path), -1, -1) if path[:end] in self.lines), 0)


def read_document(content: bytes, source: str) -> Document:
    """Read the bytes of one strategy file.

    Args:
        content: The file's bytes.
        source: The file's name, for messages.

    Raises:
        StrategyError: Too large, not UTF-8, malformed (line and column are named), empty, more than one document, not
            a mapping, or with duplicate keys, aliases, tags, or nesting no strategy has.
    """
    if len(content) > MAX_BYTES:
        raise StrategyError(
            f"{source}: a strategy file may have {MAX_BYTES // 1024} KB, this has more. Is it another kind of file?",
            details={"source": source},
        )
    return _Composer(_decoded(content, source), source).document()


def _decoded(content: bytes, source: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StrategyError(
            f"{source}: not UTF-8 text (byte 0x{content[error.start]:02x} at position {error.start}). "
            "Save the file as UTF-8.",
            details={"source": source},
        ) from None


class _Composer:
    """Builds plain values from the parser's events; recursion is bounded by `_MAX_DEPTH`."""

    def __init__(self, text: str, source: str) -> None:
        self._source = source
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self._lines: dict[Path, int] = {}
        self._texts: dict[Path, str] = {}

    def document(self) -> Document:
        self._next()
        if isinstance(self._next(), yaml.StreamEndEvent):
            raise StrategyError(f"{self._source}: the file is empty. Start with `name: my_strategy`.")
        event = self._next()
        root = self._value(event, ())
        self._next()
        if not isinstance(event := self._next(), yaml.StreamEndEvent):
            self._refuse(event, "a second document begins here", "Keep one strategy in a file")
        if root is None:
            raise StrategyError(f"{self._source}: the file is empty. Start with `name: my_strategy`.")
        if not isinstance(root, dict):
            kind = "a list" if isinstance(root, list) else "a single value"
            raise StrategyError(
                f"{self._source}: the file holds {kind}, a strategy is a mapping. Start with `name: my_strategy`.",
                details={"source": self._source},
            )
        return Document(root, self._lines, self._texts)

    def _next(self) -> yaml.Event:
        try:
            return next(self._events)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
            self._malformed(f"malformed YAML{place}: {error.problem or error.context}")
        except yaml.YAMLError as error:
            self._malformed(f"malformed YAML: {str(error).splitlines()[0]}")

    def _malformed(self, problem: str) -> NoReturn:
        raise StrategyError(
            f"{self._source}: {problem}. Check indentation, colons, quotes and brackets there.",
            details={"source": self._source},
        ) from None

    def _refuse(self, event: yaml.Event, problem: str, repair: str) -> NoReturn:
        line, column = _place(event)
        raise StrategyError(
            f"{self._source}: at line {line}, column {column} {problem}. {repair}.",
            details={"source": self._source, "line": line},
        )

    def _value(self, event: yaml.Event, path: Path) -> Value:
        self._lines[path] = _place(event)[0]
        if isinstance(event, yaml.NodeEvent) and event.anchor:
            self._refuse(event, "there is an anchor or an alias", "Write the value out where it is used")
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag:
            self._refuse(event, f"there is a tag ({event.tag!r})", "Leave it out")
        if len(path) > _MAX_DEPTH:
            self._refuse(event, "values are nested deeper than in any strategy", "Flatten them")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        assert isinstance(event, yaml.ScalarEvent)
        if not event.implicit[0]:
            return event.value
        value = plain_scalar(event.value)
        if not isinstance(value, str):
            self._texts[path] = event.value
        return value

    def _mapping(self, path: Path) -> dict[str, Value]:
        found: dict[str, Value] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._value(event, (*path, "<key>"))
            if not isinstance(key, str):
                written = event.value if isinstance(event, yaml.ScalarEvent) else repr(key)
                repair = (
                    f'Use a word, or put it in quotes: "{written}"'
                    if not isinstance(key, list | dict)
                    else "Use a word"
                )
                self._refuse(event, f"the key {written} is not a word", repair)
            if key in found:
                self._refuse(event, f"the key {key!r} occurs a second time", "Keep one of them")
            found[key] = self._value(self._next(), (*path, key))
            self._lines[(*path, key)] = _place(event)[0]
        return found

    def _sequence(self, path: Path) -> list[Value]:
        found: list[Value] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            found.append(self._value(event, (*path, len(found))))
        return found


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    assert mark is not None  # the parser marks every event
    return mark.line + 1, mark.column + 1


def plain_scalar(text: str) -> bool | int | float | str | None:
    """Return what text without quotes means in a strategy file."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _LONGEST_NUMBER:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
