"""The server's process: opened, spoken through, and ended in order, whatever the transport.

The application is the outer context, the connection the inner: the end of the connection and a signal both close the
application, which cancels what runs here and writes that down. Neighbours: `stdio` and `web` are the transports.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, NoReturn, Protocol

import anyio

from ktrdr_engine.cli.signals import ending_signals

if TYPE_CHECKING:
    from ktrdr_engine.composition import Application

logger = logging.getLogger(__name__)

Opening = Callable[[], AbstractAsyncContextManager["Application"]]

DEFECT = 1
SIGNAL_EXIT_BASE = 128


class Ending:
    """Why the server ends: the first reason counts.

    Attributes:
        event: Set when the server shall end.
        code: The exit code.
    """

    def __init__(self) -> None:
        self.event = anyio.Event()
        self.code = 0

    def begin(self, code: int = 0) -> None:
        """Ask for the end, unless somebody has."""
        if not self.event.is_set():
            self.code = code
            self.event.set()


class Transport(Protocol):
    """How clients reach an application."""

    async def speak(self, application: Application, ending: Ending) -> None:
        """Serve until cancelled; begin the ending when there is nobody left to serve."""

    async def part(self) -> None:
        """Send what is still to be sent; the application is closed and the process about to leave."""

    def exit_code(self, number: int) -> int:
        """Return how the process ends after this signal."""


def run(opening: Opening, transport: Transport) -> NoReturn:
    """Serve the application that `opening` opens, then end the process.

    The process leaves without joining its threads: one may be blocked in a read of stdin that nothing can
    interrupt, another inside a computation that was abandoned. By then the application has been closed.
    """
    code = DEFECT
    try:
        anyio.run(_serve, opening, transport)
    except KeyboardInterrupt:
        code = SIGNAL_EXIT_BASE + signal.SIGINT
    except Exception:
        logger.exception("The server ended on a defect")
    finally:
        leave(code)


def leave(code: int) -> NoReturn:
    """End the process now, without waiting for any thread; what was logged is written first."""
    try:
        logging.shutdown()
        if sys.stderr is not None:
            sys.stderr.flush()
    finally:
        # Also when stderr is gone: an error here must not bring back the wait for threads.
        os._exit(code)


async def _serve(opening: Opening, transport: Transport) -> None:
    ending = Ending()
    with ending_signals(lambda number: ending.begin(transport.exit_code(number))):
        async with anyio.create_task_group() as connection:
            async with opening() as application:
                connection.start_soon(transport.speak, application, ending)
                await ending.event.wait()
            await transport.part()
            # The task group cannot be left: where the SDK reads stdin, its thread may be blocked in that.
            leave(ending.code)
