"""The worker as an ASGI app over an open application: routes, and who may use them.

Kind-blind: what can be started is `composition`'s business. Neighbours: `main` owns the process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware

from ktrdr_engine.operations.addresses import is_loopback
from ktrdr_engine.operations.http import ERROR_HANDLERS, operation_routes
from ktrdr_engine.operations.http_hosts import KnownHosts
from ktrdr_engine.operations.http_token import BearerToken

if TYPE_CHECKING:
    from ktrdr_engine.composition import Application

SERVICE = "ktrdr-worker"
_REFUSAL = "Without KTRDR_WORKER_TOKEN the worker answers programs on this machine only, under a loopback address."


def create_app(application: Application, *, token: str | None = None) -> Starlette:
    """Return the app.

    Args:
        application: What it serves: open, and set up to run everything locally.
        token: What callers must carry; None: nothing, but they must be on this machine and no web page.
    """
    guard = (
        Middleware(BearerToken, token=token)
        if token
        else Middleware(KnownHosts, is_known=is_loopback, refusal=_REFUSAL)
    )
    app = Starlette(
        routes=operation_routes(application.operations, application.start_routes, service=SERVICE),
        middleware=[guard],
        exception_handlers=ERROR_HANDLERS,
    )
    # An address is right or it is 404: the proxy takes a redirect for a defect.
    app.router.redirect_slashes = False
    return app
