"""Host and Origin: under which names a server may be asked, and for which web pages. Plain ASGI, for any app.

A page in the user's browser can reach loopback, under a name of its own (DNS rebinding) or by a plain cross-site
POST. The first shows in Host, the second in Origin. Who may ask at all is `http_token`'s business.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from ktrdr_engine.operations.http_replies import error_reply
from ktrdr_engine.operations.models import ErrorInfo

_AUTHORITY = r"(\[(?P<literal>[0-9a-f:.]{2,45})\]|(?P<name>[a-z0-9._-]{1,253}))(:\d{1,5})?"
_HOST = re.compile(_AUTHORITY, re.IGNORECASE)
_ORIGIN = re.compile("https?://" + _AUTHORITY, re.IGNORECASE)


class KnownHosts:
    """Lets requests through that name a known host, and come from no page or from one on a known host.

    Args:
        app: What is protected.
        is_known: Says of a host, without its port and brackets, whether it is known.
        refusal: What the others are told; say how to repair.
        pages: Whether pages on known hosts may ask; False: no page may.
    """

    def __init__(self, app: ASGIApp, is_known: Callable[[str], bool], refusal: str, *, pages: bool = False) -> None:
        self._app = app
        self._is_known = is_known
        self._refusal = ErrorInfo(code="forbidden", message=refusal)
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or self._is_welcome(scope["headers"]):
            await self._app(scope, receive, send)
        else:
            await error_reply(403, self._refusal)(scope, receive, send)

    def _is_welcome(self, headers: list[tuple[bytes, bytes]]) -> bool:
        hosts = [value for name, value in headers if name == b"host"]
        origins = [value for name, value in headers if name == b"origin"]
        if origins and not self._pages:
            return False
        return len(hosts) == 1 and self._knows(_HOST, hosts[0]) and all(self._knows(_ORIGIN, one) for one in origins)

    def _knows(self, form: re.Pattern[str], value: bytes) -> bool:
        found = form.fullmatch(value.decode("latin-1"))
        return found is not None and self._is_known((found["literal"] or found["name"]).lower())


def is_same_origin(scope: Scope) -> bool:
    """Tell whether a browser says that the request comes from a page of this very server."""
    origins = [value for name, value in scope["headers"] if name == b"origin"]
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if len(origins) != 1 or len(hosts) != 1:
        return False
    scheme, _, authority = origins[0].partition(b"://")
    return scheme in (b"http", b"https") and authority.lower() == hosts[0].lower()
