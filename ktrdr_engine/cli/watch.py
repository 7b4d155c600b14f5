"""`ktrdr watch`: the operations of all processes that share this home, in a table that stays as true as the store.

What runs belongs to other processes, whose ends nothing here can wait for: while somebody looks, the table is asked
for once a second. How far such a run is stays in the memory of its process; the table shows how long it has run.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import anyio
from rich.console import Console
from rich.live import Live

from ktrdr_engine.cli.operation_rows import operation_rows
from ktrdr_engine.cli.running import DONE
from ktrdr_engine.cli.signals import ending_signals
from ktrdr_engine.composition import open_application
from ktrdr_engine.operations.models import OperationPage, OperationSummary, utc_now

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ktrdr_engine.operations.service import OperationsService
    from ktrdr_engine.settings import Settings

_LOOK_SECONDS: Final = 1.0


def watch(settings: Settings, *, limit: int, once: bool) -> int:
    """Show the newest operations until Ctrl-C, or once where nobody can see a table change; return the exit code.

    Raises:
        StorageError: The store cannot be read.
    """
    console = Console()
    anyio.run(_show, settings, console, limit, once or not console.is_terminal)
    return DONE


async def _show(settings: Settings, console: Console, limit: int, once: bool) -> None:
    async with open_application(settings) as application:
        if once:
            console.print(await _listed(application.operations, console, limit))
            return
        looking = anyio.CancelScope()
        with ending_signals(lambda _signal: looking.cancel()), looking:
            await _keep_showing(application.operations, console, limit)


async def _keep_showing(operations: OperationsService, console: Console, limit: int) -> None:
    with Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(await _listed(operations, console, limit), refresh=True)
            await anyio.sleep(_LOOK_SECONDS)


async def _listed(operations: OperationsService, console: Console, limit: int) -> RenderableType:
    return operations_now(await operations.list_operations(limit=limit), utc_now(), console.width)


def operations_now(page: OperationPage, now: datetime, width: int) -> RenderableType:
    """Return the operations with what they do now and for how long they have."""
    running = sum(not row.status.is_final for row in page.operations)
    title = f"{running} under way, {page.returned} of {page.total} operations" if page.total else "No operations yet"
    return operation_rows(title, page.operations, moment=("for", lambda row: _time_of(row, now)), width=width)


def _time_of(row: OperationSummary, now: datetime) -> str:
    return _duration(max(0, int(((row.completed_at or now) - row.created_at).total_seconds())))


def _duration(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
