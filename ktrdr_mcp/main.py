"""Entry point of `ktrdr-mcp`: owns the process, so that its end is always an orderly one.

The application is the outer context, the connection the inner: EOF, SIGINT, SIGTERM and a client that stops reading
all close the application, which cancels what runs and writes that down. Nothing but the protocol goes to stdout.
Neighbours: `server` is what is served.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import anyio

from ktrdr_engine import __version__
from ktrdr_engine.cli.signals import ending_signals
from ktrdr_engine.errors import KtrdrError
from ktrdr_engine.logs import set_up_logging

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from ktrdr_engine.composition import Application

logger = logging.getLogger(__name__)

Opening = Callable[[], AbstractAsyncContextManager["Application"]]

BAD_USAGE = 2
_DEFECT = 1
_SIGNAL_EXIT_BASE = 128
_LATER_TRANSPORTS = ("streamable-http", "sse")

# Worker threads run compiled code that gives the lock away; short turns keep the loop quick beside those that do not.
_SWITCH_INTERVAL_SECONDS = 0.0005


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server until its client leaves or a signal comes; return an exit code, or end the process with one."""
    options = _parser().parse_args(arguments)
    if options.transport in _LATER_TRANSPORTS:
        return _refuse(f"--transport {options.transport} is not in this version yet: use --transport stdio.")

    from ktrdr_engine.composition import open_application
    from ktrdr_engine.settings import load_settings

    try:
        settings = load_settings()
    except KtrdrError as error:
        return _refuse(error.message)
    set_up_logging(options.log_level, settings.ktrdr_log_format)
    sys.setswitchinterval(_SWITCH_INTERVAL_SECONDS)
    run(partial(open_application, settings))


def run(opening: Opening) -> NoReturn:
    """Serve stdio over the application that `opening` opens, then end the process.

    The process leaves without joining its threads: one may be blocked in a read of stdin that nothing can
    interrupt, another inside a computation that was abandoned. By then the application has been closed.
    """
    code = _DEFECT
    try:
        anyio.run(_serve, opening)
    except KeyboardInterrupt:
        code = _SIGNAL_EXIT_BASE + signal.SIGINT
    except Exception:
        logger.exception("The server ended on a defect")
    finally:
        leave(code)


def leave(code: int) -> NoReturn:
    """End the process now, without waiting for any thread; what was logged is written first."""
    try:
        logging.shutdown()
        sys.stderr.flush()
    finally:
        # Also when stderr is gone: an error here must not bring back the wait for threads.
        os._exit(code)


class _Ending:
    """Why the server ends: the first reason counts."""

    def __init__(self) -> None:
        self.event = anyio.Event()
        self.code = 0

    def by_signal(self, number: int) -> None:
        if not self.event.is_set():
            self.code = _SIGNAL_EXIT_BASE + number
            self.event.set()


async def _serve(opening: Opening) -> None:
    from ktrdr_mcp.server import create_server

    ending = _Ending()
    with ending_signals(ending.by_signal):
        async with anyio.create_task_group() as connection:
            async with opening() as application:
                server = create_server(application, on_disconnect=ending.event.set)
                connection.start_soon(_speak, server, ending)
                await ending.event.wait()
            # The task group cannot be left: the SDK's reader thread may be blocked in a read of stdin.
            leave(ending.code)


async def _speak(server: MCPServer, ending: _Ending) -> None:
    try:
        await server.run_stdio_async()
    except* OSError as broken:
        logger.warning("The client stopped reading: %s", broken.exceptions[0])
    finally:
        ending.event.set()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ktrdr-mcp",
        description="Serve ktrdr's backtesting tools to an MCP client over stdin and stdout.",
        epilog="Configuration comes from the environment and .env, for example KTRDR_HOME.",
    )
    parser.add_argument("--version", action="version", version=f"ktrdr-mcp {__version__}")
    parser.add_argument(
        "--transport",
        choices=("stdio", *_LATER_TRANSPORTS),
        default="stdio",
        help="how clients connect (default: stdio)",
    )
    parser.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), default="warning", help="what goes to stderr"
    )
    return parser


def _refuse(message: str) -> int:
    print(f"ktrdr-mcp: {message}", file=sys.stderr)
    return BAD_USAGE


if __name__ == "__main__":
    sys.exit(main())
