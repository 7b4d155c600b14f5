"""`ktrdr backtest`: one backtest in this process, watched until it ends."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import anyio
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from ktrdr_engine.backtesting.models import BacktestRequest
from ktrdr_engine.cli.running import DONE, FAILED, INTERRUPTED, print_json
from ktrdr_engine.cli.signals import ending_signals
from ktrdr_engine.cli.tables import results_table
from ktrdr_engine.composition import open_application
from ktrdr_engine.operations.models import Operation, OperationStatus

if TYPE_CHECKING:
    from ktrdr_engine.composition import Application
    from ktrdr_engine.settings import Settings

_REFRESH_SECONDS = 0.1
_STOP_SECONDS = 1.0


def run_backtest(settings: Settings, arguments: Mapping[str, Any], *, as_json: bool) -> int:
    """Run the backtest, show how far it is on stderr and its results on stdout, and return the exit code.

    Raises:
        KtrdrError: It could not be started.
    """
    watch = _Watch(BacktestRequest.parse(arguments))
    operation = anyio.run(watch.run, settings)
    if operation is not None:
        _show(operation, as_json=as_json)
    if watch.interrupted:
        print("Cancelled by Ctrl-C.", file=sys.stderr)
        return INTERRUPTED
    return DONE if operation and operation.status is OperationStatus.COMPLETED else FAILED


class _Watch:
    """One backtest from its request to its end, or to Ctrl-C."""

    def __init__(self, request: BacktestRequest) -> None:
        self._request = request
        self._scope = anyio.CancelScope()
        self.interrupted = False

    async def run(self, settings: Settings) -> Operation | None:
        """Return the ended operation; None when it was interrupted before there was one."""
        with ending_signals(self._interrupt), _bar() as bar:
            async with open_application(settings) as application:
                operation_id: str | None = None
                with self._scope:
                    operation_id = await application.backtesting.run_backtest(self._request)
                    return await _follow(application, operation_id, bar)
                return None if operation_id is None else await _stop(application, operation_id)

    def _interrupt(self, _signal: int) -> None:
        self.interrupted = True
        self._scope.cancel()


async def _follow(application: Application, operation_id: str, bar: Progress) -> Operation:
    task = bar.add_task("", total=100)
    while True:
        operation = await application.operations.get_operation(
            operation_id, force_refresh=True, wait_seconds=_REFRESH_SECONDS
        )
        bar.update(task, completed=operation.progress.percentage, description=operation.progress.message)
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
        TextColumn("{task.description}"),
        console=Console(stderr=True),
        transient=True,
    )


def _show(operation: Operation, *, as_json: bool) -> None:
    if as_json:
        print_json(operation.model_dump(mode="json"))
        return
    console = Console()
    if operation.results:
        console.print(results_table(operation.results, f"{operation.operation_id}  {operation.status}"))
        for note in operation.results.get("notes", ()):
            console.print(f"note: {note}", markup=False, highlight=False)
    for warning in operation.warnings:
        print(f"Warning: {warning}", file=sys.stderr)
    if operation.error:
        print(f"Error {operation.error.code}: {operation.error.message}", file=sys.stderr)
