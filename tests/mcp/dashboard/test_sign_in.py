"""Who gets in where a token is wanted."""

from __future__ import annotations

import httpx
import pytest

from tests.mcp.dashboard.conftest import HERE, PAGE, TOKEN, browsing, text_at
from tests.mcp.held import open_held


async def sign_in(client: httpx.AsyncClient, token: str = TOKEN, following: str = "/") -> httpx.Response:
    return await client.post("/sign-in", data={"token": token, "next": following}, headers=HERE)


@pytest.mark.parametrize("address", ["/", "/operations/nope", "/compare", "/nowhere", "/?status=RUNNING"])
async def test_without_the_token_every_page_is_the_form_and_nothing_else(address: str) -> None:
    async with open_held() as application, browsing(application, TOKEN) as client:
        page = await text_at(client, address, 401)
        assert 'name="token"' in page
        assert f'name="next" value="{address}"' in page
        assert "Operations</h1>" not in page


async def test_programs_are_refused_in_their_own_form() -> None:
    async with open_held() as application, browsing(application, TOKEN) as client:
        for reply in (
            await client.get("/", headers={"Accept": "application/json"}),
            await client.post("/operations/nope/cancel", headers={**PAGE, **HERE}),
        ):
            assert reply.status_code == 401
            assert reply.json()["error"]["code"] == "unauthorized"


async def test_the_token_opens_the_page_that_was_wanted_until_one_signs_out() -> None:
    async with open_held() as application, browsing(application, TOKEN) as client:
        reply = await sign_in(client, following="/?status=RUNNING")
        assert (reply.status_code, reply.headers["location"]) == (303, "/?status=RUNNING")
        assert "Sign out" in await text_at(client, "/")
        assert (await client.post("/operations/nope/cancel", headers=HERE)).status_code == 404
        assert (await client.post("/sign-out", headers=HERE)).status_code == 303
        await text_at(client, "/", 401)


async def test_a_wrong_token_opens_nothing_and_says_so() -> None:
    async with open_held() as application, browsing(application, TOKEN) as client:
        reply = await sign_in(client, "guess")
        assert reply.status_code == 401
        assert "not this server&#39;s token" in reply.text
        assert "set-cookie" not in reply.headers
        await text_at(client, "/", 401)


@pytest.mark.parametrize(
    "following",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "evil",
        "",
        "/\u2028",
        "/é",
        "/a b\x00",
    ],
)
async def test_signing_in_leads_nowhere_else(following: str) -> None:
    async with open_held() as application, browsing(application, TOKEN) as client:
        assert (await sign_in(client, following=following)).headers["location"] == "/"


async def test_a_page_elsewhere_cannot_sign_in_or_out() -> None:
    async with open_held() as application, browsing(application, TOKEN) as client:
        elsewhere = {"Origin": "http://localhost:9000"}
        reply = await client.post("/sign-in", data={"token": TOKEN}, headers=elsewhere)
        assert reply.status_code == 403
        await sign_in(client)
        assert (await client.post("/sign-out", headers=elsewhere)).status_code == 401
        await text_at(client, "/")


async def test_a_form_without_end_is_no_form() -> None:
    async with open_held() as application, browsing(application, TOKEN) as client:
        assert (await sign_in(client, TOKEN, "/" + "x" * 20_000)).status_code == 401


async def test_the_form_has_an_address_of_its_own_and_a_style() -> None:
    async with open_held() as application, browsing(application, TOKEN) as client:
        assert 'name="token"' in await text_at(client, "/sign-in")
        assert (await client.get("/static/dashboard.css")).status_code == 200


async def test_where_no_token_is_wanted_nobody_signs_in() -> None:
    async with open_held() as application, browsing(application) as client:
        assert "Sign out" not in await text_at(client, "/")
        assert (await client.get("/sign-in")).status_code == 404
