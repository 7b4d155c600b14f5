"""How a text file is written: what separates its cells, where its header and its first row stand, and who made it."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from ktrdr_engine.datasets.importing.columns import LAYOUTS, check_instruments, plain, price_roles, role_of
from ktrdr_engine.errors import DataError

_SEPARATORS = ",;\t|"
_LINES = 400
_FIRST_LINES = 40
_MOST_APART = 2  # times: prices of one bar
_NUMBER = re.compile(r"[-+]?[$€£¥]?[\d][\d.,'\u00a0\u202f ]*(?:[eE][-+]?\d+)?[KMBkmb%]?")
_DATE = re.compile(r"(?=.*\d)[\w.,:/+\- ]{6,45}")
_EMPTY = ("", "null", "nan", "none", "n/a", "na", "-")
_CLOCK = re.compile(r"\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?")
_COMMENTS = ("#", "//")
_CLOCKS = {
    "MT4": "those of a broker's server, often Europe/Athens",
    "MT5": "those of a broker's server, often Europe/Athens",
    "HistData or NinjaTrader": "New York's winter time (Etc/GMT+5) if HistData wrote them",
    "Dukascopy": "local ones",
}
"""Makers whose stamps have no zone and are known not to be UTC."""
_Rows = list[list[str]]


class Dialect(NamedTuple):
    """How the cells of a file are to be taken apart.

    Attributes:
        separator: Between cells.
        names: Of the columns, as many as cells in a row.
        has_header: Whether the file says them.
        skip: UTF-8 bytes before the first row.
        preamble: The lines before the header.
        sample: The first rows.
    """

    separator: str
    names: tuple[str, ...]
    has_header: bool
    skip: int
    preamble: tuple[str, ...]
    sample: tuple[tuple[str, ...], ...]


class _Line(NamedTuple):
    text: str
    end: int  # characters from the beginning of the head


def find_dialect(head: str, source: str, columns: Sequence[str] = ()) -> Dialect:
    """Return the dialect of a file that begins with `head`.

    Args:
        head: Its first lines.
        source: The file's name.
        columns: Names of the columns, from the request.

    Raises:
        DataError: There is no table of prices in it, or one of several instruments.
    """
    lines = _lines(head)
    if not lines:
        raise DataError(f"{source}: the file is empty. It needs a header and rows.")
    separator = max(_SEPARATORS, key=lambda separator: _score(lines, separator))
    rows = [_cells(line.text, separator) for line in lines]
    header = _header(rows)
    if header is None and not columns and not any(_is_data(row) for row in rows):
        raise DataError(
            f"{source}: no table of prices was found: its first line is {lines[0].text[:120]!r}. It needs columns of "
            "time, open, high, low and close with commas, semicolons or tabs between them.",
        )
    if header is None:
        start = next((place for place, row in enumerate(rows) if _is_data(row)), 0)
        names = list(columns)
    else:
        names, start = _named(rows, header, source)
    sample = [row for row in rows[start:] if not row[0].startswith(_COMMENTS)]
    if header is not None and not sample:
        raise DataError(f"{source}: there are no bars in it. Put at least one row below the header.")
    width = _width(sample) if sample else len(names)
    if header is not None and width == len(names) + 1 and not {"timestamp", "date", "time"} & set(map(role_of, names)):
        names.insert(0, "")  # R names no column for the names of its rows
    if columns or not names:
        names = _given(columns, width, source) if columns else list(_placed(sample, separator, source))
    if any(cell for row in sample for cell in row[len(names) :] if len(row) == width):
        raise _wider(names, width, source)
    names += ["-"] * (width - len(names))
    skip = len(head[: lines[start - 1].end].encode()) if start else 0
    preamble = tuple(line.text for line in lines[: start if header is None else header])
    return Dialect(separator, tuple(names), header is not None, skip, preamble, tuple(map(tuple, sample)))


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


def _lines(head: str) -> list[_Line]:
    found = []
    for match in re.finditer(r"[^\r\n]+(?:\r\n|\n|\r)?|\r\n|\n|\r", head):
        if (text := match[0].strip("\r\n")).strip():
            found.append(_Line(text, match.end()))
        if len(found) == _LINES:
            break
    return found


def _cells(text: str, separator: str) -> list[str]:
    try:
        cells = next(csv.reader([text], delimiter=separator))
    except (csv.Error, StopIteration):
        return [text]
    return [cell.strip() for cell in cells] or [""]


def _score(lines: list[_Line], separator: str) -> tuple[bool, float]:
    rows = [_cells(line.text, separator) for line in lines[:_FIRST_LINES]]
    roles = max(price_roles(row) for row in rows)
    likely = [len(row) for row in rows if _is_data(row)]
    return roles >= 3, (sum(likely) / len(rows) if likely else max(len(row) for row in rows) / 1000)


def _header(rows: _Rows) -> int | None:
    """Return the row that names the columns; None: the file begins with its data."""
    for place, row in enumerate(rows[:_FIRST_LINES]):
        if price_roles([row[0].lstrip("#/ "), *row[1:]]) >= 3:
            return place
        if _is_data(row):
            return place - 1 if place and _is_text(rows[place - 1]) and len(rows[place - 1]) >= len(row) else None
    return None


def _is_text(row: list[str]) -> bool:
    return not row[0].startswith(_COMMENTS) and not any(_NUMBER.fullmatch(cell) for cell in row)


def _is_data(row: list[str]) -> bool:
    numbers = sum(_NUMBER.fullmatch(cell) is not None for cell in row)
    dates = sum(_NUMBER.fullmatch(cell) is None and _DATE.fullmatch(cell) is not None for cell in row)
    return numbers >= 5 or (numbers >= 4 and dates > 0)


def _named(rows: _Rows, header: int, source: str) -> tuple[list[str], int]:
    """Return the names, and the first row of data; yfinance writes a header of two or three lines."""
    names = [rows[header][0].lstrip("#/ "), *rows[header][1:]]
    start = header + 1
    while start < min(len(rows), header + 3) and not _is_data(rows[start]):
        first, *others = rows[start]
        if plain(first) in ("ticker", "") and any(others) and not any(_NUMBER.fullmatch(cell) for cell in others):
            check_instruments(others, source)
        elif first and not any(others) and plain(first) in ("date", "datetime", "timestamp", "time", "index"):
            names[0] = first
        else:
            break
        start += 1
    return names, start


def _wider(names: Sequence[str], width: int, source: str) -> DataError:
    return DataError(
        f"{source}: the header has {len(names)} columns, but rows have {width} cells. Where commas stand in numbers, "
        "export with semicolons between cells, or with quotes around numbers; else name the columns: "
        "format='timestamp,open,high,low,close,volume', - for one not used.",
        details={"field": "format", "columns": len(names), "cells": width},
    )


def _width(sample: _Rows) -> int:
    widths = [len(row) for row in sample]
    return max(set(widths), key=lambda width: (widths.count(width), width))


def _given(columns: Sequence[str], width: int, source: str) -> list[str]:
    if len(columns) == width or tuple(columns) in LAYOUTS.values():
        return list(columns[:width])
    raise DataError(
        f"{source}: format names {len(columns)} columns, but a row has {width}. Name each, - for one not used.",
        details={"field": "format", "value": ",".join(columns)},
    )


def _placed(sample: _Rows, separator: str, source: str) -> tuple[str, ...]:
    """Return names for the columns of a file without header, judged by what is in them."""
    row = next(row for row in sample if _is_data(row))
    width = len(row)
    if width == len(LAYOUTS["binance"]):
        return LAYOUTS["binance"]
    first = 0 if re.search(r"\d{4}", row[0]) else 1
    names = ["symbol"] * first
    clock = row[first + 1] if first + 1 < width else ""
    apart = _CLOCK.fullmatch(clock) or (re.fullmatch(r"\d{6}", clock) and re.fullmatch(r"\d{8}", row[first]))
    names += ["date", "time"] if apart else ["timestamp"]
    prices = [_plain_number(cell) for cell in row[len(names) : len(names) + 4]]
    names += ["open", "high", "low", "close"]
    rest = ["volume", *(f"column {place}" for place in range(len(names) + 2, width + 1))]
    if width == len(names) + 3 and _CLOCK.fullmatch(clock):
        rest = ["tickvol", "vol", "spread"]
    elif width == len(names) + 3:
        rest = ["vwap", "volume", "trades"]  # Kraken's API
    known = [price for price in prices if price is not None]
    names = (names + rest)[:width]
    if len(known) == 4 and not (known[1] == max(known) and known[2] == min(known)):
        raise _other_order(row, names, known, source)
    return tuple(names)


def _other_order(row: list[str], names: list[str], prices: list[float], source: str) -> DataError:
    """Return the error that says which columns can only be high and low; open is taken to stand before close."""
    said = f"{source}: it has no header, and its columns are not in the order open, high, low, close: {row}."
    details: dict[str, Any] = {"field": "format", "row": row}
    if max(prices) > _MOST_APART * min(prices):
        # One of them may be the volume.
        return DataError(
            f"{said} Name all {len(names)} in their order as timestamp, open, high, low, close, volume, - for one not "
            "used: format='timestamp,volume,close,high,low,open' and the like.",
            details=details,
        )
    first = names.index("open")
    rest = iter(("open", "close"))
    high = prices.index(max(prices))
    low = max(place for place in range(4) if prices[place] == min(prices) and place != high)
    order = ["high" if place == high else "low" if place == low else next(rest) for place in range(4)]
    shown = [name if name in ("timestamp", "date", "time", "volume") else "-" for name in names]
    format = ",".join([*shown[:first], *order, *shown[first + 4 :]])
    return DataError(
        f"{said} Name them all, - for one not used; if open stands before close: format={format!r}.",
        details={**details, "mended": {"format": format}},
    )


def _plain_number(cell: str) -> float | None:
    try:
        return float(cell.replace(",", "."))
    except ValueError:
        return None


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
