"""The `.env` of the working directory: read as far as it can be read, and one line of what cannot.

A host may start a server in somebody else's project, whose `.env` is not ktrdr's, not UTF-8 (PowerShell's `>` writes
UTF-16), or a virtual environment. None of that is a reason not to start. Neighbour: `settings` is who asks.
"""

from __future__ import annotations

import io
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_MOST_BYTES: Final = 1_000_000
_LINES_NAMED: Final = 5
_LEFT_OUT: Final = "it is left out"


def read_env_file(path: Path) -> dict[str, str]:
    """Return the variables of a file; what cannot be read of it is left out, with one line on stderr.

    Variables without a value are left out, as are empty ones. The file need not be there.
    """
    try:
        content = _content(path)
    except FileNotFoundError:
        return {}
    except OSError as error:
        _tell(path, f"cannot be read ({error.strerror}), {_LEFT_OUT}. Make it readable, or remove it.")
        return {}
    if content is None:
        _tell(path, f"is not a file of at most {_MOST_BYTES:,} bytes, {_LEFT_OUT}.")
        return {}
    text = _text(path, content)
    return {} if text is None else _variables(path, text)


def _content(path: Path) -> bytes | None:
    state = path.stat()  # first: to open a pipe is to wait for its writer
    if not stat.S_ISREG(state.st_mode) or state.st_size > _MOST_BYTES:
        return None
    return path.read_bytes()


def _text(path: Path, content: bytes) -> str | None:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _tell_encoding(path, content, error.start)
        return None
    if (place := text.find("\0")) >= 0:  # UTF-16 without a mark is valid UTF-8, full of NUL
        _tell_encoding(path, content, content.find(0, place))
        return None
    return text


def _tell_encoding(path: Path, content: bytes, place: int) -> None:
    line = content.count(b"\n", 0, place) + 1
    _tell(
        path,
        f"is not UTF-8 (byte 0x{content[place]:02x} at position {place}, line {line}), {_LEFT_OUT}. "
        "Save it as UTF-8, for example in PowerShell with Set-Content -Encoding utf8.",
    )


def _variables(path: Path, text: str) -> dict[str, str]:
    # Imported here: a process without such a file does not pay for it.
    from dotenv import dotenv_values
    from dotenv.parser import parse_stream

    bindings = list(parse_stream(io.StringIO(text)))
    if broken := [str(binding.original.line) for binding in bindings if binding.error]:
        lines = ", ".join(broken[:_LINES_NAMED]) + (", ..." if len(broken) > _LINES_NAMED else "")
        _tell(path, f"line {lines}: not NAME=value, left out. Write one variable a line, quotes closed.")
    sound = "".join(binding.original.string for binding in bindings if not binding.error)
    found: Mapping[str, str | None] = dotenv_values(stream=io.StringIO(sound))
    return {name: value for name, value in found.items() if value}


def _tell(path: Path, problem: str) -> None:
    if sys.stderr is not None:  # print would take stdout instead, which on stdio is the protocol's
        print(f"ktrdr: {path} {problem}", file=sys.stderr)
