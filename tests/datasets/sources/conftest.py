"""The real client libraries, over a market on this machine."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import stamina

from tests.datasets.clients import exchange_at
from tests.datasets.market import Market, serving


@pytest.fixture
def market() -> Iterator[Market]:
    # Five attempts as in earnest, without the pauses.
    with serving() as made, stamina.set_testing(True, attempts=5, cap=True):
        yield made


@pytest.fixture
def exchange(market: Market) -> Any:
    return exchange_at(market.url)


@pytest.fixture
def session(market: Market, tmp_path: Path) -> Iterator[Any]:
    with warnings.catch_warnings():  # its import sets filters of its own before ours
        import yfinance
        import yfinance.data
    from curl_cffi import requests

    class Redirected(requests.Session[Any]):
        def request(self, method: Any, url: str, *args: Any, **options: Any) -> Any:
            parts = urlsplit(url)
            here = urlsplit(market.url)
            return super().request(
                method, urlunsplit(parts._replace(scheme="http", netloc=here.netloc)), *args, **options
            )

    yfinance.data.SingletonMeta._instances.clear()
    yfinance.set_tz_cache_location(str(tmp_path / "yfinance"))
    made = Redirected()
    yield lambda: made
    made.close()
    yfinance.data.SingletonMeta._instances.clear()
