"""Entry point of `ktrdr-worker`: owns the process, loads what runs need before it serves, and ends in order.

On SIGTERM or SIGINT new work gets 503, running work may end until a deadline and is cancelled then, everything is
stored, and the process leaves. Neighbours: `app` is what is served.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

import anyio
import anyio.to_thread

from ktrdr_engine import __version__
from ktrdr_engine.cli.listening import add_listening_options, require_token_beyond_loopback
from ktrdr_engine.cli.signals import ending_signals
from ktrdr_engine.cli.streams import hold_standard_descriptors
from ktrdr_engine.errors import KtrdrError
from ktrdr_engine.logs import set_up_logging
from ktrdr_engine.settings import Settings, load_settings

if TYPE_CHECKING:
    from uvicorn import Server

    from ktrdr_engine.composition import Application

logger = logging.getLogger(__name__)

_BAD_USAGE = 2
_DEFECT = 1
_DEFAULT_PORT = 5003
_SWITCH_INTERVAL_SECONDS = 0.0005
_STATE_FOLDER = "worker"
_ADDRESSES = {"Operations": "/api/v1/operations", "Health": "/health", "REST": "/openapi.json"}
_REMARK = (
    "The model lies in the KTRDR_HOME of the worker: backtests that run there find it, and a server that shares it."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal comes; return 0 after an orderly end, 2 for wrong usage or configuration."""
    hold_standard_descriptors()
    options = _parser().parse_args(arguments)
    try:
        settings = load_settings().without_workers()
        require_token_beyond_loopback(
            options.host, settings.ktrdr_worker_token, variable="KTRDR_WORKER_TOKEN", same="on the server"
        )
    except KtrdrError as error:
        return _refuse(error.message)
    set_up_logging(options.log_level, settings.ktrdr_log_format)
    sys.setswitchinterval(_SWITCH_INTERVAL_SECONDS)
    code = _DEFECT
    try:
        code = anyio.run(_serve, settings, options)
    except Exception:
        logger.exception("The worker ended on a defect")
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End the process without joining threads: an abandoned computation must not hold it."""
    logging.shutdown()
    if sys.stderr is not None:
        sys.stderr.flush()
    os._exit(code)


async def _serve(settings: Settings, options: argparse.Namespace) -> int:
    from ktrdr_engine.composition import open_application
    from ktrdr_engine.operations.http_serving import make_server
    from worker_app.app import create_app

    async with open_application(settings, state=settings.ktrdr_home / _STATE_FOLDER, remark=_REMARK) as application:
        await anyio.to_thread.run_sync(application.warm_up)
        token = settings.ktrdr_worker_token
        app = create_app(application, token=token.get_secret_value() if token else None)
        server = make_server(app, options.host, options.port, _ADDRESSES)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_end_on_signal, server, application, options.drain_seconds)
            await server.serve()
            tasks.cancel_scope.cancel()
        return 0 if server.started else _DEFECT


async def _end_on_signal(server: Server, application: Application, drain_seconds: float) -> None:
    """Wait for a signal, then end in order; a second one ends the waiting."""
    signals: list[anyio.Event] = [anyio.Event(), anyio.Event()]

    def notify(number: int) -> None:
        next((event for event in signals if not event.is_set()), signals[-1]).set()

    with ending_signals(notify):
        await signals[0].wait()
        logger.info("Ending: new work is refused, running work has %s s", drain_seconds)
        async with anyio.create_task_group() as draining:
            draining.start_soon(_hurry, signals[1], draining.cancel_scope)
            await application.operations.drain(drain_seconds)
            draining.cancel_scope.cancel()
        server.should_exit = True
        await anyio.sleep_forever()


async def _hurry(again: anyio.Event, draining: anyio.CancelScope) -> None:
    await again.wait()
    draining.cancel()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ktrdr-worker",
        description="Run ktrdr's backtests and trainings for servers that set USE_REMOTE_BACKTEST_SERVICE=true or "
        "USE_REMOTE_TRAINING_SERVICE=true.",
        epilog="Configuration comes from the environment and .env: KTRDR_HOME, KTRDR_WORKER_TOKEN and others.",
    )
    parser.add_argument("--version", action="version", version=f"ktrdr-worker {__version__}")
    add_listening_options(parser, port=_DEFAULT_PORT)
    parser.add_argument(
        "--drain-seconds", type=float, default=5.0, help="how long running work may go on after SIGTERM (default: 5)"
    )
    parser.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), default="info", help="what goes to stderr"
    )
    return parser


def _refuse(message: str) -> int:
    print(f"ktrdr-worker: {message}", file=sys.stderr)
    return _BAD_USAGE


if __name__ == "__main__":
    sys.exit(main())
