"""A symbol is what its source calls it; two symbols never share a file."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrdr_engine.symbols import canonical_symbol, file_name, same_file, symbol_in

SYMBOLS = [
    "AAPL",
    "M&M.NS",
    "J&KBANK.NS",
    "币安人生/USDT",
    "^GSPC",
    "EURUSD=X",
    "BRK-B",
    "BRK.B",
    "2330.TW",
    "BTC/USDT:USDT",
    "ΔΟΛ",
    "CON",
    "nul.L",
    "COM1.X",
    ".INX",
    "अदानी",
    "ABC_1d",
    "GC=F",
    "_X",
]

allowed = st.text(
    st.one_of(st.sampled_from("._-&=^/:"), st.characters(categories=("L", "M", "Nd")), st.sampled_from("conNULaux1")),
    min_size=1,
    max_size=70,
)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_what_sources_call_things_is_taken_and_read_back_from_the_file_name(symbol: str) -> None:
    canonical = canonical_symbol(symbol)
    assert canonical == symbol.replace("/", "-")
    assert symbol_in(file_name(canonical)) == canonical


def test_all_of_them_have_files_of_their_own() -> None:
    names = [file_name(canonical_symbol(symbol)) for symbol in SYMBOLS]
    assert len({name.casefold() for name in names}) == len(SYMBOLS)


def test_names_of_plain_symbols_are_the_symbols() -> None:
    assert [file_name(name) for name in ("AAPL", "M&M.NS", "^GSPC", "EURUSD=X", "币安人生-USDT")] == [
        "AAPL",
        "M&M.NS",
        "^GSPC",
        "EURUSD=X",
        "币安人生-USDT",
    ]


@pytest.mark.parametrize(
    "symbol",
    [
        *("", " ", "A B", "A\\B", "A*", "A\0", "A\n", "--", "^/", "../../x y", "A\u200bB", "A\ufe0f", "\u3164"),
        *("\u0301A", "🚀", "½", "A" * 65, "𠀀" * 60, "\ud800", "A%3AB", "A$", "A'B"),
    ],
)
def test_what_no_file_or_no_reader_can_tell_apart_is_refused(symbol: str) -> None:
    with pytest.raises(ValueError, match="symbol"):
        canonical_symbol(symbol)


def test_a_slash_and_a_dash_are_one_name_and_so_are_composed_and_decomposed_letters() -> None:
    assert canonical_symbol("BTC/USDT") == canonical_symbol("BTC-USDT")
    assert canonical_symbol(unicodedata.normalize("NFD", "Ö")) == canonical_symbol("Ö")


@pytest.mark.parametrize("name", ["BTC/USDT", "A%", "%zz", "A B", "", "%ff", "A%2FB", "%00"])
def test_other_file_names_are_no_symbols(name: str) -> None:
    assert symbol_in(name) is None


@given(allowed)
def test_file_names_are_safe_and_give_the_symbol_back(symbol: str) -> None:
    try:
        canonical = canonical_symbol(symbol)
    except ValueError:
        return
    name = file_name(canonical)
    assert canonical_symbol(canonical) == canonical
    assert symbol_in(name) == canonical
    assert not set(name) & set('/\\:*?"<>|')
    assert not name.startswith(".")
    assert name.isprintable()
    assert len(name.encode()) <= 200
    assert name.split(".")[0].casefold() not in {
        "con",
        "prn",
        "aux",
        "nul",
        *(f"{p}{n}" for p in ("com", "lpt") for n in range(10)),
    }


@given(allowed, allowed)
def test_two_symbols_have_two_file_names(one: str, other: str) -> None:
    try:
        first, second = canonical_symbol(one), canonical_symbol(other)
    except ValueError:
        return
    assert (file_name(first) == file_name(second)) == (first == second)
    if file_name(first).casefold() == file_name(second).casefold():
        assert same_file(first, second)


def test_names_that_differ_in_case_alone_are_known_to_clash() -> None:
    assert same_file("kPEPE", "KPEPE")
    assert not same_file("AAPL", "AAPL.X")
