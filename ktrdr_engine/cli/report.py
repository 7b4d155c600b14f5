"""`ktrdr report`: an operation as one HTML file."""

from __future__ import annotations

import errno
import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread
import typer

from ktrdr_engine.composition import open_application
from ktrdr_engine.errors import InvalidRequest, KtrdrError, StorageError
from ktrdr_engine.reports.gathering import gather_report

if TYPE_CHECKING:
    from ktrdr_engine.settings import Settings

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
_HEAD_BYTES: Final = 4_096  # of a report; who it belongs to is said within them


def write_report(settings: Settings, operation_id: str, *, output: Path | None, show: bool) -> None:
    """Write the report of an operation, print where it is, and open it if asked to.

    A file that is there already is replaced only if it is a report of the same operation.

    Raises:
        OperationNotFound: There is no such operation.
        InvalidRequest: The file cannot be written there, or is something else.
        StorageError: There is no room for it.
        KtrdrError: What is kept of the operation cannot be read.
    """
    target = output or Path(f"{operation_id}.html")
    page = anyio.run(_page, settings, operation_id)
    _refuse_to_replace(target, operation_id)
    _write(target, page)
    typer.echo(str(target))
    print(f"{len(page.encode()) / 1e6:.1f} MB, complete in itself.", file=sys.stderr)
    if show and not webbrowser.open(target.resolve().as_uri()):
        print("No browser could be opened: open the file yourself.", file=sys.stderr)


async def _page(settings: Settings, operation_id: str) -> str:
    from ktrdr_engine.reports.page import render

    async with open_application(settings) as application:
        material = await gather_report(application, operation_id)
    return await anyio.to_thread.run_sync(render, material)


def _refuse_to_replace(target: Path, operation_id: str) -> None:
    from ktrdr_engine.reports.page import marks

    try:
        with target.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unwritable(target, error) from error
    if marks(operation_id) not in head.decode(errors="replace"):
        raise InvalidRequest(
            f"{target} is there already and no report of {operation_id}: choose another file with --output.",
            details={"field": "output", "value": str(target)},
        )


def _write(target: Path, page: str) -> None:
    """Write the file whole or not at all."""
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".ktrdr-") as folder:
            draft = Path(folder, "report.html")
            draft.write_text(page, encoding="utf-8")
            draft.replace(target)
    except OSError as error:
        raise _unwritable(target, error) from error


def _unwritable(target: Path, error: OSError) -> KtrdrError:
    if error.errno in _NO_ROOM:
        return StorageError(f"{target} cannot be written ({error.strerror}): make room, or choose another --output.")
    return InvalidRequest(
        f"{target} cannot be written ({error.strerror}): choose another file with --output.",
        details={"field": "output", "value": str(target)},
    )
