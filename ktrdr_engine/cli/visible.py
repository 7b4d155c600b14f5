"""Text of others, made so that a terminal shows it and does not obey it.

Descriptions of strategies, names of files, reasons and errors of workers may hold escape sequences, which move the
cursor, hide lines or set titles, and marks that turn the direction of writing.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_KEPT: Final = "\n\t"
_CONTROLS: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})  # with lone surrogates, and separators of lines
_TURNS: Final = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def visible(text: str) -> str:
    r"""Return the text with every control character and every mark of direction written out, as \u001b.

    The form is that of JSON, so a JSON text stays one and means the same.
    """
    return "".join(_written_out(sign) if _is_obeyed(sign) else sign for sign in text)


def _is_obeyed(sign: str) -> bool:
    return sign not in _KEPT and (unicodedata.category(sign) in _CONTROLS or sign in _TURNS)


def _written_out(sign: str) -> str:
    return f"\\u{ord(sign):04x}"
