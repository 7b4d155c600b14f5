"""Which column is which: by the names sources give them, or by place where a file has no header."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ktrdr_engine.bars.series import PRICE_COLUMNS
from ktrdr_engine.errors import DataError, nearest

_NAMES = {
    # Of several such columns in a file the first named here is taken.
    "timestamp": (
        "time period start", "open time", "opentime", "kline open time", "time open", "timeopen", "timestamp",
        "unix timestamp", "unix", "epoch", "unix time", "datetime", "date time", "gmt time", "time utc",
        "date utc", "utc", "timestamp utc", "datetime utc", "bar time",
        "time gmt", "date gmt", "local time", "time eet", "ts", "dt", "datum zeit", "begins at", "start", "begin",
        "start time", "starttime", "start at", "startedat", "window start", "index",
        "unnamed 0", "index level 0", "t", "",
    ),
    "date": ("date", "dtyyyymmdd", "yyyymmdd", "day", "trade date", "tradedate", "trading date", "datum", "fecha",
        "data", "tarih", "дата", "日期", "日付", "일자", "날짜"),
    "time": ("time", "hhmmss", "hh mm", "zeit", "uhrzeit", "heure", "hora", "ora", "время", "时间"),
    "open": (
        "open", "o", "open price", "price open", "opening price", "opening", "first", "openprice", "opn",
        "eröffnung", "eröffnungskurs", "erster", "eröffn", "ouverture", "ouv", "apertura", "abertura",
        "otwarcie", "açılış", "откр", "открытие", "开盘", "开盘价", "開盤", "開盤價", "始値", "시가",
    ),
    "high": (
        "high", "h", "high price", "price high", "max", "highprice", "highest", "hi", "hoch", "höchst", "höchstkurs",
        "tageshoch", "haut", "máximo", "maximo", "máxima", "massimo", "plus haut", "hoog", "najwyższy", "najwyzszy",
        "yüksek", "макс", "максимум", "最高", "最高价", "最高價", "高値", "고가",
    ),
    "low": (
        "low", "l", "low price", "price low", "min", "lowprice", "lowest", "lo", "tief", "tiefst", "tiefstkurs",
        "tagestief", "bas", "mínimo", "minimo", "mínima", "plus bas", "laag", "najniższy", "najnizszy", "düşük",
        "мин", "минимум", "最低", "最低价", "最低價", "安値", "저가",
    ),
    "close": (
        "close", "c", "close price", "price close", "closing price", "close last", "closeprice", "last", "price",
        "last price", "cls", "schluss", "schlusskurs", "schlußkurs", "clôture", "clôt", "cloture", "clot", "cierre",
        "chiusura", "dernier", "último", "ultimo", "fechamento", "zuletzt", "laatste", "zamknięcie",
        "zamkniecie", "şimdi", "kapanış",
        "цена", "закр", "закрытие", "收盘", "收盘价", "收盤", "收盤價", "終値", "종가",
    ),
    "volume": (
        "volume", "vol", "v", "volume base", "base volume", "trade volume", "total volume", "shares traded", "qty",
        "quantity", "tickvol", "tick volume", "tickvolume", "tick vol", "stück", "stücke", "stuecke",
        "volumen", "umsatz",
        "basetokenvolume", "volume traded", "no of shares", "no of shares traded", "total traded quantity",
        "wolumen", "거래량",
        "volumes", "volume in", "real volume", "объём", "объем", "成交量", "出来高",
    ),
    "symbol": ("symbol", "ticker", "instrument", "pair", "isin", "kürzel", "name"),
}  # fmt: skip
_ROLES = {name: role for role, names in _NAMES.items() for name in names}
_RANK = {name: rank for names in _NAMES.values() for rank, name in enumerate(names)}
_SHOWN = 40  # columns of a file that is no table of prices: it may have any number
_LONGEST_NAME = 60
_MOST_GIVEN = 100  # columns that a request can name
_TICKS = ("tickvol", "tick volume", "tickvolume", "tick vol")
_MEANS = frozenset({"ma", "sma", "ema", "avg", "average", "mean"})
_STANDARD = ("timestamp", *PRICE_COLUMNS)
_INSTRUMENTS = 5
_ENDS = ("close time", "time close", "closetime", "timeclose", "end time", "end")
_IS_TIME = re.compile(r"\d{4}[-./]\d\d[-./]\d\d|\d\d?[-./]\d\d?[-./]\d{2,4}|(19|20)\d{6}\b|\d{10}")
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
    return len({role_of(name) for name in undressed(names)} & set(PRICE_COLUMNS[:4]))


def undressed(names: Sequence[str]) -> list[str]:
    """Return the names without a word that all price columns have beside the one that says which price they are.

    Such are an instrument or a currency: `AAPL.Open`, `('Open', 'AAPL')`, `open (USD)`, `mid.o`. Where there are
    prices of several, or some have no such word, the names stay as they are.
    """
    groups = _groups(names)
    if len(groups) != 1 or len({role_of(name) for name in names} & set(PRICE_COLUMNS[:4])) > 2:
        return list(names)
    group = next(iter(groups.values()))
    return [group.get(place, name) for place, name in enumerate(names)]


def _groups(names: Sequence[str]) -> dict[str, dict[int, str]]:
    """Return the columns of each instrument that has all prices: its name, and by position what a column holds."""
    groups: dict[str, dict[int, str]] = {}
    for place, name in enumerate(names):
        first, *others = plain(name).split(" ")
        if others and first in _ROLES:
            groups.setdefault(" ".join(others), {})[place] = first
        elif others and others[-1] in _ROLES:
            groups.setdefault(" ".join((first, *others[:-1])), {})[place] = others[-1]
    needed = set(PRICE_COLUMNS[:4])
    return {name: group for name, group in groups.items() if needed <= {_ROLES[word] for word in group.values()}}


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
    written, names = names, undressed(names)
    for position, name in enumerate(names):
        # A first column without a name is an index; any other is a delimiter too many.
        if (role := role_of(name)) and name.strip() != "-" and (plain(name) or position == 0):
            by_role.setdefault(role, []).append(position)
    for role, positions in by_role.items():
        positions.sort(key=lambda place: (_RANK[_known(names[place])], _known(names[place]) != plain(names[place])))
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
        raise _missing([*missing, *([] if stamp else ["timestamp"])], names, source, sample)
    prices = tuple(by_role[role][0] for role in PRICE_COLUMNS[:4])
    volumes = by_role.get("volume", [])
    ticks = [place for place in volumes if plain(names[place]) in _TICKS]
    real = [place for place in volumes if place not in ticks]
    volume = (*real[:1], *ticks[:1])
    symbol = next(iter(by_role.get("symbol", [])), None)
    used = {*stamp, *prices, *volume, symbol}
    unused = tuple(name for place, name in enumerate(written) if place not in used and name.strip(" -"))
    return Columns(stamp, (prices[0], prices[1], prices[2], prices[3]), volume, symbol, unused)


def check_instruments(names: Iterable[object], source: str) -> None:
    """Refuse a file of several instruments.

    Args:
        names: Those found, empty ones among them.
        source: The file's name.

    Raises:
        DataError: There is more than one.
    """
    found = sorted({str(name) for name in names if name})
    if len(found) > 1:
        more = ", ..." if len(found) > _INSTRUMENTS else ""
        raise DataError(
            f"{source}: it holds several instruments ({', '.join(found[:_INSTRUMENTS])}{more}). Write each into a file "
            "of its own.",
            details={"field": "path", "instruments": found[:20]},
        )


def _known(name: str) -> str:
    """Return the name as the table above has it: "Volume BTC" and "volume_(btc)" are volumes too."""
    words = plain(name)
    if words in _ROLES:
        return words
    first, *others = words.split(" ")
    return "volume" if first in ("volume", "vol") and len(others) == 1 and others[0] not in _MEANS else words


def _stamp_columns(by_role: dict[str, list[int]], sample: Sequence[Sequence[str]]) -> tuple[int, ...]:
    def filled(position: int) -> bool:
        return not sample or any(position < len(row) and row[position].strip() for row in sample)

    stamps, dates, times = (
        [place for place in by_role.get(role, []) if filled(place)] for role in ("timestamp", "date", "time")
    )
    if stamps and dates and _is_time_of_day(stamps[0], sample, colon=True):
        return dates[0], stamps[0]
    if stamps and (not (dates or times) or not _is_count(stamps[0], sample)):
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


def _missing(roles: list[str], names: Sequence[str], source: str, sample: Sequence[Sequence[str]]) -> DataError:
    spare = [name for name in names if role_of(name) is None]
    similar = [f"{hit!r} to {role!r}" for role in roles for hit in nearest(role, spare, limit=1)]
    ends = [name for name in spare if plain(name) in _ENDS]
    end = f" {ends[0]!r} is when a bar ends; when it opens is needed." if ends and "timestamp" in roles else ""
    shown = [name[:_LONGEST_NAME] for name in names[:_SHOWN]]
    details: dict[str, Any] = {"field": "format", "missing": roles, "found": shown}
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    columns = f"the columns are {', '.join(map(repr, shown))}{more}"
    several = _groups(names)
    if len(names) > _MOST_GIVEN:
        held = f"it has prices of {', '.join(list(several)[:_INSTRUMENTS])}" if several else ""
        held = held or f"no column is known to be {', '.join(roles)}"
        return DataError(
            f"{source}: {held}; {columns}. Write those of one instrument into a file of its own.", details=details
        )
    if len(several) > 1:
        chosen = {name: _format(names, sample, group) for name, group in several.items()}
        ways = " or ".join(f"format={format!r} ({name})" for name, format in list(chosen.items())[:_INSTRUMENTS])
        return DataError(
            f"{source}: it has prices of {', '.join(list(several)[:_INSTRUMENTS])}; {columns}. Choose: {ways}.",
            details={**details, "readings": chosen},
        )
    format = _format(names, sample, next(iter(several.values()), {}))
    if {"open", "high", "low", "close", "timestamp"} <= set(format.split(",")):
        return DataError(
            f"{source}: no column is known to be {', '.join(roles)}; {columns}.{end} If that is right, load again with "
            f"format={format!r} (- for one not used).",
            details={**details, "mended": {"format": format}},
        )
    rename = f" Rename {', '.join(similar)}, or name" if similar else " Name"
    return DataError(
        f"{source}: no column is known to be {', '.join(roles)}; {columns}.{end}{rename} all {len(names)} columns in "
        f"order as timestamp, open, high, low, close, volume, - for one not used; known so far: format={format!r}.",
        details=details,
    )


def _format(names: Sequence[str], sample: Sequence[Sequence[str]], group: Mapping[int, str]) -> str:
    """Return what `format` would say of the columns as far as it is known, `group` being those of the prices.

    A column that only looks like times is taken for them where no name says so.
    """
    roles = [role_of(group.get(place, name)) or "-" for place, name in enumerate(names)]
    once = [role if role not in roles[:place] else "-" for place, role in enumerate(roles)]
    if not {"timestamp", "date", "time"} & set(once):
        dates = [
            place
            for place, role in enumerate(once)
            if role == "-" and sample and all(len(row) > place and _IS_TIME.match(row[place]) for row in sample)
        ]
        opens = [place for place in dates if plain(names[place]) not in _ENDS]
        if opens:
            once[opens[0]] = "timestamp"
    return ",".join("timestamp" if role == "date" and "time" not in once else role for role in once)
