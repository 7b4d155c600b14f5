"""What every command runs in: settings in, one clear message and an exit code out."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

import typer

from ktrdr_engine.cli.streams import first_of, takes_unicode
from ktrdr_engine.cli.visible import visible
from ktrdr_engine.errors import InputError, KtrdrError, OperationConflict, OperationNotFound

if TYPE_CHECKING:
    from ktrdr_engine.settings import Settings

DONE: Final = 0
FAILED: Final = 1
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130

_HINTS = {
    "operation_not_found": "See what there is: ktrdr operations list",
    "data_error": "See what there is: ktrdr data",
    "model_error": "See what there is: ktrdr models",
    "strategy_error": "See what there is: ktrdr strategies",
    "strategy_conflict": "See what is there: ktrdr strategies show NAME",
    "invalid_request": "See what is expected: {command} --help",
    "storage_error": "KTRDR_HOME names the folder that ktrdr writes to.",
}


_DEFECT = "It is a defect, not your input: ktrdr --debug shows where, please report that."
_tracebacks: ContextVar[bool] = ContextVar("tracebacks", default=False)
_command: ContextVar[str] = ContextVar("command", default="ktrdr")


def show_tracebacks(wanted: bool) -> None:
    """Say whether errors of this command line show where they come from."""
    _tracebacks.set(wanted)


def note_command(name: str | None) -> None:
    """Say which command runs, so that an error can point at its help; None: none does."""
    _command.set(f"ktrdr {name}" if name else "ktrdr")


@contextmanager
def running() -> Iterator[Settings]:
    """Yield the settings; turn an error into a message on stderr and an exit code, its traceback only with --debug."""
    from ktrdr_engine.settings import load_settings

    try:
        yield load_settings()
    except (typer.Exit, typer.Abort):
        raise
    except KtrdrError as error:
        _tell(error.message, _HINTS.get(error.code))
        repairable = isinstance(error, InputError | OperationNotFound | OperationConflict)
        raise typer.Exit(BAD_INPUT if repairable else FAILED) from None
    except Exception as error:
        # The top of a command: whoever typed it gets a sentence.
        first = first_of(error)
        if isinstance(first, BrokenPipeError):
            raise first from None  # whoever read stdout has enough
        if isinstance(first, OSError):
            _tell(f"{first.strerror or first}{f': {first.filename}' if first.filename else ''}", None)
        else:
            _tell(f"{type(first).__name__}: {first}", _DEFECT)
        raise typer.Exit(FAILED) from None


def _tell(message: str, hint: str | None) -> None:
    if _tracebacks.get():
        traceback.print_exc()
    typer.echo(f"Error: {visible(message)}", err=True)
    if hint:
        typer.echo(hint.format(command=_command.get()), err=True)


def print_json(value: Any) -> None:
    """Print `value` as indented JSON on stdout."""
    typer.echo(visible(json.dumps(value, indent=2, ensure_ascii=not takes_unicode(), allow_nan=False)))
