"""`ktrdr operations`: the history of all sessions, read from where they keep it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

import anyio
from rich.console import Console

from ktrdr_engine.cli.operation_rows import operation_rows
from ktrdr_engine.cli.running import print_json
from ktrdr_engine.cli.tables import figure, listing, print_notes, results_table
from ktrdr_engine.composition import open_application
from ktrdr_engine.errors import InvalidRequest, did_you_mean
from ktrdr_engine.operations.models import Operation, OperationStatus, OperationType

if TYPE_CHECKING:
    from ktrdr_engine.operations.service import OperationsService
    from ktrdr_engine.settings import Settings

ResultT = TypeVar("ResultT")
WordT = TypeVar("WordT", bound=StrEnum)

_CREATED = ("created (UTC)", lambda row: f"{row.created_at:%Y-%m-%d %H:%M}")


def show_list(
    settings: Settings, *, status: str | None, operation_type: str | None, limit: int, offset: int, as_json: bool
) -> None:
    """Print a page of operations."""
    wanted_status = _word(OperationStatus, "--status", status)
    wanted_type = _word(OperationType, "--type", operation_type)
    page = _ask(
        settings,
        lambda operations: operations.list_operations(
            status=wanted_status, operation_type=wanted_type, limit=limit, offset=offset
        ),
    )
    if as_json:
        print_json(page.model_dump(mode="json"))
    else:
        console = Console()
        title = f"{page.returned:,} of {page.total:,} operations"
        console.print(operation_rows(title, page.operations, moment=_CREATED, width=console.width))


def show_one(settings: Settings, operation_id: str, *, as_json: bool) -> None:
    """Print one operation."""
    _print(_ask(settings, lambda operations: operations.get_operation(operation_id)), as_json=as_json)


def cancel_one(settings: Settings, operation_id: str, *, reason: str | None, as_json: bool) -> None:
    """Cancel an operation and print what became of it."""
    operation = _ask(settings, lambda operations: operations.cancel_operation(operation_id, reason=reason))
    _print(operation, as_json=as_json)


def _ask(settings: Settings, question: Callable[[OperationsService], Awaitable[ResultT]]) -> ResultT:
    async def asked() -> ResultT:
        async with open_application(settings) as application:
            return await question(application.operations)

    return anyio.run(asked)


def _word(words: type[WordT], option: str, given: str | None) -> WordT | None:
    if given is None:
        return None
    try:
        return words(given.upper())
    except ValueError:
        raise InvalidRequest(
            f"{option} {given!r} is not known.{did_you_mean(given.upper(), [word.value for word in words])}"
        ) from None


def _print(operation: Operation, *, as_json: bool) -> None:
    if as_json:
        print_json(operation.model_dump(mode="json"))
        return
    console = Console()
    console.print(listing(f"{operation.operation_id}  {operation.status}", ("", ""), _facts(operation)))
    if operation.results:
        console.print(results_table(operation.results, "results"))
        print_notes(console, operation.results)


def _facts(operation: Operation) -> list[tuple[str, str]]:
    facts = [
        ("type", operation.operation_type.value),
        ("progress", f"{operation.progress.percentage:.1f} %  {operation.progress.message}"),
        ("created", f"{operation.created_at:%Y-%m-%d %H:%M:%S} UTC"),
        *((name, figure(name, value)) for name, value in operation.metadata.items()),
        *(("warning", warning) for warning in operation.warnings),
    ]
    if operation.error:
        facts.append((f"error {operation.error.code}", operation.error.message))
    return facts
