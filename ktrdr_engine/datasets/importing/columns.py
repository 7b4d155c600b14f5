"""Which column is which: by the names sources give them, or by place where a file has no header."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ktrdr_engine.bars.series import PRICE_COLUMNS
from ktrdr_engine.errors import DataError, nearest

_NAMES = {
    # Of several such columns in a file the first named here is taken.
    "timestamp": (
        "timestamp", "unix timestamp", "unix", "epoch", "unix time", "datetime", "date time", "gmt time", "time utc",
        "date utc", "utc", "timestamp utc", "datetime utc", "open time", "opentime", "time open", "bar time",
        "time gmt", "date gmt", "local time", "ts", "dt", "datum zeit", "begins at", "start", "index",
        "unnamed 0", "index level 0", "t", "",
    ),
    "date": ("date", "dtyyyymmdd", "yyyymmdd", "day", "trade date", "trading date", "datum", "fecha", "data",
        "дата", "日期", "日付"),
    "time": ("time", "hhmmss", "hh mm", "zeit", "uhrzeit", "heure", "hora", "ora", "время", "时间"),
    "open": (
        "open", "o", "open price", "price open", "opening price", "opening", "first", "openprice", "opn",
        "eröffnung", "eröffnungskurs", "erster", "eröffn", "ouverture", "ouv", "apertura", "abertura",
        "откр", "开盘", "开盘价", "始値",
    ),
    "high": (
        "high", "h", "high price", "price high", "max", "highprice", "highest", "hi", "hoch", "höchst", "tageshoch",
        "haut", "máximo", "maximo", "máxima", "massimo", "plus haut", "макс", "最高", "最高价", "高値",
    ),
    "low": (
        "low", "l", "low price", "price low", "min", "lowprice", "lowest", "lo", "tief", "tiefst", "tagestief", "bas",
        "mínimo", "minimo", "mínima", "plus bas", "мин", "最低", "最低价", "安値",
    ),
    "close": (
        "close", "c", "close price", "price close", "closing price", "close last", "closeprice", "last", "price",
        "last price", "cls", "schluss", "schlusskurs", "schlußkurs", "clôture", "clôt", "cloture", "clot", "cierre",
        "chiusura", "dernier", "último", "ultimo", "fechamento", "zuletzt", "цена", "закр",
        "收盘", "收盘价", "終値",
    ),
    "volume": (
        "volume", "vol", "v", "volume base", "base volume", "trade volume", "total volume", "shares traded", "qty",
        "quantity", "tickvol", "tick volume", "tickvolume", "tick vol", "stück", "stücke", "stuecke",
        "volumen", "umsatz",
        "volumes", "volume in", "real volume", "объём", "объем", "成交量", "出来高",
    ),
    "symbol": ("symbol", "ticker", "instrument", "pair", "isin", "kürzel", "name"),
}  # fmt: skip
_ROLES = {name: role for role, names in _NAMES.items() for name in names}
_RANK = {name: rank for names in _NAMES.values() for rank, name in enumerate(names)}
_TICKS = ("tickvol", "tick volume", "tickvolume", "tick vol")
_STANDARD = ("timestamp", *PRICE_COLUMNS)
WITH_HEADER = (
    "yahoo",
    "stooq",
    "tradingview",
    "investing",
    "nasdaq",
    "alphavantage",
    "dukascopy",
    "cryptodatadownload",
)
"""Makers whose files name their columns."""
LAYOUTS = {
    "mt4": ("date", "time", *PRICE_COLUMNS),
    "mt5": ("date", "time", *PRICE_COLUMNS[:4], "tickvol", "vol", "spread"),
    "binance": (
        *_STANDARD, "close time", "quote volume", "trades", "taker base volume", "taker quote volume", "ignore",
    ),
    "histdata": _STANDARD,
    "kraken": (*_STANDARD, "trades"),
}  # fmt: skip
"""The columns of files that have no header, by their makers."""


class Columns(NamedTuple):
    """Positions of the columns that are read.

    Attributes:
        stamp: One, or date and time.
        prices: Of open, high, low, close.
        volume: Those that may be it: the first of them that is not all zero is. Empty: there is none.
        symbol: Of the instrument's name; None: there is none.
        unused: Names of the others.
    """

    stamp: tuple[int, ...]
    prices: tuple[int, int, int, int]
    volume: tuple[int, ...]
    symbol: int | None
    unused: tuple[str, ...]

    @property
    def read(self) -> tuple[int, ...]:
        """Return all that are read, in order of use."""
        symbol = () if self.symbol is None else (self.symbol,)
        return (*self.stamp, *self.prices, *self.volume, *symbol)


def plain(name: str) -> str:
    """Return a column's name without what sources dress it in: case, brackets, numbering, underscores."""
    words = re.sub(r"[^\w]+|_", " ", name.strip().strip("\ufeff").casefold()).strip()
    return re.sub(r"^\d+[a-z]? (?=\D)", "", words)


def role_of(name: str) -> str | None:
    """Return what a column of that name holds; None: nothing that is read."""
    return _ROLES.get(_known(name))


def price_roles(names: Sequence[str]) -> int:
    """Return how many of open, high, low and close have a column."""
    return len({role_of(name) for name in names} & set(PRICE_COLUMNS[:4]))


def find_columns(names: Sequence[str], source: str, sample: Sequence[Sequence[str]] = ()) -> Columns:
    """Return where what is needed stands.

    Args:
        names: The columns' names.
        source: The file's name.
        sample: Some rows; a column of dates that is empty in all of them is passed over.

    Raises:
        DataError: One is missing, or there twice; names near it are pointed out.
    """
    by_role: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        # A first column without a name is an index; any other is a delimiter too many.
        if (role := role_of(name)) and name.strip() != "-" and (plain(name) or position == 0):
            by_role.setdefault(role, []).append(position)
    for role, positions in by_role.items():
        positions.sort(key=lambda position: _RANK[_known(names[position])])
        twice = [place for place in positions[1:] if plain(names[place]) == plain(names[positions[0]])]
        if twice and role not in ("volume", "symbol"):
            name = names[positions[0]]
            raise DataError(
                f"{source}: column {name!r} is there more than once. Keep one of them, of one instrument.",
                details={"column": name},
            )
    stamp = _stamp_columns(by_role, sample)
    missing = [role for role in PRICE_COLUMNS[:4] if role not in by_role]
    if missing or not stamp:
        raise _missing([*missing, *([] if stamp else ["timestamp"])], names, source)
    prices = tuple(by_role[role][0] for role in PRICE_COLUMNS[:4])
    volumes = by_role.get("volume", [])
    ticks = [place for place in volumes if plain(names[place]) in _TICKS]
    real = [place for place in volumes if place not in ticks]
    volume = (*real[:1], *ticks[:1])
    symbol = next(iter(by_role.get("symbol", [])), None)
    used = {*stamp, *prices, *volume, symbol}
    unused = tuple(name for place, name in enumerate(names) if place not in used and name.strip(" -"))
    return Columns(stamp, (prices[0], prices[1], prices[2], prices[3]), volume, symbol, unused)


def _known(name: str) -> str:
    """Return the name as the table above has it: "Volume BTC" and "volume_(btc)" are volumes too."""
    words = plain(name)
    if words in _ROLES:
        return words
    first = words.split(" ")[0]
    return "volume" if first in ("volume", "vol") and len(words.split(" ")) == 2 else words


def _stamp_columns(by_role: dict[str, list[int]], sample: Sequence[Sequence[str]]) -> tuple[int, ...]:
    def filled(position: int) -> bool:
        return not sample or any(position < len(row) and row[position].strip() for row in sample)

    stamps, dates, times = (
        [place for place in by_role.get(role, []) if filled(place)] for role in ("timestamp", "date", "time")
    )
    if stamps and dates and _is_time_of_day(stamps[0], sample, colon=True):
        return dates[0], stamps[0]
    if stamps and (not dates or not _is_count(stamps[0], sample)):
        return (stamps[0],)
    if dates and times:
        return (dates[0], times[0]) if not sample or _is_time_of_day(times[0], sample) else (times[0],)
    return tuple((dates or times)[:1])


def _is_count(position: int, sample: Sequence[Sequence[str]]) -> bool:
    """Return whether a column numbers the rows, as an index that pandas wrote does."""
    cells = [row[position].strip() for row in sample if position < len(row)]
    return bool(cells) and all(re.fullmatch(r"\d{1,7}", cell) for cell in cells)


def _is_time_of_day(position: int, sample: Sequence[Sequence[str]], *, colon: bool = False) -> bool:
    cells = [row[position].strip() for row in sample if position < len(row)]
    bare = "" if colon else r"|\d{1,6}|"
    clock = re.compile(r"\d{1,2}:\d\d(:\d\d([.,]\d+)?)?( ?[AP]M)?" + bare, re.IGNORECASE)
    return bool(cells) and all(clock.fullmatch(cell) for cell in cells)


def _missing(roles: list[str], names: Sequence[str], source: str) -> DataError:
    spare = [name for name in names if role_of(name) is None]
    similar = [f"{hit!r} to {role!r}" for role in roles for hit in nearest(role, spare, limit=1)]
    ends = [name for name in spare if plain(name) in ("close time", "time close", "closetime", "end time")]
    end = f" {ends[0]!r} is when a bar ends; when it opens is needed." if ends and "timestamp" in roles else ""
    rename = f" Rename {', '.join(similar)}, or name" if similar else " Name"
    return DataError(
        f"{source}: no column is known to be {', '.join(roles)}; the columns are {', '.join(map(repr, names))}."
        f"{end}{rename} all columns in order: format='timestamp,open,high,low,close,volume', - for one not used.",
        details={"field": "format", "missing": roles, "found": list(names)},
    )
