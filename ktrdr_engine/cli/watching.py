"""What every command shares that starts an operation: a bar while it runs, its results, Ctrl-C, the exit code."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from ktrdr_engine.cli.running import DONE, FAILED, INTERRUPTED, print_json
from ktrdr_engine.cli.signals import ending_signals
from ktrdr_engine.cli.tables import print_notes, results_table
from ktrdr_engine.cli.visible import visible
from ktrdr_engine.composition import open_application
from ktrdr_engine.operations.models import Operation, OperationStatus

if TYPE_CHECKING:
    from ktrdr_engine.composition import Application
    from ktrdr_engine.settings import Settings

_REFRESH_SECONDS = 0.1
_STOP_SECONDS = 1.0

Start = Callable[["Application"], Awaitable[str]]
"""Starts an operation of an open application and returns its id."""

MoreTables = Callable[[Mapping[str, Any]], Iterable[Table]]
"""Makes further tables of results, for what two columns cannot show."""


def run_watched(settings: Settings, start: Start, *, as_json: bool, more: MoreTables | None = None) -> int:
    """Run an operation, show how far it is on stderr and its results on stdout, and return the exit code.

    Raises:
        KtrdrError: It could not be started.
    """
    operation, interrupted, is_stored = anyio.run(_watched, settings, start)
    if operation is not None:
        _show(operation, as_json=as_json, more=more)
    if interrupted:
        print("Cancelled by Ctrl-C.", file=sys.stderr)
        return INTERRUPTED
    return DONE if operation and operation.status is OperationStatus.COMPLETED and is_stored else FAILED


class _Watched(NamedTuple):
    """The operation as it ended, whether Ctrl-C ended it, and whether later commands will find all of it.

    None: Ctrl-C came before there was one.
    """

    operation: Operation | None
    interrupted: bool
    is_stored: bool


async def _watched(settings: Settings, start: Start) -> _Watched:
    operation: Operation | None = None
    patience = anyio.CancelScope()
    with ending_signals(lambda _signal: patience.cancel()):
        async with open_application(settings) as application:
            operation_id: str | None = None
            with patience:
                operation_id = await start(application)
                operation = await _follow(application, operation_id)
            if operation is None and operation_id is not None:
                operation = await _stop(application, operation_id)
    # Only now: with the application ended the last attempt to store it.
    is_stored = operation is None or application.operations.is_stored(operation.operation_id)
    return _Watched(operation, patience.cancel_called, is_stored)


async def _follow(application: Application, operation_id: str) -> Operation:
    with _bar() as bar:
        task = bar.add_task("", total=100)
        while True:
            operation = await application.operations.get_operation(
                operation_id, force_refresh=True, wait_seconds=_REFRESH_SECONDS
            )
            bar.update(task, completed=operation.progress.percentage, description=visible(operation.progress.message))
            if operation.status.is_final:
                return operation


async def _stop(application: Application, operation_id: str) -> Operation:
    operation = await application.operations.cancel_operation(operation_id, reason="Ctrl-C")
    if operation.status.is_final:
        return operation
    return await application.operations.get_operation(operation_id, force_refresh=True, wait_seconds=_STOP_SECONDS)


def _bar() -> Progress:
    return Progress(
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )


def _show(operation: Operation, *, as_json: bool, more: MoreTables | None) -> None:
    if as_json:
        print_json(operation.model_dump(mode="json"))
        return
    console = Console()
    if operation.results:
        console.print(results_table(operation.results, f"{operation.operation_id}  {operation.status}"))
        for table in more(operation.results) if more else ():
            console.print(table)
        print_notes(console, operation.results)
    for warning in operation.warnings:
        print(f"Warning: {visible(warning)}", file=sys.stderr)
    if operation.error:
        print(f"Error {operation.error.code}: {visible(operation.error.message)}", file=sys.stderr)
    if operation.results:
        typer.echo(f"\nReport: ktrdr report {operation.operation_id} --open")
