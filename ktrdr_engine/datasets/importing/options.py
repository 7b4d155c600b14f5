"""What a request says about a file that the file leaves open."""

from __future__ import annotations

import re
from datetime import tzinfo
from typing import NamedTuple

from ktrdr_engine.datasets.importing.columns import LAYOUTS, WITH_HEADER, role_of
from ktrdr_engine.datasets.importing.zones import find_zone
from ktrdr_engine.errors import InvalidRequest, did_you_mean, nearest

MARKS = {"decimal_point": ".", "decimal_comma": ","}
NO_VOLUME = "no_volume"
UNITS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
EXCEL = "excel"
_LONGEST = 400


class FileOptions(NamedTuple):
    """The arguments `format`, `date_format` and `timezone`, understood.

    Attributes:
        columns: Names of the columns in order; empty: those of the file.
        mark: The decimal mark; "": found out.
        no_volume: Whether a volume that is missing is 0.
        order: Of year, month and day in a date, such as "DMY"; "": found out.
        unit: s, ms, us, ns since 1970, or excel; "": found out.
        zone: Of stamps that have none; None: UTC.
        zone_name: As it was given.
    """

    columns: tuple[str, ...] = ()
    mark: str = ""
    no_volume: bool = False
    order: str = ""
    unit: str = ""
    zone: tzinfo | None = None
    zone_name: str = ""


def parse_options(format: str | None, date_format: str | None, timezone: str | None) -> FileOptions:
    """Return the arguments understood.

    Raises:
        InvalidRequest: One of them is not known.
    """
    for field, value in (("format", format), ("date_format", date_format), ("timezone", timezone)):
        if value and len(value) > _LONGEST:
            raise InvalidRequest(
                f"{field} has {len(value):,} characters: {_LONGEST} are enough.",
                details={"field": field, "value": value[:_LONGEST]},
            )
    columns, words = _parse_format(format or "")
    mark = next((MARKS[word] for word in words if word in MARKS), "")
    order, unit = _parse_date_format(date_format or "")
    zone = find_zone(timezone) if timezone else None
    return FileOptions(columns, mark, NO_VOLUME in words, order, unit, zone, timezone or "")


def _parse_format(text: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the columns, and the words that are none."""
    words = [word.strip() for word in re.split(r"[,;+]", text) if word.strip()]
    settings = frozenset(word for word in words if word in (*MARKS, NO_VOLUME))
    words = [word for word in words if word not in settings]
    if len(words) == 1 and words[0].casefold() in LAYOUTS:
        return LAYOUTS[words[0].casefold()], settings
    words = [word for word in words if word.casefold() not in WITH_HEADER]
    if not words or {"open", "high", "low", "close"} <= {role_of(word) for word in words}:
        return tuple(words), settings
    known = (*LAYOUTS, *WITH_HEADER, *MARKS, NO_VOLUME)
    hint = did_you_mean(words[0], known) if nearest(words[0], known) else ""
    raise InvalidRequest(
        f"format={text!r} is not known.{hint} Give one of {', '.join(known)}, or all columns "
        "in order, such as 'date,time,open,high,low,close,volume', - for one not used. Most files need no format.",
        details={"field": "format", "value": text, "known": list(known)},
    )


def _parse_date_format(text: str) -> tuple[str, str]:
    word = text.strip()
    if not word:
        return "", ""
    if word.casefold() in (*UNITS, EXCEL):
        return "", word.casefold()
    directives = re.findall(r"%-?([a-zA-Z])", word)
    if directives:
        letters = "".join(
            {"y": "Y", "Y": "Y", "m": "M", "b": "M", "B": "M", "d": "D", "e": "D"}.get(d, "") for d in directives
        )
    else:
        letters = re.sub(r"(.)\1+", r"\1", re.sub(r"[^YMD]", "", word.upper().split("H")[0]))
    if letters in ("YMD", "DMY", "MDY", "YDM"):
        return letters, ""
    raise InvalidRequest(
        f"date_format={text!r} is not known. Give the order of the date, such as DD/MM/YYYY, MM/DD/YYYY, YYYY-MM-DD or "
        "%d.%m.%Y, or what numbers count since 1970: s, ms, us, ns; or excel.",
        details={
            "field": "date_format",
            "value": text,
            "known": ["DD/MM/YYYY", "MM/DD/YYYY", "YYYY-MM-DD", *UNITS, EXCEL],
        },
    )
