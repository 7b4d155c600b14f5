from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrdr_engine.datasets.models import LoadRequest
from ktrdr_engine.errors import InvalidRequest


def requested(symbol: str) -> LoadRequest:
    return LoadRequest.parse({"symbol": symbol, "timeframe": "1h", "source": "file"})


@pytest.mark.parametrize(
    ("symbol", "stored"),
    [
        ("AAPL", "AAPL"),
        ("BRK.B", "BRK.B"),
        ("^GSPC", "GSPC"),
        ("BTC/USDT", "BTC-USDT"),
        ("BTC/USDT:USDT", "BTC-USDT-USDT"),
        ("EURUSD=X", "EURUSD-X"),
        ("ES=", "ES"),
    ],
)
def test_a_symbol_is_stored_under_a_name_that_files_can_have(symbol: str, stored: str) -> None:
    assert requested(symbol).stored_symbol == stored


@pytest.mark.parametrize("symbol", ["", "^", "^.x", "-x", ".x", "../x", "a b", "a\n", "a\0", "a" * 65, "é"])
def test_a_symbol_no_source_has_is_refused_with_an_example(symbol: str) -> None:
    with pytest.raises(InvalidRequest, match="such as AAPL"):
        requested(symbol)


@given(st.text(max_size=70))
def test_no_symbol_leads_out_of_the_folder_or_hides_in_it(symbol: str) -> None:
    try:
        request = requested(symbol)
    except InvalidRequest:
        return
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", request.stored_symbol)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(InvalidRequest) as refused:
        LoadRequest.parse({"symbol": "a b", "timefrme": "1h", "on_conflict": 3})
    for words in ("symbol", "timeframe is missing", "Did you mean 'timeframe'", "source is missing", "on_conflict"):
        assert words in refused.value.message
