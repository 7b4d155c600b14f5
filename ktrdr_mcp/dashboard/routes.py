"""The addresses of the dashboard. Reading needs no script; what changes something is a form from one of these pages."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, quote

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from ktrdr_engine.errors import KtrdrError
from ktrdr_engine.operations.http_hosts import is_same_origin
from ktrdr_engine.operations.http_replies import status_of
from ktrdr_mcp.dashboard.pages import compare_page, list_page, operation_page
from ktrdr_mcp.dashboard.replies import STATIC, page_reply, redirect, report_reply, static_reply
from ktrdr_mcp.dashboard.session import Session

if TYPE_CHECKING:
    from ktrdr_engine.composition import Application

logger = logging.getLogger(__name__)

Answer = Callable[[Request], Awaitable[Response]]

SIGN_IN: Final = "/sign-in"
OPEN_PATHS: Final = (SIGN_IN, *(f"/static/{name}" for name in STATIC))
"""What answers without a token: the form that takes it, and what that needs to look like one."""

_MAX_FORM_BYTES: Final = 10_000


def dashboard_routes(application: Application, session: Session | None) -> list[BaseRoute]:
    """Return the pages over an application.

    Args:
        application: Whose operations are shown.
        session: Who may sign in; None where the server wants no token.
    """
    pages = _Pages(application, session)
    routes: list[BaseRoute] = [
        Route("/", _answered(pages.list), methods=["GET"]),
        Route("/compare", _answered(pages.compare), methods=["GET"]),
        Route("/operations/{operation_id}", _answered(pages.operation), methods=["GET"]),
        Route("/operations/{operation_id}/report", _answered(pages.report), methods=["GET"]),
        Route("/operations/{operation_id}/cancel", _answered(_from_here(pages.cancel)), methods=["POST"]),
        Route("/static/{name}", pages.static, methods=["GET"]),
    ]
    if session is not None:
        signing = _Signing(session)
        routes += [
            Route(SIGN_IN, _answered(signing.form), methods=["GET"]),
            Route(SIGN_IN, _answered(_from_here(signing.sign_in)), methods=["POST"]),
            Route("/sign-out", _answered(_from_here(signing.sign_out)), methods=["POST"]),
        ]
    return routes


def sign_in_page(scope: Scope) -> Response | None:
    """Return what a person without a session sees instead of a page; None for whoever asked for no page."""
    request = Request(scope)
    if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
        return None
    query = f"?{request.url.query}" if request.url.query else ""
    return _sign_in_form(401, request.url.path + query)


class _Pages:
    def __init__(self, application: Application, session: Session | None) -> None:
        self._application = application
        self._operations = application.operations
        self._may_sign_out = session is not None

    async def list(self, request: Request) -> Response:
        return self._page("list.html", **await list_page(self._operations, request.query_params))

    async def operation(self, request: Request) -> Response:
        return self._page("operation.html", **await operation_page(self._operations, _id(request)))

    async def compare(self, request: Request) -> Response:
        ids = request.query_params.getlist("id")
        return self._page("compare.html", **await compare_page(self._operations, ids))

    async def report(self, request: Request) -> Response:
        from ktrdr_engine.reports.gathering import gather_report
        from ktrdr_engine.reports.page import render

        material = await gather_report(self._application, _id(request))
        return report_reply(await anyio.to_thread.run_sync(render, material))

    async def cancel(self, request: Request) -> Response:
        operation = await self._operations.cancel_operation(_id(request), reason="asked for on the dashboard")
        return redirect(f"/operations/{quote(operation.operation_id)}")

    async def static(self, request: Request) -> Response:
        name = request.path_params["name"]
        return static_reply(name) if name in STATIC else _problem(404, "There is no such file.")

    def _page(self, template: str, **context: Any) -> Response:
        return page_reply(template, may_sign_out=self._may_sign_out, **context)


class _Signing:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def form(self, request: Request) -> Response:
        return _sign_in_form(200, "/")

    async def sign_in(self, request: Request) -> Response:
        form = await _read_form(request)
        if not self._session.knows(form.get("token", "")):
            return _sign_in_form(401, _local(form.get("next", "/")), "That is not this server's token.")
        response = redirect(_local(form.get("next", "/")))
        self._session.remember(response, secure=request.url.scheme == "https")
        return response

    async def sign_out(self, request: Request) -> Response:
        response = redirect(SIGN_IN)
        self._session.forget(response)
        return response


def _id(request: Request) -> str:
    operation_id: str = request.path_params["operation_id"]
    return operation_id


def _sign_in_form(status: int, following: str, problem: str = "") -> Response:
    return page_reply("sign_in.html", status, following=following, problem=problem, follow=None, may_sign_out=False)


def _local(address: str) -> str:
    """Return the address if it is a path of this server; browsers take // and backslashes for another host."""
    is_path = address.startswith("/") and not address.startswith("//")
    return address if is_path and address.isascii() and address.isprintable() and "\\" not in address else "/"


async def _read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form; one that is too long has none."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM_BYTES:
            return {}
    fields = parse_qs(body.decode(errors="replace"))
    return {name: values[-1] for name, values in fields.items()}


def _from_here(answer: Answer) -> Answer:
    """Wrap what changes something, so that no page of anybody else can do it with this browser."""

    async def checked(request: Request) -> Response:
        if not is_same_origin(request.scope):
            return _problem(403, "This can only be asked for from the dashboard itself; programs use the REST routes.")
        return await answer(request)

    return checked


def _answered(answer: Answer) -> Answer:
    """Wrap a page so that it always replies with one, and never with a traceback."""

    async def endpoint(request: Request) -> Response:
        try:
            return await answer(request)
        except KtrdrError as error:
            return _problem(status_of(type(error)), error.message)
        except Exception:
            # The top of a request: the log gets the traceback, the reader a sentence.
            logger.exception("%s %s failed", request.method, request.url.path)
            return _problem(500, "This failed inside ktrdr. It is a defect; the server's log has the details.")

    return endpoint


def _problem(status: int, message: str) -> Response:
    return page_reply("problem.html", status, message=message, follow=None, may_sign_out=False)
