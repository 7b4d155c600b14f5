"""Symbols: what an instrument may be called, which spellings are one name, and the file name it is kept under.

A symbol is what its source calls it: `M&M.NS`, `^GSPC`, `EURUSD=X`, `BRK-B`, `币安人生/USDT`. A slash is written as a
dash everywhere: `BTC/USDT` and `BTC-USDT` are one name.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

MAX_LENGTH: Final = 64
_MAX_BYTES: Final = 200
"""Of the file name, so that what is added to it stays below the 255 bytes that file systems allow."""
_MARKS: Final = frozenset("._-&=^/:")
RULE: Final = (
    f"a symbol has 1 to {MAX_LENGTH} letters (of any script), digits and . _ - & = ^ / : with a letter or digit "
    "among them and no two dots in a row, such as AAPL, M&M.NS, ^GSPC, EURUSD=X or BTC/USDT"
)
# Letters and marks that nobody sees: two names would look alike.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# Windows opens a device under these names, whatever follows a dot.
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(?=\.|$)", re.IGNORECASE)


def canonical_symbol(symbol: str) -> str:
    """Return the one spelling of a symbol: composed characters (NFC), dashes for slashes.

    Raises:
        ValueError: It is none; the message is the rule.
    """
    name = unicodedata.normalize("NFC", symbol).replace("/", "-")
    if not (1 <= len(name) <= MAX_LENGTH and all(map(_is_allowed, name)) and any(map(str.isalnum, name))):
        raise ValueError(RULE)
    if ".." in name or _INVISIBLE.search(name) or unicodedata.category(name[0])[0] == "M":
        raise ValueError(RULE)
    if len(file_name(name).encode()) > _MAX_BYTES:
        raise ValueError(f"a symbol may be up to {_MAX_BYTES} bytes long in UTF-8")
    return name


def file_name(symbol: str) -> str:
    """Return the name of a canonical symbol in files: itself, but for what some file system takes otherwise.

    That is percent-encoded, `symbol_in` undoes it; two symbols never have one file name. Two that differ only in case
    have two, which some file systems take for one: see `same_file`.
    """
    # A name that begins with a dot is hidden; Windows has no colon in names; a device is no file.
    first = symbol[0] if symbol[0] == "." or _RESERVED.match(symbol) else ""
    begin = f"%{ord(first):02X}" if first else ""
    return begin + symbol[len(first) :].replace(":", "%3A")


@lru_cache(maxsize=4096)
def symbol_in(name: str) -> str | None:
    """Return the symbol that a file name was made from, also one that somebody made by hand; None: there is none."""
    try:
        symbol = unquote(unicodedata.normalize("NFC", name), errors="strict")
        return symbol if canonical_symbol(symbol) == symbol else None
    except ValueError:
        return None


def same_file(one: str, other: str) -> bool:
    """Return whether two canonical symbols share one file where case is ignored (Windows, macOS)."""
    return _folded(one) == _folded(other)


def _folded(symbol: str) -> str:
    return unicodedata.normalize("NFC", file_name(symbol).casefold())


def _is_allowed(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LM" or category == "Nd" or character in _MARKS
