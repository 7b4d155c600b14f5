"""Entry point of `ktrdr-mcp`: reads options and settings, refuses what cannot work or is not safe, and hands over.

Neighbours: `process` runs what is chosen here, `stdio` and `web` are the transports. Only the chosen one is imported.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from ktrdr_engine import __version__
from ktrdr_engine.cli.listening import (
    DEFAULT_HOST,
    add_listening_options,
    refuse_guessable,
    require_token_beyond_loopback,
)
from ktrdr_engine.cli.streams import hold_standard_descriptors
from ktrdr_engine.errors import InvalidRequest, KtrdrError
from ktrdr_engine.logs import set_up_logging
from ktrdr_mcp.process import run

if TYPE_CHECKING:
    from ktrdr_engine.settings import Settings
    from ktrdr_mcp.process import Transport

BAD_USAGE = 2
_STDIO = "stdio"
_OVER_HTTP = ("streamable-http", "sse")
_DEFAULT_PORT = 8000
_TOKEN = "KTRDR_SERVER_TOKEN"
_CLIENTS = "in every client"

# Worker threads run compiled code that gives the lock away; short turns keep the loop quick beside those that do not.
_SWITCH_INTERVAL_SECONDS = 0.0005


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server until its end is asked for; return an exit code, or end the process with one."""
    hold_standard_descriptors()
    options = _parser().parse_args(arguments)

    from ktrdr_engine.composition import open_application
    from ktrdr_engine.settings import load_settings

    try:
        settings = load_settings()
        _check(options, settings)
    except KtrdrError as error:
        print(f"ktrdr-mcp: {error.message}", file=sys.stderr)
        return BAD_USAGE
    _set_up_logging(options, settings)
    sys.setswitchinterval(_SWITCH_INTERVAL_SECONDS)
    run(partial(open_application, settings), _transport(options, settings))


def _check(options: argparse.Namespace, settings: Settings) -> None:
    if options.transport == _STDIO:
        if sys.stdin is None or sys.stdout is None:
            raise InvalidRequest(
                "stdin or stdout is closed, and over stdio a client talks through both: let the MCP host start the "
                "server, or add --transport streamable-http."
            )
        if (options.host, options.port, options.allow_host) != (DEFAULT_HOST, _DEFAULT_PORT, []):
            raise InvalidRequest(
                "--host, --port and --allow-host are for a server that listens: add --transport streamable-http."
            )
        return
    token = settings.ktrdr_server_token
    require_token_beyond_loopback(options.host, token, variable=_TOKEN, same=_CLIENTS)
    if not options.allow_host:
        return
    name = f"--allow-host {options.allow_host[0]}"
    if token is None:
        raise InvalidRequest(
            f"{name} is for clients elsewhere: set {_TOKEN} (the same in every client), or leave the option out."
        )
    refuse_guessable(token, variable=_TOKEN, same=_CLIENTS, where=name)


def _set_up_logging(options: argparse.Namespace, settings: Settings) -> None:
    # Whoever starts a server that listens wants to see where; an MCP client shows every line as a warning.
    level = options.log_level or ("warning" if options.transport == _STDIO else "info")
    set_up_logging(level, settings.ktrdr_log_format)
    if level == "info":
        # At this level the SDK writes session ids, which are as good as a key, and httpx a line for every pull.
        for name in ("mcp", "httpx"):
            logging.getLogger(name).setLevel(logging.WARNING)


def _transport(options: argparse.Namespace, settings: Settings) -> Transport:
    if options.transport == _STDIO:
        from ktrdr_mcp.stdio import Stdio

        return Stdio()

    from ktrdr_mcp.access import Access
    from ktrdr_mcp.web import Web

    token = settings.ktrdr_server_token
    access = Access(token.get_secret_value() if token else None, [options.host, *options.allow_host])
    return Web(access, options.host, options.port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ktrdr-mcp",
        description="Serve ktrdr's backtesting tools to MCP clients: one over stdin and stdout, or many over HTTP.",
        epilog="Configuration comes from the environment and .env, for example KTRDR_HOME and KTRDR_SERVER_TOKEN. "
        "Over HTTP, both HTTP transports are served whichever is named: Streamable HTTP at /mcp, SSE at /sse, and the "
        "REST interface that /openapi.json describes.",
    )
    parser.add_argument("--version", action="version", version=f"ktrdr-mcp {__version__}")
    parser.add_argument(
        "--transport", choices=(_STDIO, *_OVER_HTTP), default=_STDIO, help="how clients connect (default: stdio)"
    )
    add_listening_options(parser, port=_DEFAULT_PORT)
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name clients use for this server, besides localhost and addresses; repeat it for more",
    )
    parser.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        help="what goes to stderr (default: warning, over HTTP info)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
