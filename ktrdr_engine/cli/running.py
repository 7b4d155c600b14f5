"""What every command runs in: settings in, one clear message and an exit code out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import typer

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
    "invalid_request": "See what is expected: ktrdr --help",
    "storage_error": "KTRDR_HOME names the folder that ktrdr writes to.",
}


@contextmanager
def running() -> Iterator[Settings]:
    """Yield the settings; turn an error into a message on stderr and an exit code, without a traceback."""
    from ktrdr_engine.settings import load_settings

    try:
        yield load_settings()
    except KtrdrError as error:
        typer.echo(f"Error: {error.message}", err=True)
        if error.code in _HINTS:
            typer.echo(_HINTS[error.code], err=True)
        repairable = isinstance(error, InputError | OperationNotFound | OperationConflict)
        raise typer.Exit(BAD_INPUT if repairable else FAILED) from None


def print_json(value: Any) -> None:
    """Print `value` as indented JSON on stdout."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))
