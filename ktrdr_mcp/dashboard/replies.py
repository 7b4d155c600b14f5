"""Pages as replies: templates that escape everything, and headers that let a page do nothing but what it is for."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

from ktrdr_engine import __version__
from ktrdr_engine.metrics.wording import label
from ktrdr_engine.number_format import fixed
from ktrdr_mcp.dashboard.figures import figure, flaw, in_words, kind, moment, subject, tone

STATIC: Final = {"dashboard.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}
"""Files that are the same for everybody, and their types."""

_PAGE_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# A report is one file with its own script in it. The sandbox makes that script a stranger to this server: it has no
# cookie and may ask nobody anything.
_REPORT_POLICY: Final = (
    "sandbox allow-scripts allow-modals allow-downloads; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'"
)
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with that a browser hides the origin of a form, which is how a cancel shows where it comes from.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_A_DAY: Final = 86_400


def page_reply(template: str, status: int = 200, **context: Any) -> Response:
    """Return a page made of a template."""
    text = _environment().get_template(template).render(context)
    return Response(text, status, {**_HEADERS, "Content-Security-Policy": _PAGE_POLICY}, media_type="text/html")


def report_reply(text: str) -> Response:
    """Return a report as it is, shut off from everything else here."""
    return Response(text, 200, {**_HEADERS, "Content-Security-Policy": _REPORT_POLICY}, media_type="text/html")


def redirect(address: str) -> Response:
    """Return a reply that makes the browser get another address of this server."""
    return Response("", 303, {**_HEADERS, "Location": address})


def static_reply(name: str) -> Response:
    """Return one of the `STATIC` files; its address changes with its content, so browsers may keep it."""
    keeping = {"Cache-Control": f"private, max-age={_A_DAY}", "X-Content-Type-Options": "nosniff"}
    return Response(_static(name), 200, keeping, media_type=STATIC[name])


@cache
def _static(name: str) -> bytes:
    return files(__package__).joinpath("static", name).read_bytes()


def _static_url(name: str) -> str:
    return f"/static/{name}?v={hashlib.sha256(_static(name)).hexdigest()[:12]}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__ or "", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"static": _static_url, "version": __version__}
    environment.filters |= {
        "figure": lambda value, name: figure(name, value),
        "tone": lambda value, name: tone(name, value),
        "label": label,
        "moment": moment,
        "fixed": fixed,
        "kind": kind,
        "subject": subject,
        "in_words": in_words,
        "flaw": flaw,
    }
    return environment
