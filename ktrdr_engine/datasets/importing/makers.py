"""Who writes files like this one, and what is known of the clocks they use."""

from __future__ import annotations

import re

from ktrdr_engine.datasets.importing.columns import LAYOUTS, plain
from ktrdr_engine.datasets.importing.dialect import Dialect

_CLOCKS = {
    "MT4": "those of a broker's server, often Europe/Athens",
    "MT5": "those of a broker's server, often Europe/Athens",
    "HistData or NinjaTrader": "New York's winter time (Etc/GMT+5) if HistData wrote them",
    "Dukascopy": "local ones",
}
"""Makers whose stamps have no zone and are known not to be UTC."""


def clock_of(maker: str, dialect: Dialect) -> str:
    """Return what is known of stamps that have no zone; "": nothing."""
    if any(plain(name) == "time eet" for name in dialect.names):
        return "those of Europe/Athens, as the column says (EET)"
    says_utc = any(plain(name) == "gmt time" for name in dialect.names)
    return "" if says_utc else _CLOCKS.get(maker, "")


def maker_of(dialect: Dialect) -> str:
    """Return the maker's name; "": it is not known."""
    names = [plain(name) for name in dialect.names]
    if not dialect.has_header:
        return _by_place(dialect)
    raw = {name.strip().upper() for name in dialect.names}
    if any("cryptodatadownload" in line.casefold() for line in dialect.preamble):
        return "CryptoDataDownload"
    marks = {
        "MT5": "<TICKVOL>" in raw,
        "Stooq": {"<TICKER>", "<PER>"} <= raw,
        "Nasdaq": "close last" in names,
        "Investing.com": "price" in names and ("change" in names or "vol" in names),
        "Alpha Vantage": any(re.match(r"\s*1\. open", name) for name in dialect.names) or "adjusted close" in names,
        "Dukascopy": "gmt time" in names or "local time" in names,
        "Yahoo": "adj close" in names,
        "Binance": "taker buy base asset volume" in names,
    }
    return next((maker for maker, found in marks.items() if found), "")


def _by_place(dialect: Dialect) -> str:
    names, width = dialect.names, len(dialect.names)
    cells = dialect.sample[0]
    if names == LAYOUTS["binance"]:
        return "Binance"
    if dialect.separator == ";" and re.fullmatch(r"\d{8} \d{6}", cells[0]):
        return "HistData or NinjaTrader"
    if names[:2] == ("date", "time") and re.fullmatch(r"\d{4}\.\d\d\.\d\d", cells[0]):
        return "MT5" if "spread" in names else "MT4"
    if width in (7, 8) and re.fullmatch(r"\d{9,10}", cells[0]):
        return "Kraken"
    return ""
