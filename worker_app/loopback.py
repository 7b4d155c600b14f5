"""What protects a worker without a token: the addresses it is asked under, and that no web page asks.

A page in the user's browser can reach loopback, under a name of its own (DNS rebinding) or by a plain cross-site
POST. The first shows in Host, the second in Origin.
"""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from ktrdr_engine.operations.http_replies import error_reply
from ktrdr_engine.operations.models import ErrorInfo

_LOOPBACK = re.compile(rb"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)
_REFUSAL = ErrorInfo(
    code="forbidden",
    message="Without KTRDR_WORKER_TOKEN the worker answers programs on this machine only, under a loopback address.",
)


class LoopbackOnly:
    """Turns away requests under a foreign host name, and those that a browser sends for a page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or _is_welcome(dict(scope["headers"])):
            await self._app(scope, receive, send)
        else:
            await error_reply(403, _REFUSAL)(scope, receive, send)


def _is_welcome(headers: dict[bytes, bytes]) -> bool:
    return b"origin" not in headers and _LOOPBACK.fullmatch(headers.get(b"host", b"")) is not None
