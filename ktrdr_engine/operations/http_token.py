"""Bearer tokens: who does not have the token gets 401 before anything is read. Plain ASGI, for any app."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from ktrdr_engine.operations.http_replies import error_reply
from ktrdr_engine.operations.models import ErrorInfo


class BearerToken:
    """Lets requests through that carry `Authorization: Bearer <token>`.

    Guarantees:
        - The comparison takes as long for a near miss as for a far one.
        - Nothing of the request is read before it.

    Args:
        app: What is protected.
        token: The secret; not empty.
        open_paths: Paths that need none.
        also_welcome: Says of a request without the header whether something else opens the door to it.
        refusal: Returns what refused requests get instead of our JSON; None: that.
    """

    def __init__(
        self,
        app: ASGIApp,
        token: str,
        open_paths: Collection[str] = ("/health",),
        *,
        also_welcome: Callable[[Scope], bool] = lambda _scope: False,
        refusal: Callable[[Scope], ASGIApp | None] = lambda _scope: None,
    ) -> None:
        if not token:
            raise ValueError("An empty token protects nothing.")
        self._app = app
        self._expected = f"Bearer {token}".encode()
        self._open_paths = frozenset(open_paths)
        self._also_welcome = also_welcome
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or scope["path"] in self._open_paths or self._is_welcome(scope):
            await self._app(scope, receive, send)
            return
        if (refusal := self._refusal(scope)) is not None:
            await refusal(scope, receive, send)
            return
        info = ErrorInfo(
            code="unauthorized", message="No token, or a wrong one: send the header Authorization: Bearer <token>."
        )
        await error_reply(401, info, {"WWW-Authenticate": "Bearer"})(scope, receive, send)

    def _is_welcome(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if not given:
            return self._also_welcome(scope)
        return len(given) == 1 and hmac.compare_digest(_normal(given[0]), self._expected)


def _normal(header: bytes) -> bytes:
    """Return the header with the scheme as we write it; schemes know no case."""
    scheme, _, token = header.partition(b" ")
    return (b"Bearer " + token.strip()) if scheme.lower() == b"bearer" else header
