"""The live view of one operation inside a chat: progress, equity so far, last trades, cancel, results.

The page (`operation.html`) pulls through the host's tools/call, like an agent does; a host without Apps shows the text
of the tool's reply instead. Neighbours: `tools` name this page in their metadata, `server` hands it out.
"""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files
from typing import Any, Final

from mcp.server.apps import Apps, ResourceCsp

OPERATION_APP: Final = "ui://ktrdr/operation.html"
SHOWN_IN_APP: Final[dict[str, Any]] = {"ui": {"resourceUri": OPERATION_APP}}
"""Metadata of a tool whose reply the page can show: one that carries an operation, or the id of one."""

_POLICY: Final = "STYLE-AND-SCRIPT"


def operation_app() -> Apps:
    """Return the extension that hands out the page."""
    apps = Apps()
    apps.add_html_resource(
        OPERATION_APP,
        operation_page(),
        name="operation",
        title="Operation, live",
        description="Progress, equity so far, last trades and results of one operation, with a cancel button",
        csp=ResourceCsp(connect_domains=[], resource_domains=[], frame_domains=[], base_uri_domains=[]),
        prefers_border=True,
    )
    return apps


def operation_page() -> str:
    """Return the page, its content security policy allowing exactly the style and the script that are in it."""
    page = files(__package__).joinpath("operation.html").read_text(encoding="utf-8")
    for directive, element in (("script-src", "script"), ("style-src", "style")):
        page = page.replace(f"{directive} '{_POLICY}'", f"{directive} '{_hash(page, element)}'")
    return page


def _hash(page: str, element: str) -> str:
    (content,) = re.findall(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
