"""The options and rules of every main that listens: where, and that beyond loopback there must be a token."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ktrdr_engine.errors import InvalidRequest
from ktrdr_engine.operations.addresses import is_loopback

if TYPE_CHECKING:
    from pydantic import SecretStr

DEFAULT_HOST = "127.0.0.1"
_MAX_PORT = 65_535
_SHORTEST_TOKEN = 16  # characters; a server answers thousands of guesses a second


def add_listening_options(parser: argparse.ArgumentParser, *, port: int) -> None:
    """Add --host and --port."""
    parser.add_argument("--host", default=DEFAULT_HOST, help=f"address to listen on (default: {DEFAULT_HOST})")
    parser.add_argument("--port", type=_port, default=port, help=f"port, 0 for any free one (default: {port})")


def require_token_beyond_loopback(host: str, token: SecretStr | None, *, variable: str, same: str) -> None:
    """Check that who can reach `host` must also have a token, and one that nobody guesses.

    Args:
        host: Where the server shall listen.
        token: What callers must carry, if set.
        variable: The environment variable that holds it.
        same: Who else must know it, for the message.

    Raises:
        InvalidRequest: Other machines could ask without a token, or find it by trying.
    """
    if is_loopback(host):
        return
    if token is None:
        raise InvalidRequest(
            f"--host {host} can be reached from other machines: set {variable} (the same {same}), "
            f"or listen on {DEFAULT_HOST}."
        )
    refuse_guessable(token, variable=variable, same=same, where=f"--host {host}")


def refuse_guessable(token: SecretStr, *, variable: str, same: str, where: str) -> None:
    """Check that nobody finds the token by trying.

    Args:
        token: The token.
        variable: The environment variable that holds it.
        same: Who else must know it, for the message.
        where: The option that opens the server to others, for the message.

    Raises:
        InvalidRequest: It is too short.
    """
    if len(token.get_secret_value()) < _SHORTEST_TOKEN:
        raise InvalidRequest(
            f"{where} lets other machines ask, and {variable} is short enough to be guessed: give it at least "
            f"{_SHORTEST_TOKEN} characters, for example from `openssl rand -hex 32` (the same {same})."
        )


def _port(text: str) -> int:
    number = int(text) if text.isdecimal() else _MAX_PORT + 1
    if number > _MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a number from 0 to {_MAX_PORT}")
    return number
