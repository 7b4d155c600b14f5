from __future__ import annotations

import pytest

from ktrdr_engine.datasets.models import LoadRequest
from ktrdr_engine.errors import InvalidRequest


def requested(symbol: str) -> LoadRequest:
    return LoadRequest.parse({"symbol": symbol, "timeframe": "1h", "source": "file"})


@pytest.mark.parametrize(
    ("symbol", "stored"),
    [
        ("AAPL", "AAPL"),
        ("BRK.B", "BRK.B"),
        ("^GSPC", "^GSPC"),
        ("BTC/USDT", "BTC-USDT"),
        ("BTC/USDT:USDT", "BTC-USDT:USDT"),
        ("EURUSD=X", "EURUSD=X"),
        ("M&M.NS", "M&M.NS"),
        ("币安人生/USDT", "币安人生-USDT"),
    ],
)
def test_a_symbol_is_kept_under_the_one_spelling_of_its_name(symbol: str, stored: str) -> None:
    assert requested(symbol).stored_symbol == stored


@pytest.mark.parametrize(
    "symbol", ["", "^", "-", "../x", "a b", "a\n", "a\0", "a" * 65, "a\u200b", "$x", "a%3Ab", "\ud800"]
)
def test_a_symbol_no_source_has_is_refused_with_an_example(symbol: str) -> None:
    with pytest.raises(InvalidRequest, match="such as AAPL"):
        requested(symbol)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(InvalidRequest) as refused:
        LoadRequest.parse({"symbol": "a b", "timefrme": "1h", "on_conflict": 3})
    for words in ("symbol", "timeframe is missing", "Did you mean 'timeframe'", "source is missing", "on_conflict"):
        assert words in refused.value.message
