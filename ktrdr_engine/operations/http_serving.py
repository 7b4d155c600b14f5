"""The uvicorn server as every main uses it: no log set-up, no access log and no signal handlers of its own."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

_CLOSE_SECONDS = 1


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to the main, which lets running work end first."""
        yield


def make_server(app: ASGIApp, host: str, port: int) -> uvicorn.Server:
    """Return a server that serves until its `should_exit` is set."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=_CLOSE_SECONDS,
    )
    return _Server(config)
