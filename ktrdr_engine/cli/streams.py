"""stdout as it may be: of any encoding, closed half-way, on a full disk. None of it is an error of the command.

Windows redirects in cp1252, containers run in ASCII: a character that cannot be written there is replaced, in JSON
escaped, and the rest is written.
"""

from __future__ import annotations

import io
import os
import sys

FAILED = 1


def hold_standard_descriptors() -> None:
    """Put nothing in place of a standard descriptor that is closed; call it before any file is opened.

    The next file opened would get its number, and what a library prints would be written into the database.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest number that is free


def prepare_stdout() -> None:
    """Have stdout replace what its encoding has no character for, as stderr does; forget a width of nothing."""
    if not os.environ.get("COLUMNS", "1").strip("0"):
        del os.environ["COLUMNS"]  # to rich a table of width 0 is empty
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def takes_unicode() -> bool:
    """Return whether stdout can write every character."""
    return (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "").startswith("utf")


def give_up_stdout() -> None:
    """Write nothing more to stdout: whoever read it is gone, or it is full."""
    try:
        number = sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):  # there is none, or it is a test's
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, number)
    os.close(nothing)


def first_of(error: BaseException) -> BaseException:
    """Return the error itself, or of a group of errors the first."""
    return first_of(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def end_quietly(error: OSError) -> int:
    """Return the exit code of a command whose stdout can no longer be written; say so unless its reader left."""
    give_up_stdout()
    if not isinstance(error, BrokenPipeError) and sys.stderr is not None:
        print(f"Error: {error.strerror or error}", file=sys.stderr)
    return FAILED
