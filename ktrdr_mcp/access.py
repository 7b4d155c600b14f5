"""Who may ask over HTTP: the names the server answers to, the pages it answers, and the token it wants.

Programs carry the token in a header; people give it to the dashboard once, whose cookie then stands for it.
Without a token the server is for programs and pages on this machine. With one it also answers to addresses, which a
page cannot point at it the way it can a name (DNS rebinding), and to the names it was told.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.middleware import Middleware

from ktrdr_engine.operations.addresses import is_literal, is_loopback
from ktrdr_engine.operations.http_hosts import KnownHosts
from ktrdr_engine.operations.http_token import BearerToken
from ktrdr_mcp.dashboard.routes import OPEN_PATHS, sign_in_page
from ktrdr_mcp.dashboard.session import Session

_LOCAL_ONLY = (
    "Without KTRDR_SERVER_TOKEN this server answers programs and pages on this machine only, under a loopback "
    "address such as http://127.0.0.1."
)
_UNKNOWN_NAME = "This server does not answer to that host or origin: start it with --allow-host NAME for each name."


class Access:
    """The rules of one server.

    Args:
        token: What callers must carry; None: nothing, and then they must be on this machine.
        names: Host names the server answers to, besides loopback ones and addresses.

    Attributes:
        session: What people sign in to; None where no token is wanted.
    """

    def __init__(self, token: str | None = None, names: Sequence[str] = ()) -> None:
        self._token = token
        self.session = None if token is None else Session(token)
        self._names = frozenset(name.lower() for name in names)

    def middleware(self) -> list[Middleware]:
        """Return the checks, in order."""
        if self._token is None or self.session is None:
            return [Middleware(KnownHosts, is_known=is_loopback, refusal=_LOCAL_ONLY, pages=True)]
        return [
            Middleware(KnownHosts, is_known=self._is_known, refusal=_UNKNOWN_NAME, pages=True),
            Middleware(
                BearerToken,
                token=self._token,
                open_paths=("/health", *OPEN_PATHS),
                also_welcome=self.session.opens,
                refusal=sign_in_page,
            ),
        ]

    def _is_known(self, host: str) -> bool:
        return is_loopback(host) or is_literal(host) or host in self._names
