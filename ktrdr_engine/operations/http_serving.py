"""The uvicorn server as every main uses it: no log set-up, no access log and no signal handlers of its own."""

from __future__ import annotations

import logging
import socket
from collections.abc import Generator, Mapping
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

logger = logging.getLogger(__name__)

_CLOSE_SECONDS = 1
_EVERYWHERE = ("0.0.0.0", "::")


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, addresses: Mapping[str, str]) -> None:
        super().__init__(config)
        self._addresses = addresses

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to the main, which lets running work end first."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and log what is where: with port 0 nobody can know it earlier.

        An address that cannot be had is logged; the server then ends with `started` false.
        """
        try:
            await super().startup(sockets)
        except SystemExit:
            # uvicorn's way to end; out of a task group it would become a traceback.
            self.should_exit = True
        if not self.started:
            return
        base = base_url(self.config.host, self.servers[0].sockets[0].getsockname()[1])
        for name, path in self._addresses.items():
            logger.info("%s: %s%s", name, base, path)


def base_url(host: str, port: int) -> str:
    """Return where a server can be asked from this machine."""
    name = "localhost" if host in _EVERYWHERE else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}"


def make_server(app: ASGIApp, host: str, port: int, addresses: Mapping[str, str]) -> uvicorn.Server:
    """Return a server that serves until its `should_exit` is set.

    Args:
        app: What it serves.
        host: Where to listen.
        port: Likewise; 0: any free port.
        addresses: Names of what it serves and their paths, logged when it listens.
    """
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
    return _Server(config, addresses)
