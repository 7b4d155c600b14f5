from __future__ import annotations

import pytest
from starlette.responses import Response
from starlette.types import Scope

from ktrdr_engine.operations.http_hosts import is_same_origin
from ktrdr_mcp.dashboard.session import Session

HOST = (b"host", b"Lab.example:8000")


def scope_with(*headers: tuple[bytes, bytes], method: str = "GET") -> Scope:
    return {"type": "http", "method": method, "path": "/", "query_string": b"", "headers": [HOST, *headers]}


def cookie_of(session: Session, *, secure: bool = False) -> str:
    response = Response()
    session.remember(response, secure=secure)
    return response.headers["set-cookie"]


def carried(session: Session) -> tuple[bytes, bytes]:
    return b"cookie", cookie_of(session).split(";")[0].encode()


def test_the_cookie_opens_what_only_looks() -> None:
    session = Session("s3cret")
    assert session.opens(scope_with(carried(session)))
    assert session.opens(scope_with(carried(session), method="HEAD"))


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
def test_it_changes_something_only_from_a_page_of_this_server(method: str) -> None:
    session = Session("s3cret")
    own = (b"origin", b"http://lab.example:8000")
    other = (b"origin", b"http://lab.example:9000")
    assert session.opens(scope_with(carried(session), own, method=method))
    assert not session.opens(scope_with(carried(session), other, method=method))
    assert not session.opens(scope_with(carried(session), method=method))


def test_another_token_has_another_cookie() -> None:
    assert not Session("other").opens(scope_with(carried(Session("s3cret"))))
    assert not Session("s3cret").opens(scope_with())
    assert not Session("s3cret").opens(scope_with((b"cookie", b"ktrdr_session=s3cret")))
    assert not Session("s3cret").opens(scope_with((b"cookie", b"ktrdr_session=\xff\xfe")))


def test_the_cookie_is_kept_from_scripts_other_sites_and_plain_http_after_https() -> None:
    session = Session("s3cret")
    plain = cookie_of(session)
    assert "HttpOnly" in plain
    assert "SameSite=strict" in plain
    assert "Secure" not in plain
    assert "Secure" in cookie_of(session, secure=True)
    assert "s3cret" not in plain


@pytest.mark.parametrize("token", ["", "s3cre", "s3cret ", "\udc80", "日本"])
def test_only_the_token_is_known(token: str) -> None:
    assert Session("s3cret").knows("s3cret")
    assert not Session("s3cret").knows(token)


def test_an_empty_token_is_no_secret() -> None:
    with pytest.raises(ValueError, match="protects nothing"):
        Session("")


@pytest.mark.parametrize(
    ("origin", "same"),
    [
        (b"http://lab.example:8000", True),
        (b"https://LAB.example:8000", True),
        (b"http://lab.example", False),
        (b"null", False),
        (b"file://lab.example:8000", False),
        (b"", False),
    ],
)
def test_an_origin_is_the_same_when_its_authority_is(origin: bytes, same: bool) -> None:
    assert is_same_origin(scope_with((b"origin", origin))) == same


def test_an_origin_said_twice_is_none() -> None:
    own = (b"origin", b"http://lab.example:8000")
    assert not is_same_origin(scope_with(own, own))
    assert not is_same_origin(scope_with())
