"""The ways to write a date with a time, as regular expressions whose groups are its parts.

The groups are y, m, b (a month's name), d, H, M, S, f, p (am or pm) and z (zone). They are written for RE2 and for
Python alike.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import NamedTuple

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
NAIVE = -(2**31)
"""The offset of a stamp that has none."""

_TIME = (
    r"(?:[T ,;_]*(?P<H>\d{1,2}):?(?P<M>\d{2})(?::?(?P<S>\d{2})(?:[.,:]?(?P<f>\d{1,9}))?)?"
    r"(?: ?(?P<p>[AaPp])\.?[Mm]\.?)?)?"
)
# After a blank the minutes may be missing ("09-AM"); without one, 2017010209 would be a time and seconds since 1970.
_SPACED = (
    r"(?:[T ,;_]+(?P<H>\d{1,2})(?::?(?P<M>\d{2})(?::?(?P<S>\d{2})(?:[.,:]?(?P<f>\d{1,9}))?)?)?"
    r"(?:[ -]?(?P<p>[AaPp])\.?[Mm]\.?)?)?"
)
_ZONE = r"(?: ?(?P<z>[A-Za-z]{1,4}|(?:UTC|GMT)?[+-]\d{1,2}(?::?\d{2})?))?(?: [A-Z]{3,5}| ?\[[^\]]*\]| ?\([^)]*\))?"
_PARTS = {"Y": r"(?P<y>\d{4}|\d{2})", "M": r"(?P<m>\d{1,2})", "D": r"(?P<d>\d{1,2})"}
_FIXED = {"Y": r"(?P<y>\d{4})", "M": r"(?P<m>\d{2})", "D": r"(?P<d>\d{2})"}
_NAME = r"(?P<b>[A-Za-z]{3,9})\.?"
_WEEKDAY = r"(?:[A-Za-z]{3,9},? +)?"
_ABBREVIATIONS = {
    "z": 0, "utc": 0, "gmt": 0, "est": -5, "edt": -4, "cdt": -5, "mdt": -6, "pst": -8, "pdt": -7, "cet": 1, "cest": 2,
    "eet": 2, "eest": 3, "jst": 9, "hkt": 8,
}  # fmt: skip
"""Hours east of Greenwich, of names that mean one zone."""


class Pattern(NamedTuple):
    """A way to write stamps; `order` names those of which the same text may mean two dates."""

    title: str
    regex: str
    order: str = ""


def patterns(order: str = "") -> list[Pattern]:
    """Return the ways that come into question, the likelier first; `order` of year, month, day: only those with it."""
    separated = {one: "[-./ ]".join(_PARTS[part] for part in one) for one in ("DMY", "MDY", "YDM", "YMD")}
    separated["YMD"] = separated["YMD"].replace(r"\d{4}|\d{2}", r"\d{4}|\d{2}" if order else r"\d{4}")
    found = [
        Pattern(_title("YMD", "-"), separated["YMD"] + _SPACED, "YMD"),
        Pattern("YYYYMMDD", "".join(_FIXED[part] for part in "YMD") + _TIME, "YMD"),
        Pattern(
            "day, name of the month, year",
            f"{_WEEKDAY}{_PARTS['D']}[- ./]*{_NAME}[- ,./]*{_PARTS['Y']}{_SPACED}",
            "DMY",
        ),
        Pattern(
            "name of the month, day, year",
            f"{_WEEKDAY}{_NAME}[- ./]*{_PARTS['D']},?[- /]+{_PARTS['Y']}{_SPACED}",
            "MDY",
        ),
        Pattern("year, name of the month, day", f"{_FIXED['Y']}[- ./]{_NAME}[- ./]{_PARTS['D']}{_SPACED}", "YMD"),
        Pattern(_title("DMY", "/"), separated["DMY"] + _SPACED, "DMY"),
        # Nobody writes the month first between points.
        Pattern(_title("MDY", "/"), separated["MDY"].replace("[-./ ]", "[-/ ]") + _SPACED, "MDY"),
    ]
    if order:
        fixed = "".join(_FIXED[part] for part in order)
        found += [Pattern(order, fixed + _TIME, order), Pattern(_title(order, "-"), separated[order] + _SPACED, order)]
        found = [one for one in found if one.order == order]
    return [Pattern(one.title, f"^{one.regex}{_ZONE}$", one.order) for one in found]


def _title(order: str, mark: str) -> str:
    return mark.join({"Y": "YYYY", "M": "MM", "D": "DD"}[part] for part in order)


def parse_zone(text: str) -> int | None:
    """Return the offset in seconds that a zone's text means, `NAIVE` for none, None where it is not known."""
    word = text.strip().casefold()
    if not word:
        return NAIVE
    if word in _ABBREVIATIONS:
        return _ABBREVIATIONS[word] * 3600
    match = re.fullmatch(r"(?:utc|gmt)?([+-])(\d{1,2})(?::?(\d\d))?", word)
    if match is None:
        return None
    sign, hours, minutes = match.groups()
    seconds = int(timedelta(hours=int(hours), minutes=int(minutes or 0)).total_seconds())
    return None if seconds > 16 * 3600 else seconds if sign == "+" else -seconds
