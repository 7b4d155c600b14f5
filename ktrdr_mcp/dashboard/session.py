"""Signing in: a cookie that stands for the server's token in browsers, which cannot send a bearer header by themselves.

The cookie is derived from the token, so nothing is kept on the server, a restart signs nobody out, and a new token
signs everybody out. Script cannot read it, and other sites cannot make a browser send it.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from ktrdr_engine.operations.http_hosts import is_same_origin

_COOKIE: Final = "ktrdr_session"
_PURPOSE: Final = b"ktrdr dashboard session, 1"
_SAFE_METHODS: Final = ("GET", "HEAD")


class Session:
    """The one session there is: whoever knows the token.

    Args:
        token: The secret; not empty.
    """

    def __init__(self, token: str) -> None:
        if not token:
            raise ValueError("An empty token protects nothing.")
        self._token = token.encode()
        self._value = hmac.new(self._token, _PURPOSE, hashlib.sha256).hexdigest()

    def knows(self, token: str) -> bool:
        """Tell whether this is the token, in the same time for a near miss as for a far one."""
        return hmac.compare_digest(token.encode(errors="surrogatepass"), self._token)

    def opens(self, scope: Scope) -> bool:
        """Tell whether the request carries the cookie and may use it: to look, or from one of our own pages."""
        given = Request(scope).cookies.get(_COOKIE, "").encode()
        if not hmac.compare_digest(given, self._value.encode()):
            return False
        return scope["method"] in _SAFE_METHODS or is_same_origin(scope)

    def remember(self, response: Response, *, secure: bool) -> None:
        """Hand out the cookie; it ends with the browser.

        Args:
            response: What carries it.
            secure: Whether the browser came over HTTPS, and shall send it over nothing else.
        """
        response.set_cookie(_COOKIE, self._value, path="/", httponly=True, samesite="strict", secure=secure)

    def forget(self, response: Response) -> None:
        """Take the cookie back."""
        response.delete_cookie(_COOKIE, path="/", httponly=True, samesite="strict")
