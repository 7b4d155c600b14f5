"""The app as a host finds it: in the metadata of tools, and as a resource that asks for nothing from elsewhere."""

from __future__ import annotations

import re

from mcp_types import TextResourceContents

from ktrdr_mcp.apps.operation import OPERATION_APP, operation_page
from tests.mcp.conftest import Session

MOST_METADATA_BYTES = 60


async def test_tools_whose_reply_it_can_show_name_it(session: Session) -> None:
    tools = {tool.name: tool for tool in (await session.client.list_tools()).tools}
    for name in ("get_operation", "start_backtest", "start_training", "load_data"):
        assert tools[name].meta == {"ui": {"resourceUri": OPERATION_APP}}
        assert len(str(tools[name].meta)) < MOST_METADATA_BYTES
    assert tools["list_operations"].meta is None


async def test_a_host_reads_it_with_the_type_and_the_policy_of_an_app(session: Session) -> None:
    (content,) = (await session.client.read_resource(OPERATION_APP)).contents
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "text/html;profile=mcp-app"
    assert content.meta is not None
    assert not any(content.meta["ui"]["csp"].values())
    assert content.text == operation_page()


def test_it_asks_for_nothing_from_elsewhere() -> None:
    page = operation_page()
    addresses = set(re.findall(r"https?://[^\"'\s]+", page))
    assert addresses == {"http://www.w3.org/2000/svg"}, "the name of a namespace is the only one"
    assert not re.search(r"<(script|img|link|iframe)\b[^>]*\b(src|href)=", page)
    assert "innerHTML" not in page


def test_its_policy_allows_its_own_style_and_script_only() -> None:
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', operation_page())
    assert policy.startswith("default-src 'none'; ")
    assert re.findall(r"(script-src|style-src) '(sha256-[A-Za-z0-9+/]{43}=)'", policy)
    assert "unsafe" not in policy
